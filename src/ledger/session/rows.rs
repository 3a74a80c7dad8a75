//! Sessions, and what a request is authorised by.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{DeviceId, MembershipId, OrganisationId, SessionId},
    ledger::{
        kinds::{EndReason, SessionKind},
        rows::{Device, Membership, OrganisationNames, Version},
    },
};

/// A row of `sessions`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub organisation_id: OrganisationId,
    /// The member that signed in.
    pub membership_id: MembershipId,
    /// The device that it was begun on.
    pub device_id: Option<DeviceId>,
    /// Where it was begun.
    pub kind: SessionKind,
    /// When it began.
    pub started_at: Moment,
    /// When it ends at the latest.
    pub expires_at: Moment,
    /// Seconds without use after which it is over.
    pub idle_seconds: i64,
    /// When it ended before its time.
    pub ended_at: Option<Moment>,
    /// Why.
    pub end_reason: Option<EndReason>,
    /// The device that took over, or `backstage`.
    pub displaced_by: Option<String>,
    pub version: Version,
    /// When it was last used; written at most once a minute.
    pub seen_at: Moment,
}

/// What a request is authorised by: a session, its member, its device and their names, as the ledger had them at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Authority {
    pub session: Session,
    /// The member that signed in.
    pub membership: Membership,
    /// The device that it was begun on.
    pub device: Option<Device>,
    /// The person's name.
    pub user_name: String,
    /// What the organisation is called.
    pub organisation: Arc<OrganisationNames>,
}

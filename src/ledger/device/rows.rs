//! Devices.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{DeviceId, EnrolmentId, OrganisationId},
    ledger::{kinds::DeviceKind, rows::Version},
};

/// A row of `devices`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Device {
    pub id: DeviceId,
    pub organisation_id: OrganisationId,
    pub name: String,
    /// What it is for.
    pub kind: DeviceKind,
    /// The gate at which it is used.
    pub gate: Option<String>,
    /// The hash of the enrolment code that waits to be used.
    pub enrolment_hash: Option<String>,
    /// Until when that code works.
    pub enrolment_expires_at: Option<Moment>,
    /// The enrolment that the valid device token belongs to.
    pub enrolment_id: Option<EnrolmentId>,
    /// When it was last enrolled.
    pub enrolled_at: Option<Moment>,
    /// When it was revoked.
    pub revoked_at: Option<Moment>,
    /// What the app reported of the hardware.
    #[sqlx(json(nullable))]
    pub hardware: Option<Value>,
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
    /// When it was last used; written at most once a minute.
    pub seen_at: Option<Moment>,
}

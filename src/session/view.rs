//! A session as the contract shows it.

use enumset::EnumSet;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    authorise::{Pin, pin, session_permissions},
    clock::Stamp,
    ids::{Named, SessionId},
    ledger::{
        Ledger, LedgerError,
        kinds::{EndReason, Permission, Role, SessionKind},
        rows::Authority,
    },
};

/// An organisation inside another answer.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OrganisationRef {
    /// Its id.
    pub id: Uuid,
    /// Its name for people.
    pub name: String,
    /// Its name at sign-in.
    pub slug: String,
}

impl OrganisationRef {
    /// The organisation that a session is in.
    pub fn of(authority: &Authority) -> Self {
        Self {
            id: authority.membership.organisation_id.0,
            name: authority.organisation.name.clone(),
            slug: authority.organisation.slug.clone(),
        }
    }
}

/// A session.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = session)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Where it was begun.
    pub kind: SessionKind,
    /// Whose it is.
    pub user: Named,
    /// In which organisation.
    pub organisation: OrganisationRef,
    /// On which device.
    pub device: Option<Named>,
    /// The member's role.
    pub role: Role,
    /// What may be done in this session.
    #[schema(value_type = Vec<Permission>)]
    pub permissions: EnumSet<Permission>,
    /// The one event that the member may work for, if bound to one.
    pub pinned_event: Option<Named>,
    /// When it began.
    pub started_at: Stamp,
    /// When it ends at the latest.
    pub expires_at: Stamp,
}

/// A session in a list, with what has become of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = listed_session)]
pub struct ListedSession {
    /// The session.
    #[serde(flatten)]
    pub session: SessionView,
    /// When it was last used, to the minute.
    pub last_seen_at: Stamp,
    /// When it ended before its time.
    pub ended_at: Option<Stamp>,
    /// Why it ended. A session whose time ran out by itself has no reason until a newer sign-in finds it.
    pub end_reason: Option<EndReason>,
    /// The device that took over, or `backstage`.
    pub displaced_by: Option<String>,
}

impl ListedSession {
    /// Shows this session.
    pub async fn of(ledger: &Ledger, authority: &Authority) -> Result<Self, LedgerError> {
        let session = &authority.session;
        Ok(Self {
            last_seen_at: session.seen_at.into(),
            ended_at: session.ended_at.map(Stamp),
            end_reason: session.end_reason,
            displaced_by: session.displaced_by.clone(),
            session: SessionView::of(ledger, authority).await?,
        })
    }
}

impl SessionView {
    /// Shows this session. The pinned event's name is read from the ledger.
    pub async fn of(ledger: &Ledger, authority: &Authority) -> Result<Self, LedgerError> {
        let pinned_event = match pin(&authority.membership) {
            Pin::At(event) => ledger.event_named(event).await?,
            Pin::Nowhere | Pin::Unbound => None,
        };
        let Authority { session, membership, device, user_name, .. } = authority;
        Ok(Self {
            id: session.id,
            kind: session.kind,
            user: Named::new(membership.user_id, user_name),
            organisation: OrganisationRef::of(authority),
            device: device.as_ref().map(|d| Named::new(d.id, &d.name)),
            role: membership.role,
            permissions: session_permissions(session.kind, membership),
            pinned_event,
            started_at: session.started_at.into(),
            expires_at: session.expires_at.into(),
        })
    }
}

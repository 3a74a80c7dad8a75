//! The team: the members of an organisation, their roles, and what they may do.

pub mod change;
pub mod organisation;

use enumset::EnumSet;
use serde::Serialize;

use crate::{
    authorise::{Denied, Refused, role::effective},
    faults::Faults,
    ids::{Named, UserId},
    ledger::{
        Ledger, LedgerError, Name, Page,
        kinds::{MemberStatus, Permission, Role},
        rows::{Membership, User},
    },
    session::password::PoolFull,
};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    /// The caller is refused.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The caller may not, or there is no such member.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The body breaks a rule.
    #[error("the body is invalid")]
    Invalid(Faults),
    /// It would leave the organisation without an active Organisation Admin.
    #[error("This is the last Organisation Admin. Make somebody else one first.")]
    LastAdministrator,
    /// Members do not change or remove themselves.
    #[error("You cannot change your own membership.")]
    OwnMembership,
    /// The user name or slug is in use.
    #[error("This name is taken.")]
    NameTaken,
    /// Too many passwords wait.
    #[error(transparent)]
    PoolFull(#[from] PoolFull),
    /// The ledger.
    #[error(transparent)]
    Ledger(LedgerError),
}

impl From<LedgerError> for TeamError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Taken(Name::Username | Name::Slug) => Self::NameTaken,
            other => Self::Ledger(other),
        }
    }
}

/// A person inside a member.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = member_user)]
pub struct PersonView {
    /// Their id.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their user name in this organisation.
    pub username: String,
    /// Their address.
    pub email: String,
}

/// A member as the contract shows it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = member)]
pub struct MemberView {
    /// The person.
    pub user: PersonView,
    /// The role.
    pub role: Role,
    /// What they may do: the role's permissions with the single ones granted and revoked.
    #[schema(value_type = Vec<Permission>)]
    pub permissions: EnumSet<Permission>,
    /// The events granted to a viewer; the pin of a door operator.
    pub events: Vec<Named>,
    /// Whether the membership is in force.
    pub status: MemberStatus,
}

/// Shows a member.
pub async fn view(ledger: &Ledger, membership: &Membership, user: &User) -> Result<MemberView, LedgerError> {
    let mut events = Vec::with_capacity(membership.events.len());
    for event in &membership.events {
        events.extend(ledger.event_named(*event).await?);
    }
    Ok(MemberView {
        user: PersonView { id: user.id, name: user.name.clone(), username: membership.username.clone(), email: user.email.clone() },
        role: membership.role,
        permissions: effective(membership.role, membership.grants, membership.revokes),
        events,
        status: membership.status,
    })
}

/// The members of the organisation with this role and this text in their name, user name or address.
pub async fn list(
    ledger: &Ledger,
    staff: crate::authorise::StaffSession<'_>,
    role: Option<Role>,
    needle: &str,
    page: Page,
) -> Result<Vec<(MemberView, uuid::Uuid)>, TeamError> {
    let mandate = staff.mandate(Permission::TeamView).await?;
    let mut listed = Vec::new();
    let needle = needle.replace(char::is_control, " ").trim().to_lowercase();
    for (membership, user) in ledger.members(mandate.organisation(), role, &needle, page).await? {
        listed.push((view(ledger, &membership, &user).await?, membership.id.0));
    }
    Ok(listed)
}

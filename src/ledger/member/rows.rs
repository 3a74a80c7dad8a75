//! Organisations, users, and the memberships that join them.

use enumset::EnumSet;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{EventId, MembershipId, OrganisationId, UserId},
    ledger::{
        kinds::{MemberStatus, Permission, Role},
        rows::Version,
    },
};

/// A row of `organisations`.
#[derive(Clone, Debug, FromRow, Serialize, Deserialize)]
pub struct Organisation {
    pub id: OrganisationId,
    /// Its name in addresses and at sign-in.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Moves with each change of the team, so that such changes are made one after the other.
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
}

/// The names of an organisation; all its sessions share one copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganisationNames {
    pub slug: String,
    pub name: String,
}

/// A row of `users`.
#[derive(Clone, FromRow, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    /// The person's name.
    pub name: String,
    /// The person's address.
    pub email: String,
    /// Argon2id, as a PHC string.
    pub password_hash: String,
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
}

impl std::fmt::Debug for User {
    /// Without the hash: a person's secret is in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// A row of `memberships`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Membership {
    pub id: MembershipId,
    pub organisation_id: OrganisationId,
    /// The person.
    pub user_id: UserId,
    /// The user name as it was written.
    pub username: String,
    /// The user name as it is compared.
    pub username_key: String,
    pub role: Role,
    /// Permissions given on top of the role.
    #[sqlx(json)]
    pub grants: EnumSet<Permission>,
    /// Permissions taken away from the role.
    #[sqlx(json)]
    pub revokes: EnumSet<Permission>,
    /// The events granted to a viewer; the pin of a door operator.
    #[sqlx(json)]
    pub events: Vec<EventId>,
    /// Whether it is in force.
    pub status: MemberStatus,
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
}

impl Membership {
    /// The only event in the list, if there is exactly one: a door operator is pinned to it.
    pub fn only_event(&self) -> Option<EventId> {
        match self.events.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

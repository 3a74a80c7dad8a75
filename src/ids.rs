//! The names of things: one newtype per kind of id, so that a ticket can never be passed where a session is meant.
//!
//! Ids made here are UUIDs of version 7 (see [`crate::clock::Clock::id`]): they grow with time, which keeps the indexes of the ledger compact.
#![warn(missing_docs)]

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// An organisation: the tenant that everything else belongs to.
    OrganisationId;
    /// A person.
    UserId;
    /// A person in an organisation.
    MembershipId;
    /// A phone that scans or a terminal that sells.
    DeviceId;
    /// One enrolment of a device; a new one makes the old device token worthless.
    EnrolmentId;
    /// A signed-in session.
    SessionId;
    /// An event.
    EventId;
    /// A type of ticket of one event.
    TicketTypeId;
    /// A ticket.
    TicketId;
    /// A scan; made by the device.
    ScanId;
    /// A scan that was refused, in the log of those.
    RefusedScanId;
    /// A sale; made by the device.
    SaleId;
    /// A guest list of one event.
    GuestListId;
    /// A guest with their party.
    GuestId;
    /// People of a party let in, or a check-in taken back; made by the client.
    CheckInId;
    /// A hold of stock; made by the device.
    HoldId;
    /// A void of a sale; made by the device.
    VoidId;
}

/// A thing as it appears inside another answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Named {
    /// Its id.
    pub id: Uuid,
    /// Its name, as a person wrote it.
    pub name: String,
}

impl Named {
    /// The `{id, name}` of a thing.
    pub fn new(id: impl Into<Uuid>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into() }
    }
}

macro_rules! into_uuid {
    ($($name:ident)*) => {$(
        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}
into_uuid! {
    OrganisationId UserId MembershipId DeviceId EnrolmentId SessionId EventId TicketTypeId TicketId ScanId RefusedScanId SaleId
    HoldId VoidId GuestListId GuestId CheckInId
}

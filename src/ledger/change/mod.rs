//! A change: new images of rows, stored whole or not at all.
//!
//! A caller that changes something reads it, makes the new images, each one version above what was read, and hands them over with a guard:
//! the versions of all else that the change rests on (the caller's session, membership and device above all). The ledger stores them
//! under the organisation's lock if every one of them is still what it was, and says [`super::LedgerError::Moved`] otherwise. So all
//! rules of the team, of devices and of events are written once, in Rust, and hold under races between gateways.

mod postgres;
pub(super) mod sqlite;

use serde::Serialize;
use uuid::Uuid;

use super::{
    Ledger, LedgerError,
    rows::{Device, Event, Membership, Organisation, Session, SigningKey, TicketType, User, Version},
};
use crate::{
    clock::Moment,
    ids::{DeviceId, EventId, MembershipId, OrganisationId, SessionId},
};

/// One version that a change rests on.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Guard {
    Session {
        /// Which.
        id: SessionId,
        /// As it was read.
        version: Version,
    },
    Membership {
        /// Which.
        id: MembershipId,
        /// As it was read.
        version: Version,
    },
    Device {
        /// Which.
        id: DeviceId,
        /// As it was read.
        version: Version,
    },
    Event {
        /// Which.
        id: EventId,
        /// As it was read.
        version: Version,
    },
    /// The sessions of a member that have not ended. Those that were read are in the images; with so many and no more, none has begun
    /// since.
    OpenOfMember {
        /// Whose.
        id: MembershipId,
        /// How many were read.
        version: i64,
    },
    /// The sessions on a device that have not ended, likewise.
    OpenOfDevice {
        /// On which.
        id: DeviceId,
        /// How many were read.
        version: i64,
    },
}

/// Open sessions that are to end together, however many there are: of a member, on a device, or of the whole organisation.
#[derive(Debug)]
pub struct Ending {
    /// Whose.
    pub organisation: OrganisationId,
    /// When.
    pub at: Moment,
    /// What it rests on.
    pub guards: Vec<Guard>,
    /// Of this member only.
    pub member: Option<MembershipId>,
    /// On this device only.
    pub device: Option<DeviceId>,
    /// But for this one.
    pub keep: Option<SessionId>,
}

/// A new signing key in the place of the active one.
pub struct Rotation<'r> {
    /// The key that signs from now on.
    pub fresh: &'r SigningKey,
    /// Keys that are to be forgotten.
    pub forget: &'r [String],
    /// Whether all but the new one are to be forgotten.
    pub forget_old: bool,
    /// When.
    pub at: Moment,
}

/// New images of rows. A row that is new has version 1; one that changes has the version after the one that was read.
#[derive(Debug, Default, Serialize)]
pub struct Images {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organisations: Vec<Organisation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memberships: Vec<Membership>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Ticket types; the image of their event is in the same change, because its version is theirs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ticket_types: Vec<TicketType>,
    /// Sessions: those that end before those that begin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Session>,
}

/// A change of one organisation.
#[derive(Debug)]
#[must_use = "a change does nothing until the ledger stores it"]
pub struct Change {
    /// Whose.
    pub organisation: OrganisationId,
    /// When.
    pub at: Moment,
    /// What it rests on.
    pub guards: Vec<Guard>,
    /// What it writes.
    pub images: Images,
}

impl Change {
    /// A change that writes nothing yet.
    pub fn new(organisation: OrganisationId, at: Moment, guards: Vec<Guard>) -> Self {
        Self { organisation, at, guards, images: Images::default() }
    }

    /// What the log records of this change: the things that gateways may hold copies of and that it gives a new version, and the events
    /// that are new, for streams of the list of events.
    pub fn altered(&self) -> Vec<Uuid> {
        let new_events = self.images.events.iter().filter(|event| event.version == 1).map(|event| event.id.0);
        self.moved().chain(new_events).collect()
    }

    /// Whether it must have the organisation's lock alone. What only adds (a scanner's sign-in, a new device) shares it with the door.
    pub fn alone(&self) -> bool {
        self.moved().next().is_some() || self.images.organisations.iter().any(|o| o.version > 1) || !self.images.ticket_types.is_empty()
    }

    /// The things that get a new version.
    fn moved(&self) -> impl Iterator<Item = Uuid> {
        let images = &self.images;
        let sessions = images.sessions.iter().map(|r| (r.id.0, r.version));
        let memberships = images.memberships.iter().map(|r| (r.id.0, r.version));
        let devices = images.devices.iter().map(|r| (r.id.0, r.version));
        let events = images.events.iter().map(|r| (r.id.0, r.version));
        let all = sessions.chain(memberships).chain(devices).chain(events);
        all.filter(|(_, version)| *version > 1).map(|(id, _)| id)
    }
}

/// A change of any kind, as [`Ledger::change`] makes it: attempted, stored, and decided again if something that it was decided on has changed.
pub trait Storable: Send + Sync {
    /// Stores it, whole or not at all.
    fn store_in(&self, ledger: &Ledger) -> impl Future<Output = Result<(), LedgerError>> + Send;
}

impl Storable for Change {
    async fn store_in(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        ledger.store(self).await
    }
}

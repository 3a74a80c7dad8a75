//! Entries: what the door path writes to the ledger, and the proof that it may.
//!
//! An [`Entry`] can only be made from a permit, which it consumes. Only [`crate::authorise`] gives permits, and it gives none without having
//! judged the session, the device, the permission, the pin and the event. So no code path writes a scan, a sale, a hold, a void, a check-in,
//! a take-back or an imported admission that was not authorised. What compiles, and what does not:
//!
//! ```no_run
//! # fn once(permit: stagedoor::authorise::Permit<stagedoor::ledger::sale::NewSale>, sale: stagedoor::ledger::sale::NewSale) {
//! stagedoor::ledger::entry::Entry::new(permit, sale);
//! # }
//! ```
//!
//! ```compile_fail
//! # fn forge(scan: stagedoor::ledger::scan::Scan, decided_on: stagedoor::ledger::entry::DecidedOn) {
//! // The fields of an entry are private.
//! let forged = stagedoor::ledger::entry::Entry { organisation: todo!(), decided_on, values: scan };
//! # }
//! ```
//!
//! ```compile_fail
//! # fn forge(scan: stagedoor::ledger::scan::Scan) {
//! struct Forged;
//! // The trait is sealed: no other crate can implement it.
//! impl stagedoor::ledger::entry::PermitFor<stagedoor::ledger::scan::Scan> for Forged {
//!     fn into_parts(self) -> (stagedoor::ids::OrganisationId, stagedoor::ledger::entry::DecidedOn) { todo!() }
//! }
//! stagedoor::ledger::entry::Entry::new(Forged, scan);
//! # }
//! ```
//!
//! ```compile_fail
//! # fn twice(permit: stagedoor::authorise::Permit<stagedoor::ledger::sale::NewSale>, one: stagedoor::ledger::sale::NewSale, two: stagedoor::ledger::sale::NewSale) {
//! // A permit is used up by its first entry.
//! stagedoor::ledger::entry::Entry::new(permit, one);
//! stagedoor::ledger::entry::Entry::new(permit, two);
//! # }
//! ```
//!
//! ```compile_fail
//! # fn swap(permit: stagedoor::authorise::Permit<stagedoor::ledger::scan::Scan>, sale: stagedoor::ledger::sale::NewSale) {
//! // A permit is good for one kind of entry: a scan's does not sell.
//! stagedoor::ledger::entry::Entry::new(permit, sale);
//! # }
//! ```

use std::ops::Deref;

use super::{change::Guard, rows::Version};
use crate::ids::{DeviceId, EventId, MembershipId, OrganisationId, SessionId};

/// The versions that a decision was made on. The ledger writes an entry only while each of them is still the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecidedOn {
    /// The session and its version.
    pub session: (SessionId, Version),
    /// The membership and its version.
    pub membership: (MembershipId, Version),
    /// The device and its version; a check-in needs none.
    pub device: Option<(DeviceId, Version)>,
    /// The event and its version.
    pub event: (EventId, Version),
}

impl DecidedOn {
    /// The same as guards, for what is not written in batches.
    pub fn guards(&self) -> Vec<Guard> {
        let Self { session, membership, device, event } = *self;
        let device = device.map(|(id, version)| Guard::Device { id, version });
        [Guard::Session { id: session.0, version: session.1 }, Guard::Membership { id: membership.0, version: membership.1 }]
            .into_iter()
            .chain(device)
            .chain([Guard::Event { id: event.0, version: event.1 }])
            .collect()
    }

    /// The device, if there is one.
    pub fn device_id(&self) -> Option<DeviceId> {
        self.device.map(|(id, _)| id)
    }
}

/// The values of one kind of entry.
pub trait Values {
    /// What entries of this kind were decided on.
    type Basis;
}

/// The right to write one entry of these values.
///
/// Sealed: [`crate::authorise`] implements it for its permits, and another crate cannot.
pub trait PermitFor<V: Values>: sealed::Sealed {
    /// The organisation whose ledger is written to, and what the permit was given on.
    fn into_parts(self) -> (OrganisationId, V::Basis);
}

pub(crate) mod sealed {
    /// Implemented by permits only.
    pub trait Sealed {}
}

/// What is to be written, with the proof that it may be.
#[derive(Clone, Debug)]
pub struct Entry<V: Values> {
    organisation: OrganisationId,
    decided_on: V::Basis,
    values: V,
}

impl<V: Values> Entry<V> {
    /// An entry of these values. The permit is used up.
    pub fn new(permit: impl PermitFor<V>, values: V) -> Self {
        let (organisation, decided_on) = permit.into_parts();
        Self { organisation, decided_on, values }
    }

    /// The organisation whose ledger it is written to.
    pub fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    /// What it was decided on.
    pub fn decided_on(&self) -> &V::Basis {
        &self.decided_on
    }

    /// The values, when the entry is written.
    pub fn into_values(self) -> V {
        self.values
    }
}

impl<V: Values> Deref for Entry<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.values
    }
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<R, N = std::convert::Infallible> {
    /// It is on disk.
    Recorded(R),
    /// The ledger's own count forbids it (a quota, a bound).
    Refused(N),
    /// It was not written: what it was decided on has a newer version, or its id is known. Look again.
    Moved,
}

impl<R> Outcome<R> {
    /// The same outcome of what becomes of a record; where an entry is never refused, the refusal may be of any type.
    pub fn map<T, N>(self, record: impl FnOnce(R) -> T) -> Outcome<T, N> {
        match self {
            Self::Recorded(recorded) => Outcome::Recorded(record(recorded)),
            Self::Refused(never) => match never {},
            Self::Moved => Outcome::Moved,
        }
    }
}

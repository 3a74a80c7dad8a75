//! Permits: each is the right to write one entry to the ledger, and carries the versions that it was given on.
//!
//! A permit can only be made by the functions of this folder, and an entry of the ledger only from a permit, which it consumes (see
//! [`crate::ledger::entry`]):
//!
//! ```compile_fail
//! # fn forge(caller: stagedoor::authenticate::Caller, decided_on: stagedoor::ledger::entry::DecidedOn) {
//! // Its fields are private.
//! let forged = stagedoor::authorise::Permit::<stagedoor::ledger::scan::Scan> { caller, decided_on, writes: std::marker::PhantomData };
//! # }
//! ```
//!
//! The order of refusals is the contract's: device, event, permission, pin, event live, cash.

use std::marker::PhantomData;

use enumset::EnumSet;

use super::{Refused, need, permissions, pin::check_pin, role::Permission};
use crate::{
    authenticate::Caller,
    ids::{Named, OrganisationId},
    ledger::{
        CarryOver,
        change::Guard,
        entry::{DecidedOn, PermitFor, Values, sealed::Sealed},
        hold::{HoldRelease, NewHold},
        kinds::{EventStatus, SessionKind},
        rows::{Device, Event, EventFacts},
        sale::NewSale,
        scan::Scan,
        void::NewVoid,
    },
};

/// What a caller wants to do at a door or a till.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Scan,
    Sell {
        /// For cash.
        cash: bool,
        /// And admit the buyers at once.
        admit: bool,
    },
}

/// The right to write one entry of these values.
#[derive(Debug)]
#[must_use = "a permit is good for one entry"]
pub struct Permit<V> {
    caller: Caller,
    decided_on: DecidedOn,
    writes: PhantomData<fn(V)>,
}

impl<V> Permit<V> {
    pub(super) fn new(caller: &Caller, event: &Event) -> Self {
        let authority = caller.authority();
        let decided_on = DecidedOn {
            session: (authority.session.id, authority.session.version),
            membership: (authority.membership.id, authority.membership.version),
            device: authority.device.as_ref().map(|device| (device.id, device.version)),
            event: (event.id, event.version),
        };
        Self { caller: caller.clone(), decided_on, writes: PhantomData }
    }

    /// The caller that it was given to.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The device that it was given to. A permit of the door or the till has one.
    pub fn device(&self) -> Option<&Device> {
        self.caller.authority().device.as_ref()
    }

    /// The versions that it was given on.
    pub fn decided_on(&self) -> DecidedOn {
        self.decided_on
    }
}

impl<V> Sealed for Permit<V> {}

impl<V: Values<Basis = DecidedOn>> PermitFor<V> for Permit<V> {
    fn into_parts(self) -> (OrganisationId, DecidedOn) {
        (self.caller.organisation(), self.decided_on)
    }
}

/// May this caller scan tickets of this event, and take scans back? `pinned` is the one event in the caller's list, if there is exactly one.
pub fn to_scan(caller: &Caller, event: Option<&EventFacts>, pinned: Option<&Named>) -> Result<Permit<Scan>, Refused> {
    check(caller, Act::Scan, event, pinned)
}

/// May this caller sell for this event?
pub fn to_sell(
    caller: &Caller,
    cash: bool,
    admit: bool,
    event: Option<&EventFacts>,
    pinned: Option<&Named>,
) -> Result<Permit<NewSale>, Refused> {
    check(caller, Act::Sell { cash, admit }, event, pinned)
}

/// May this caller hold stock of this event? A hold is a sale without the payment: it needs what a card sale needs.
pub fn to_hold(caller: &Caller, event: Option<&EventFacts>, pinned: Option<&Named>) -> Result<Permit<NewHold>, Refused> {
    check(caller, Act::Sell { cash: false, admit: false }, event, pinned)
}

/// May this caller release a hold of this event?
pub fn to_release(caller: &Caller, event: Option<&EventFacts>, pinned: Option<&Named>) -> Result<Permit<HoldRelease>, Refused> {
    check(caller, Act::Sell { cash: false, admit: false }, event, pinned)
}

/// Whether the caller may void a sale of this event that was paid in cash, or not in cash. A caller who may sell it may void it.
pub fn to_void(caller: &Caller, cash: bool, event: Option<&EventFacts>, pinned: Option<&Named>) -> Result<Permit<NewVoid>, Refused> {
    check(caller, Act::Sell { cash, admit: false }, event, pinned)
}

/// May this caller do this at this event? For an answer alone: nothing can be written with it.
pub fn may(caller: &Caller, act: Act, event: Option<&EventFacts>, pinned: Option<&Named>) -> Result<(), Refused> {
    check::<std::convert::Infallible>(caller, act, event, pinned).map(drop)
}

fn check<V>(caller: &Caller, act: Act, event: Option<&EventFacts>, pinned: Option<&Named>) -> Result<Permit<V>, Refused> {
    check_device(caller, act)?;
    let event = &event.ok_or(Refused::NotFound)?.event;
    let held = permissions(caller);
    check_permission(held, act)?;
    check_pin(caller, event.id, pinned)?;
    if event.status != EventStatus::Live {
        return Err(Refused::EventNotLive);
    }
    check_extras(held, act)?;
    Ok(Permit::new(caller, event))
}

fn check_device(caller: &Caller, act: Act) -> Result<(), Refused> {
    let authority = caller.authority();
    let needed = match (act, authority.session.kind) {
        (Act::Scan, SessionKind::Backstage) => Some("Scanning needs a session on an enrolled device."),
        (Act::Sell { .. }, SessionKind::Backstage | SessionKind::Scanner) => Some("Selling needs a session on a POS device."),
        (Act::Scan, SessionKind::Scanner | SessionKind::Pos) | (Act::Sell { .. }, SessionKind::Pos) => None,
    };
    match (needed, &authority.device) {
        (None, Some(_)) => Ok(()),
        (needed, _) => Err(Refused::DeviceRequired(needed.unwrap_or("This needs a session on an enrolled device."))),
    }
}

fn check_permission(held: EnumSet<Permission>, act: Act) -> Result<(), Refused> {
    match act {
        Act::Scan => need(held, Permission::EntryScan),
        Act::Sell { .. } if held.contains(Permission::PosDoor) => Ok(()),
        Act::Sell { .. } => need(held, Permission::PosBoxoffice),
    }
}

fn check_extras(held: EnumSet<Permission>, act: Act) -> Result<(), Refused> {
    let Act::Sell { cash, admit } = act else { return Ok(()) };
    if cash {
        need(held, Permission::PosCash)?;
    }
    if admit {
        need(held, Permission::EntryScan)?;
    }
    Ok(())
}

/// The right to carry admissions of another system over, with the tickets that an upload or an import brings.
#[derive(Debug)]
#[must_use = "a permit is good for one entry"]
pub struct ImportPermit {
    organisation: OrganisationId,
    guards: Vec<Guard>,
}

impl Sealed for ImportPermit {}

impl PermitFor<CarryOver> for ImportPermit {
    fn into_parts(self) -> (OrganisationId, Vec<Guard>) {
        (self.organisation, self.guards)
    }
}

/// May this caller import into the events of the organisation?
pub fn to_import(caller: &Caller) -> Result<ImportPermit, Refused> {
    need(permissions(caller), Permission::EventsManage)?;
    Ok(ImportPermit { organisation: caller.organisation(), guards: caller.guards() })
}

/// The permit of an operator who runs a command at the ledger itself.
pub(crate) fn import_by_operator(organisation: OrganisationId) -> ImportPermit {
    ImportPermit { organisation, guards: Vec::new() }
}

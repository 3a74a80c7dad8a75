//! May this caller see the guests of this event, change them, check them in?
//!
//! Unlike a scan, a check-in needs no device: a name is asked for, not a code, and the manager with a laptop at the door is welcome to
//! answer. The pin binds a door operator here as it does for scans and sales.

use super::{Mandate, Pin, Refused, check_pin, need, permissions, pin, role::Permission};
use crate::{
    authenticate::Caller,
    ids::{DeviceId, EventId, MembershipId, Named, OrganisationId, SessionId},
    ledger::{
        change::Guard,
        kinds::EventStatus,
        rows::{Device, Event},
    },
};

/// The right to let people of one party in once, or to take a check-in back: consumed by the commit.
#[derive(Debug)]
#[must_use = "a permit is good for one commit"]
pub struct CheckInPermit {
    caller: Caller,
    event: EventId,
    guards: Vec<Guard>,
}

impl CheckInPermit {
    fn new(caller: &Caller, event: &Event) -> Self {
        let mut guards = caller.guards();
        guards.push(Guard::Event { id: event.id, version: event.version });
        Self { caller: caller.clone(), event: event.id, guards }
    }

    /// The organisation whose ledger is written to.
    pub fn organisation(&self) -> OrganisationId {
        self.caller.organisation()
    }

    /// The event that it is good for.
    pub fn event(&self) -> EventId {
        self.event
    }

    /// The session that it was given to.
    pub fn session(&self) -> SessionId {
        self.caller.authority().session.id
    }

    /// The member that it was given to.
    pub fn membership(&self) -> MembershipId {
        self.caller.authority().membership.id
    }

    /// The device that it was given to, if there is one.
    pub fn device(&self) -> Option<&Device> {
        self.caller.authority().device.as_ref()
    }

    /// The versions that it was given on.
    pub fn into_guards(self) -> Vec<Guard> {
        self.guards
    }
}

/// CheckInOwner check-in is to be taken back, as the caller may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckInOwner {
    /// Made by this caller, here, a moment ago.
    TheirOwn,
    /// Somebody else's, or too long ago.
    Anothers,
}

/// Whether this is the caller who did something: on the same device, or as the same member where there was none.
pub fn is_same(caller: &Caller, device: Option<DeviceId>, membership: MembershipId) -> bool {
    let authority = caller.authority();
    match (device, authority.session.device_id) {
        (Some(then), Some(now)) => then == now,
        (None, None) => membership == authority.membership.id,
        _ => false,
    }
}

/// May this caller check guests of this event in?
pub fn check_in(caller: &Caller, event: Option<&Event>, pinned: Option<&Named>) -> Result<CheckInPermit, Refused> {
    let event = event.ok_or(Refused::NotFound)?;
    need(permissions(caller), Permission::GuestlistCheckin)?;
    check_pin(caller, event.id, pinned)?;
    is_live(event)?;
    Ok(CheckInPermit::new(caller, event))
}

/// May this caller take a check-in of this event back? Their own as long as they might check in; any, and after the event as well, who
/// manages guest lists.
pub fn take_back(caller: &Caller, event: Option<&Event>, pinned: Option<&Named>, whose: CheckInOwner) -> Result<CheckInPermit, Refused> {
    let event = event.ok_or(Refused::NotFound)?;
    let held = permissions(caller);
    if held.contains(Permission::GuestlistManage) {
        check_pin(caller, event.id, pinned)?;
        return Ok(CheckInPermit::new(caller, event));
    }
    need(held, Permission::GuestlistCheckin)?;
    check_pin(caller, event.id, pinned)?;
    is_live(event)?;
    match whose {
        CheckInOwner::TheirOwn => Ok(CheckInPermit::new(caller, event)),
        CheckInOwner::Anothers => Err(Refused::PermissionMissing(Permission::GuestlistManage)),
    }
}

fn is_live(event: &Event) -> Result<(), Refused> {
    if event.status == EventStatus::Live { Ok(()) } else { Err(Refused::EventNotLive) }
}

/// May this caller see the guests of this event?
pub fn may_see_guests(caller: &Caller, event: EventId, pinned: Option<&Named>) -> Result<(), Refused> {
    if !permissions(caller).contains(Permission::GuestlistManage) {
        need(permissions(caller), Permission::GuestlistCheckin)?;
    }
    check_pin(caller, event, pinned)
}

/// May this caller change the guest lists of this event?
pub fn guest_manager(caller: Caller, event: EventId, pinned: Option<&Named>) -> Result<Mandate, Refused> {
    need(permissions(&caller), Permission::GuestlistManage)?;
    check_pin(&caller, event, pinned)?;
    Ok(Mandate { caller })
}

/// The pinned event whose name a refusal for this event would tell.
pub fn pinned_elsewhere(caller: &Caller, event: EventId) -> Option<EventId> {
    match pin(&caller.authority().membership) {
        Pin::At(only) if only != event => Some(only),
        Pin::At(_) | Pin::Nowhere | Pin::Unbound => None,
    }
}

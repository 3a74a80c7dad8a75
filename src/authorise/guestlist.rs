//! Whether the caller may see the guests of this event, change them, check them in.
//!
//! Unlike a scan, a check-in needs no device: it is for a name and not for a code, and a manager with a laptop at the door may make it. The
//! pin binds a door operator here as it does for scans and sales.

pub use super::pin::pinned_elsewhere;
use super::{Mandate, Refused, need, permissions, permit::Permit, pin::check_pin, role::Permission};
use crate::{
    authenticate::Caller,
    ids::{DeviceId, EventId, MembershipId, Named},
    ledger::{check_in::CheckIn, kinds::EventStatus, rows::Event},
};

/// The check-in that is to be taken back, as the caller may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckInOwner {
    /// Made by this caller, here, a moment ago.
    Caller,
    /// Made by another caller, or too long ago.
    Other,
}

/// Whether this caller did something: on the same device, or as the same member where there was none.
pub fn is_same(caller: &Caller, device: Option<DeviceId>, membership: MembershipId) -> bool {
    let authority = caller.authority();
    match (device, authority.session.device_id) {
        (Some(then), Some(now)) => then == now,
        (None, None) => membership == authority.membership.id,
        _ => false,
    }
}

/// May this caller check guests of this event in?
pub fn to_check_in(caller: &Caller, event: Option<&Event>, pinned: Option<&Named>) -> Result<Permit<CheckIn>, Refused> {
    let event = event.ok_or(Refused::NotFound)?;
    need(permissions(caller), Permission::GuestlistCheckin)?;
    check_pin(caller, event.id, pinned)?;
    is_live(event)?;
    Ok(Permit::new(caller, event))
}

/// May this caller take a check-in of this event back? Their own while they may check in; any one, also after the event, with
/// `guestlist:manage`.
pub fn to_take_back(
    caller: &Caller,
    event: Option<&Event>,
    pinned: Option<&Named>,
    owner: CheckInOwner,
) -> Result<Permit<CheckIn>, Refused> {
    let event = event.ok_or(Refused::NotFound)?;
    let held = permissions(caller);
    if held.contains(Permission::GuestlistManage) {
        check_pin(caller, event.id, pinned)?;
        return Ok(Permit::new(caller, event));
    }
    need(held, Permission::GuestlistCheckin)?;
    check_pin(caller, event.id, pinned)?;
    is_live(event)?;
    match owner {
        CheckInOwner::Caller => Ok(Permit::new(caller, event)),
        CheckInOwner::Other => Err(Refused::PermissionMissing(Permission::GuestlistManage)),
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

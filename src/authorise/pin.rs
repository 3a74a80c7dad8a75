//! The one pinned event of a door operator.

use super::{Refused, role::effective};
use crate::{
    authenticate::Caller,
    ids::{EventId, Named},
    ledger::{kinds::Permission, rows::Membership},
};

/// Where a member may act at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Everywhere: the member is no door operator.
    Unbound,
    /// Nowhere: a door operator with no event, or with several.
    Nowhere,
    /// At this event only.
    At(EventId),
}

/// The pin binds a member who has `pos:door` and not `pos:boxoffice`, in every kind of session.
pub fn pin(member: &Membership) -> Pin {
    let held = effective(member.role, member.grants, member.revokes);
    if !held.contains(Permission::PosDoor) || held.contains(Permission::PosBoxoffice) {
        return Pin::Unbound;
    }
    member.only_event().map_or(Pin::Nowhere, Pin::At)
}

/// Refuses an event that the pin does not allow. `pinned` names the one event in the member's list, for the refusal's text.
pub(super) fn check_pin(caller: &Caller, event: EventId, pinned: Option<&Named>) -> Result<(), Refused> {
    match pin(&caller.authority().membership) {
        Pin::Unbound => Ok(()),
        Pin::Nowhere => Err(Refused::NoEventPinned),
        Pin::At(only) if only == event => Ok(()),
        Pin::At(only) => Err(Refused::EventNotPinned(pinned.cloned().unwrap_or_else(|| Named::new(only, "another event")))),
    }
}

/// The pinned event whose name a refusal for this event would contain.
pub fn pinned_elsewhere(caller: &Caller, event: EventId) -> Option<EventId> {
    match pin(&caller.authority().membership) {
        Pin::At(only) if only != event => Some(only),
        Pin::At(_) | Pin::Nowhere | Pin::Unbound => None,
    }
}

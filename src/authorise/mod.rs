//! Caller, act and event into a [`Permit`]: may they do this, here, now?
//!
//! Nothing reaches the ledger's admissions, sales, holds, voids and check-ins without a permit ([`permit`]); changes of the back office
//! rest on a [`Mandate`].

pub mod guestlist;
mod permit;
mod pin;
pub mod role;
mod staff_session;

use enumset::EnumSet;

pub(crate) use self::permit::import_by_operator;
pub use self::{
    permit::{Act, ImportPermit, Permit, may, to_hold, to_import, to_release, to_scan, to_sell, to_void},
    pin::{Pin, pin},
    staff_session::{Denied, Mandate, StaffSession, mandate},
};
use self::{
    pin::check_pin,
    role::{Permission, effective, entry_permissions},
};
use crate::{
    authenticate::Caller,
    ids::{EventId, Named},
    ledger::{kinds::SessionKind, rows::Membership},
};

/// Why a caller may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A scan without a device, a sale without a POS device.
    #[error("{0}")]
    DeviceRequired(&'static str),
    /// The organisation has no such event, or no such thing.
    #[error("There is no such event.")]
    NotFound,
    /// The permission is not held.
    #[error("You are not allowed to do this.")]
    PermissionMissing(Permission),
    /// No pin, or more than one event.
    #[error("No event is assigned to you.")]
    NoEventPinned,
    /// The event is not the pinned one.
    #[error("You are assigned to {}.", .0.name)]
    EventNotPinned(Named),
    /// The event is not live.
    #[error("This event is not live.")]
    EventNotLive,
}

fn need(held: EnumSet<Permission>, permission: Permission) -> Result<(), Refused> {
    if held.contains(permission) { Ok(()) } else { Err(Refused::PermissionMissing(permission)) }
}

/// What this caller may do in this session. A scanner session carries entry permissions only.
pub fn permissions(caller: &Caller) -> EnumSet<Permission> {
    session_permissions(caller.authority().session.kind, &caller.authority().membership)
}

/// What this member may do in a session of this kind.
pub fn session_permissions(kind: SessionKind, member: &Membership) -> EnumSet<Permission> {
    let all = effective(member.role, member.grants, member.revokes);
    match kind {
        SessionKind::Scanner => all & entry_permissions(),
        SessionKind::Pos | SessionKind::Backstage => all,
    }
}

/// The events that a member may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// Every event of the organisation.
    All,
    Only(Vec<EventId>),
}

impl Visible {
    /// Whether this event of the organisation is among them.
    pub fn shows(&self, event: EventId) -> bool {
        match self {
            Self::All => true,
            Self::Only(events) => events.contains(&event),
        }
    }
}

/// The events that this member may see in a session of this kind.
pub fn visible(kind: SessionKind, member: &Membership) -> Visible {
    if !session_permissions(kind, member).contains(Permission::EventsView) {
        return Visible::Only(Vec::new());
    }
    match pin(member) {
        Pin::Nowhere => Visible::Only(Vec::new()),
        Pin::At(only) => Visible::Only(vec![only]),
        Pin::Unbound if member.role.sees_listed_events_only() => Visible::Only(member.events.clone()),
        Pin::Unbound => Visible::All,
    }
}

/// May this caller see this event?
pub fn may_see(caller: &Caller, event: EventId) -> Result<(), Refused> {
    may_see_with(caller, Permission::EventsView, event)
}

/// May this caller see what this permission shows of this event? Of an event that a caller may not see, no permission shows anything.
pub fn may_see_with(caller: &Caller, permission: Permission, event: EventId) -> Result<(), Refused> {
    need(permissions(caller), permission)?;
    let authority = caller.authority();
    if visible(authority.session.kind, &authority.membership).shows(event) { Ok(()) } else { Err(Refused::NotFound) }
}

/// Does this caller sell here: at a POS device, for the pinned event or for all?
fn sells(caller: &Caller) -> bool {
    let held = permissions(caller);
    caller.authority().session.kind == SessionKind::Pos && (held.contains(Permission::PosDoor) || held.contains(Permission::PosBoxoffice))
}

/// Whether the caller may see these sales. All with `sales:view`; a seller sees `own`, what this session or this till has sold.
pub fn may_see_sales(caller: &Caller, own: bool) -> Result<(), Refused> {
    if own && sells(caller) { Ok(()) } else { need(permissions(caller), Permission::SalesView) }
}

/// Whether the caller may see who is inside at this event. The pin binds as it does for scans; the event need not be live.
pub fn may_count(caller: &Caller, event: Option<EventId>, pinned: Option<&Named>) -> Result<(), Refused> {
    let event = event.ok_or(Refused::NotFound)?;
    need(permissions(caller), Permission::EntryScan)?;
    check_pin(caller, event, pinned)
}

#[cfg(test)]
mod tests;

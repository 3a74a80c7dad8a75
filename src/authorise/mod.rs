//! [`Caller`] + act + event → [`Permit`]: may they do this, here, now?
//!
//! A permit can only be made here, is used up by the commit, and carries the versions that it was given on. No code path reaches the
//! ledger's admissions or sales without one:
//!
//! ```compile_fail
//! use stagedoor::authorise::Permit;
//! // Its fields are private: nobody else can make one.
//! let forged = Permit { caller: todo!(), ground: todo!() };
//! ```
//!
//! The order is the contract's: device, event, permission, pin, event live, cash.

pub mod guestlist;
pub mod role;

use enumset::EnumSet;

use self::role::{Permission, effective, entry_permissions};
use crate::{
    authenticate::{AuthError, Authenticator, Caller, NotAuthenticated, token::SessionClaims},
    ids::{EventId, Named, OrganisationId},
    ledger::{
        LedgerError,
        change::Guard,
        entry::DecidedOn,
        kinds::{EventStatus, SessionKind},
        rows::{Device, EventFacts, Membership},
    },
};

/// What somebody wants to do at a door or a till.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Scan a ticket.
    Scan,
    /// Sell tickets.
    Sell {
        /// For cash.
        cash: bool,
        /// And let the buyers in at once.
        admit: bool,
    },
}

/// Why they may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A scan without a device, a sale without a POS device.
    #[error("{0}")]
    DeviceRequired(&'static str),
    /// No such event in this organisation.
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

/// The right to do one act once: consumed by the commit.
#[derive(Debug)]
#[must_use = "a permit is good for one commit"]
pub struct Permit {
    caller: Caller,
    decided_on: DecidedOn,
}

impl Permit {
    /// The organisation whose ledger is written to.
    pub fn organisation(&self) -> OrganisationId {
        self.caller.organisation()
    }

    /// The device that it was given to.
    #[expect(clippy::expect_used, reason = "a permit is given to a session on a device only")]
    pub fn device(&self) -> &Device {
        self.caller.authority().device.as_ref().expect("a permit has a device")
    }

    /// The versions that it was given on.
    pub fn decided_on(&self) -> DecidedOn {
        self.decided_on
    }
}

/// May this caller do this at this event? `pinned` is the one event in the caller's list, should there be exactly one.
pub fn permit(caller: &Caller, act: Act, event: Option<&EventFacts>, pinned: Option<&Named>) -> Result<Permit, Refused> {
    let device = device_for(caller, act)?;
    let facts = event.ok_or(Refused::NotFound)?;
    let held = permissions(caller);
    check_permission(held, act)?;
    check_pin(caller, facts.event.id, pinned)?;
    if facts.event.status != EventStatus::Live {
        return Err(Refused::EventNotLive);
    }
    check_extras(held, act)?;
    let authority = caller.authority();
    let decided_on = DecidedOn {
        session: (authority.session.id, authority.session.version),
        membership: (authority.membership.id, authority.membership.version),
        device: (device.id, device.version),
        event: (facts.event.id, facts.event.version),
    };
    Ok(Permit { caller: caller.clone(), decided_on })
}

fn device_for(caller: &Caller, act: Act) -> Result<&Device, Refused> {
    let authority = caller.authority();
    let needed = match (act, authority.session.kind) {
        (Act::Scan, SessionKind::Backstage) => Some("Scanning needs a session on an enrolled device."),
        (Act::Sell { .. }, SessionKind::Backstage | SessionKind::Scanner) => Some("Selling needs a session on a POS device."),
        (Act::Scan, SessionKind::Scanner | SessionKind::Pos) | (Act::Sell { .. }, SessionKind::Pos) => None,
    };
    match (needed, &authority.device) {
        (None, Some(device)) => Ok(device),
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

fn check_pin(caller: &Caller, event: EventId, pinned: Option<&Named>) -> Result<(), Refused> {
    match pin(&caller.authority().membership) {
        Pin::Unbound => Ok(()),
        Pin::Nowhere => Err(Refused::NoEventPinned),
        Pin::At(only) if only == event => Ok(()),
        Pin::At(only) => Err(Refused::EventNotPinned(pinned.cloned().unwrap_or_else(|| Named::new(only, "another event")))),
    }
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

/// The pin binds whoever holds `pos:door` and not `pos:boxoffice`, in every kind of session (feature E10).
pub fn pin(member: &Membership) -> Pin {
    let held = effective(member.role, member.grants, member.revokes);
    if !held.contains(Permission::PosDoor) || held.contains(Permission::PosBoxoffice) {
        return Pin::Unbound;
    }
    match member.events.as_slice() {
        [only] => Pin::At(*only),
        _ => Pin::Nowhere,
    }
}

/// The right to act in the back office: a caller who holds a permission.
#[derive(Debug)]
#[must_use]
pub struct Mandate {
    caller: Caller,
}

impl Mandate {
    /// Who acts.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The organisation that they act in.
    pub fn organisation(&self) -> OrganisationId {
        self.caller.organisation()
    }

    /// The versions that the mandate was given on.
    pub fn guards(&self) -> Vec<Guard> {
        self.caller.guards()
    }
}

/// May this caller do what this permission is for?
pub fn mandate(caller: Caller, permission: Permission) -> Result<Mandate, Refused> {
    need(permissions(&caller), permission)?;
    Ok(Mandate { caller })
}

/// The events that somebody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// Every event of the organisation.
    All,
    /// These.
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

/// May this caller see what this permission shows of this event? Nobody sees anything of an event that they may not see.
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

/// May this caller see these sales? All with `sales:view`; who sells sees `own`, what this session or this till has sold.
pub fn may_see_sales(caller: &Caller, own: bool) -> Result<(), Refused> {
    if own && sells(caller) { Ok(()) } else { need(permissions(caller), Permission::SalesView) }
}

/// May this caller count who is inside at this event? The pin binds as it does for scans; the doors may be closed.
pub fn may_count(caller: &Caller, event: Option<EventId>, pinned: Option<&Named>) -> Result<(), Refused> {
    let event = event.ok_or(Refused::NotFound)?;
    need(permissions(caller), Permission::EntryScan)?;
    check_pin(caller, event, pinned)
}

/// Why somebody is turned away in the back office: they are not who they say, they may not, or the ledger does not tell.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// They are not who they say.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// They may not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The ledger does not tell.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<AuthError> for Denied {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::NotAuthenticated(error) => Self::NotAuthenticated(error),
            AuthError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// Somebody in the back office, asked anew for each attempt at a change: what they may do is read from the ledger each time.
#[derive(Clone, Copy)]
pub struct StaffSession<'g> {
    authenticator: &'g Authenticator,
    claims: SessionClaims,
}

impl<'g> StaffSession<'g> {
    /// The person behind a session token.
    pub fn new(authenticator: &'g Authenticator, claims: SessionClaims) -> Self {
        Self { authenticator, claims }
    }

    /// What their token says.
    pub fn claims(&self) -> SessionClaims {
        self.claims
    }

    /// Who they are now.
    pub async fn caller(&self) -> Result<Caller, Denied> {
        let authority = self.authenticator.ledger.authority(self.claims.session).await?;
        Ok(self.authenticator.admit(authority.map(std::sync::Arc::new), self.claims)?)
    }

    /// Their right to do what this permission is for, now.
    pub async fn mandate(&self, permission: Permission) -> Result<Mandate, Denied> {
        Ok(mandate(self.caller().await?, permission)?)
    }
}

#[cfg(test)]
mod tests;

//! Events, their ticket types and tickets: the catalogue, uploads, imports, and the warm copies that scans are decided on.

pub mod catalogue;
pub mod import;
pub mod upload;
pub mod warm;

use serde::Serialize;

pub use crate::ledger::kinds::TicketStatus;
use crate::{
    authorise::{Denied, Refused},
    clock::{Moment, Stamp},
    faults::Faults,
    ids::{EventId, TicketTypeId},
    ledger::{
        LedgerError, Name,
        kinds::EventStatus,
        rows::{EventFacts, TicketType},
    },
    money::{Currency, Money},
};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The caller is refused.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such event for the caller.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The body breaks a rule.
    #[error("the body is invalid")]
    Invalid(Faults),
    /// The event has a ticket type of this name.
    #[error("This event has a ticket type of this name.")]
    NameTaken,
    /// The ledger.
    #[error(transparent)]
    Ledger(LedgerError),
}

impl From<LedgerError> for EventError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Taken(Name::TicketType) => Self::NameTaken,
            other => Self::Ledger(other),
        }
    }
}

/// A ticket's own window of validity; an end that is open is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// From when it is admitted.
    pub from: Option<Moment>,
    /// Until when it is admitted.
    pub until: Option<Moment>,
}

impl Window {
    /// Whether any moment of it lies between these two.
    pub fn touches(&self, begins: Moment, ends: Moment) -> bool {
        self.from.is_none_or(|from| from <= ends) && self.until.is_none_or(|until| until >= begins)
    }
}

/// An event as the contract shows it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = event)]
pub struct EventView {
    /// Its id.
    pub id: EventId,
    /// Its name.
    pub name: String,
    /// Where it takes place.
    pub venue: Option<String>,
    /// When it begins.
    pub starts_at: Stamp,
    /// When it ends.
    pub ends_at: Stamp,
    /// The IANA name of its time zone.
    #[schema(example = "Europe/Berlin")]
    pub timezone: String,
    /// ISO 4217; fixed once the event has a ticket type.
    #[schema(example = "EUR")]
    pub currency: String,
    /// Where it stands.
    pub status: EventStatus,
    /// Its ticket types, oldest first.
    pub ticket_types: Vec<TicketTypeView>,
}

/// A ticket type as the contract shows it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ticket_type)]
pub struct TicketTypeView {
    /// Its id.
    pub id: TicketTypeId,
    /// Its name.
    pub name: String,
    /// Its price.
    #[schema(value_type = String, example = "12.50")]
    pub price: Money,
    /// How many there may be; null is no bound.
    pub quota: Option<i32>,
    /// What is left to sell: neither taken nor held; null where there is no quota.
    pub left: Option<i32>,
    /// Entries that a ticket of this type allows.
    pub entries_allowed: i32,
    /// Whether going out gives the entry back.
    pub reentry: bool,
    /// The gates that admit it; none named admits at all.
    pub gates: Vec<String>,
    /// From when it is admitted.
    pub valid_from: Option<Stamp>,
    /// Until when it is admitted.
    pub valid_until: Option<Stamp>,
}

/// Shows an event.
pub fn view(facts: &EventFacts) -> Result<EventView, LedgerError> {
    let event = &facts.event;
    let currency = Currency::parse(&event.currency).map_err(|_| LedgerError::Broken)?;
    Ok(EventView {
        id: event.id,
        name: event.name.clone(),
        venue: event.venue.clone(),
        starts_at: event.starts_at.into(),
        ends_at: event.ends_at.into(),
        timezone: event.timezone.clone(),
        currency: event.currency.clone(),
        status: event.status,
        ticket_types: facts.types.iter().map(|t| view_type(t, currency)).collect(),
    })
}

/// Shows a ticket type.
pub fn view_type(ticket_type: &TicketType, currency: Currency) -> TicketTypeView {
    TicketTypeView {
        id: ticket_type.id,
        name: ticket_type.name.clone(),
        price: currency.from_minor(ticket_type.price_minor),
        quota: ticket_type.quota,
        left: ticket_type.left(),
        entries_allowed: ticket_type.entries_allowed,
        reentry: ticket_type.reentry,
        gates: ticket_type.gates.clone(),
        valid_from: ticket_type.valid_from.map(Stamp),
        valid_until: ticket_type.valid_until.map(Stamp),
    }
}

/// Cuts what hardware scanners add: white space and control characters at the ends.
pub fn trim_code(code: &str) -> &str {
    code.trim_matches(|c: char| c.is_whitespace() || c.is_control())
}

/// A name as other systems have it may hold line breaks; that is no reason to turn its owner away.
pub fn printable(name: &str) -> String {
    name.replace(char::is_control, " ").trim().to_owned()
}

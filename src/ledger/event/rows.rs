//! Events and their ticket types.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{EventId, Named, OrganisationId, TicketTypeId},
    ledger::{kinds::EventStatus, rows::Version},
};

/// A row of `events`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Event {
    pub id: EventId,
    pub organisation_id: OrganisationId,
    pub name: String,
    /// Where it takes place.
    pub venue: Option<String>,
    /// When it begins.
    pub starts_at: Moment,
    /// When it ends.
    pub ends_at: Moment,
    /// The IANA name of its time zone.
    pub timezone: String,
    /// The ISO 4217 code of its prices.
    pub currency: String,
    /// Its state.
    pub status: EventStatus,
    /// Its version: moves with its ticket types, prices and changed tickets as well.
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
}

/// A row of `ticket_types`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct TicketType {
    pub id: TicketTypeId,
    pub organisation_id: OrganisationId,
    pub event_id: EventId,
    pub name: String,
    /// Its price in minor units of the event's currency.
    pub price_minor: i64,
    /// How many there may be; none is no bound.
    pub quota: Option<i32>,
    /// Entries that a ticket of this type allows.
    pub entries_allowed: i32,
    /// Whether going out gives the entry back.
    pub reentry: bool,
    /// The gates that admit it; none named admits at all.
    #[sqlx(json)]
    pub gates: Vec<String>,
    /// From when it is admitted.
    pub valid_from: Option<Moment>,
    /// Until when it is admitted.
    pub valid_until: Option<Moment>,
    /// Tickets of this type that are not void.
    pub taken: i32,
    /// Tickets of this type that live holds keep; read with an event only, and no column.
    #[sqlx(default)]
    #[serde(skip)]
    pub held: i32,
    /// When it was created.
    pub created_at: Moment,
}

impl TicketType {
    /// What is left to sell: neither taken nor held; none where there is no quota.
    pub fn left(&self) -> Option<i32> {
        self.quota.map(|quota| (quota - self.taken - self.held).max(0))
    }
}

/// An event with its ticket types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventFacts {
    pub event: Event,
    /// Its types, oldest first.
    pub types: Vec<TicketType>,
}

impl EventFacts {
    /// The id and name of a type.
    pub fn named(&self, id: TicketTypeId) -> Named {
        Named::new(id, self.ticket_type(id).map_or("", |t| t.name.as_str()))
    }

    /// The type with this id.
    pub fn ticket_type(&self, id: TicketTypeId) -> Option<&TicketType> {
        self.types.iter().find(|t| t.id == id)
    }
}

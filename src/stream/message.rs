//! What is sent to terminals.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    authenticate::NotAuthenticated,
    device::DeviceView,
    event::EventView,
    ids::{Named, TicketTypeId},
    ledger::rows::{Attendance, EventFacts},
    session::view::SessionView,
};

/// One message to a terminal, and the id to resume with.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub message: StreamEvent,
    /// A client that sends this id as `Last-Event-ID` gets what comes after it.
    pub id: String,
}

/// One message to a terminal.
#[derive(Clone, Debug)]
pub enum StreamEvent {
    /// Everything that a terminal draws its screen from; replaces all that was sent before.
    State(Box<StateView>),
    /// What may be done in this session has changed, or the event that it is pinned to.
    Permissions(Box<SessionView>),
    /// The device has changed.
    Device(Box<DeviceView>),
    /// An event is new or has changed, its ticket types and prices included.
    Event(Arc<EventFacts>),
    /// The stock of an event has changed.
    Stock(Arc<StockView>),
    /// The number of people inside has changed.
    Attendance(Arc<AttendanceView>),
    /// The session is over; nothing comes after this.
    Over(NotAuthenticated),
}

/// All that a terminal draws its screen from.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = stream_state)]
pub struct StateView {
    /// The session.
    pub session: SessionView,
    /// The device that it was begun on.
    pub device: Option<DeviceView>,
    /// The events whose stock is told: those that were asked for, or the live ones that the caller may see.
    pub events: Vec<EventView>,
}

/// What is left of an event's ticket types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = stock)]
pub struct StockView {
    /// The event.
    pub event: Named,
    /// Its ticket types, oldest first.
    pub ticket_types: Vec<Left>,
}

/// What is left of a ticket type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = left)]
pub struct Left {
    /// The ticket type.
    pub id: TicketTypeId,
    /// What is left to sell; null where there is no quota.
    pub left: Option<i32>,
}

/// The attendance of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = live_attendance)]
pub struct AttendanceView {
    /// The event.
    pub event: Named,
    /// Who came, and who is inside.
    #[serde(flatten)]
    pub attendance: Attendance,
}

impl StockView {
    /// The stock of this event.
    pub fn of(facts: &EventFacts) -> Self {
        Self {
            event: Named::new(facts.event.id, &facts.event.name),
            ticket_types: facts.types.iter().map(|t| Left { id: t.id, left: t.left() }).collect(),
        }
    }
}

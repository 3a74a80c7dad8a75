//! What is on: events, ticket types, tickets, and what is put into a basket.

use serde_json::{Value, json};

/// An event, known by its id.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
}

impl Event {
    pub fn of(body: &Value) -> Self {
        Self { id: super::ref_id(body) }
    }
}

/// A ticket type, known by its id.
#[derive(Clone, Debug)]
pub struct TicketType {
    pub id: String,
}

impl TicketType {
    pub fn of(body: &Value) -> Self {
        Self { id: super::ref_id(body) }
    }
}

/// The lines of a sale.
pub fn basket(lines: &[(&TicketType, u32)]) -> Value {
    lines.iter().map(|(kind, quantity)| json!({"ticket_type": kind.id, "quantity": quantity})).collect()
}

/// Paid in cash, exactly.
pub fn cash() -> Value {
    json!({"method": "cash"})
}

/// Paid by card.
pub fn card() -> Value {
    json!({"method": "card", "reference": "terminal 1, slip 2"})
}

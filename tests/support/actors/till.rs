//! Somebody at a POS terminal.

use std::ops::Deref;

use serde_json::{Value, json};

use super::Phone;
use crate::support::{Answer, Event, Line, new_id};

/// Somebody at a POS terminal. They scan as well: the same person sells, then admits.
#[derive(Clone)]
pub struct Till {
    pub(super) phone: Phone,
}

impl Deref for Till {
    type Target = Phone;

    fn deref(&self) -> &Phone {
        &self.phone
    }
}

impl Till {
    /// The same till at another gateway.
    pub fn at(&self, gateway: &Line) -> Self {
        Self { phone: self.phone.at(gateway) }
    }

    /// Sells, however that is answered.
    pub async fn try_sell(&self, event: &Event, lines: Value, payment: Value) -> Answer {
        self.send_sale(&sale_of(event, lines, payment)).await
    }

    /// Sells; it must succeed.
    pub async fn sell(&self, event: &Event, lines: Value, payment: Value) -> Value {
        self.try_sell(event, lines, payment).await.ok(201)
    }
}

/// A sale with a new id and nothing but what is needed.
pub fn sale_of(event: &Event, lines: Value, payment: Value) -> Value {
    json!({"id": new_id(), "event": event.id, "lines": lines, "payment": payment, "admit": false})
}

//! Somebody at a POS terminal.

use std::ops::Deref;

use serde_json::{Value, json};

use super::Phone;
use crate::support::{Answer, Client, Event, card, new_id, ref_id};

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
    pub fn at(&self, gateway: &Client) -> Self {
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

    /// Holds stock, however that is answered.
    pub async fn try_hold(&self, event: &Event, lines: Value) -> Answer {
        self.send_hold(&hold_of(event, lines)).await
    }

    /// Holds stock; it must succeed.
    pub async fn hold(&self, event: &Event, lines: Value) -> Value {
        self.try_hold(event, lines).await.ok(201)
    }

    /// Releases a hold, however that is answered.
    pub async fn release(&self, hold: &Value) -> Answer {
        self.client.delete(&format!("/v1/holds/{}", ref_id(hold))).await
    }

    /// Sells what a hold has kept, however that is answered.
    pub async fn try_sell_held(&self, event: &Event, lines: Value, hold: &Value) -> Answer {
        let mut sale = sale_of(event, lines, card());
        sale["hold"] = hold["id"].clone();
        self.send_sale(&sale).await
    }

    /// Voids a sale; it must succeed.
    pub async fn void(&self, sale: &Value) -> Value {
        self.try_void(sale).await.ok(200)
    }
}

/// A hold with a new id.
pub fn hold_of(event: &Event, lines: Value) -> Value {
    json!({"id": new_id(), "event": event.id, "lines": lines})
}

/// A sale with a new id and nothing but what is needed.
pub fn sale_of(event: &Event, lines: Value, payment: Value) -> Value {
    json!({"id": new_id(), "event": event.id, "lines": lines, "payment": payment, "admit": false})
}

//! "Order data (JSON)": products first, then the orders one by one.
//!
//! The file is never held whole: an order is parsed, its tickets are handed on, and it is forgotten. What one order may hold is bounded
//! like a record of a CSV.
//!
//! serde_json reads it, with a visitor for each of the three levels. struson would read it in a straight line, but the bodies of the API are read
//! by serde_json too, and a second parser would have its own limits of depth and its own errors.

use std::{
    cell::Cell,
    collections::HashMap,
    fmt,
    io::{self, Read},
    ops::ControlFlow,
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::text::{self, Fault, Guard};
use super::{ImportError, Rejected, Row, Sink, Window, row};
use crate::{clock::Moment, event::TicketStatus, limits::IMPORT_JSON_PART_BYTES};

/// Reads the tickets of a JSON export.
pub(super) fn read(input: impl Read, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let left = Cell::new(IMPORT_JSON_PART_BYTES);
    let mut tickets = Tickets { sink, left: &left, products: HashMap::new(), number: 0, orders: false, enough: false };
    let mut json = serde_json::Deserializer::from_reader(Metered { input, left: &left });
    let whole = File(&mut tickets).deserialize(&mut json).and_then(|()| json.end());
    match whole {
        Err(_) if tickets.enough => Ok(()),
        Ok(()) if tickets.orders => Ok(()),
        Ok(()) => Err(ImportError::NoOrders),
        Err(error) if tickets.number > 0 => {
            let detail = format!("the file could not be read any further: {error}");
            tickets.hand_on(Err(Rejected { row: tickets.number + 1, code: None, detail }));
            Ok(())
        }
        Err(error) => Err(ImportError::Json(error.to_string())),
    }
}

/// Lets no more bytes through than one part of the file may have.
struct Metered<'m, R> {
    input: R,
    left: &'m Cell<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let rest = self.left.get().checked_sub(u64::try_from(read).unwrap_or(u64::MAX));
        self.left.set(rest.ok_or_else(|| io::Error::other("one order, or what stands before them, is larger than any can be"))?);
        Ok(read)
    }
}

/// What is known while the file is read.
struct Tickets<'t, 's> {
    sink: &'t mut Sink<'s>,
    left: &'t Cell<u64>,
    products: HashMap<i64, Product>,
    number: u64,
    orders: bool,
    enough: bool,
}

#[derive(Deserialize)]
struct Product {
    id: i64,
    name: String,
    #[serde(default)]
    variations: Vec<Variation>,
}

#[derive(Deserialize)]
struct Variation {
    id: i64,
    name: String,
}

#[derive(Deserialize)]
struct Order {
    status: String,
    positions: Vec<Value>,
}

#[derive(Deserialize)]
struct Position {
    secret: Option<String>,
    item: i64,
    variation: Option<i64>,
    price: Option<Value>,
    attendee_name: Option<String>,
    valid_from: Option<Moment>,
    valid_until: Option<Moment>,
    blocked: Option<Value>,
}

impl Tickets<'_, '_> {
    fn order(&mut self, order: Value) {
        match serde_json::from_value::<Order>(order) {
            Ok(order) => {
                let standing = standing(&order.status);
                for position in order.positions {
                    self.position(position, &standing);
                }
            }
            Err(error) => {
                self.number += 1;
                let detail = Fault::UnknownOrder(error.to_string()).to_string();
                self.hand_on(Err(Rejected { row: self.number, code: None, detail }));
            }
        }
    }

    fn position(&mut self, position: Value, standing: &Result<TicketStatus, String>) {
        self.number += 1;
        let row = self.number;
        let taken = match serde_json::from_value::<Position>(position) {
            Ok(position) => {
                let code = text::code(position.secret.as_deref().unwrap_or_default(), Guard::None);
                code.map_err(|fault| (None, fault))
                    .and_then(|code| self.ticket(code.clone(), &position, standing).map_err(|fault| (Some(code), fault)))
            }
            Err(error) => Err((None, Fault::UnknownOrder(error.to_string()))),
        };
        self.hand_on(taken.map_err(|(code, fault)| Rejected { row, code, detail: fault.to_string() }));
    }

    fn ticket(&self, code: String, position: &Position, standing: &Result<TicketStatus, String>) -> Result<Row, Fault> {
        let standing = standing.clone().map_err(Fault::UnknownStatus)?;
        let blocked = position.blocked.as_ref().is_some_and(|reasons| !matches!(reasons, Value::Null | Value::Bool(false)))
            && position.blocked.as_ref().and_then(Value::as_array).is_none_or(|reasons| !reasons.is_empty());
        let price = match &position.price {
            Some(Value::String(price)) => text::price(price)?,
            Some(Value::Number(price)) => text::price(&price.to_string())?,
            _ => None,
        };
        Ok(Row {
            number: self.number,
            code,
            ticket_type: self.ticket_type(position)?,
            holder: text::name(position.attendee_name.as_deref().unwrap_or_default(), Guard::None)?,
            status: row::with_block(standing, blocked.then_some(TicketStatus::Blocked)),
            price,
            window: Some(Window { from: position.valid_from, until: position.valid_until }),
            visit: None,
        })
    }

    fn ticket_type(&self, position: &Position) -> Result<String, Fault> {
        let product = self.products.get(&position.item).ok_or(Fault::UnknownProduct)?;
        let variation = match position.variation {
            Some(id) => Some(product.variations.iter().find(|variation| variation.id == id).ok_or(Fault::UnknownProduct)?),
            None => None,
        };
        let name = text::name(&product.name, Guard::None)?.ok_or(Fault::NoProduct)?;
        row::type_name(name, text::name(variation.map_or("", |variation| &variation.name), Guard::None)?)
    }

    fn hand_on(&mut self, row: Result<Row, Rejected>) {
        if !self.enough {
            self.enough = (self.sink)(row) == ControlFlow::Break(());
        }
    }
}

/// The state of an order. Cancelled positions are left out of the export, and "pending (confirmed)" is not distinguished from "pending".
fn standing(status: &str) -> Result<TicketStatus, String> {
    match status {
        "p" => Ok(TicketStatus::Valid),
        "n" => Ok(TicketStatus::Unpaid),
        "e" | "c" => Ok(TicketStatus::Void),
        other => Err(text::quoted(other)),
    }
}

/// The whole file: `{"event": {…}}`.
struct File<'f, 't, 's>(&'f mut Tickets<'t, 's>);

impl<'de> DeserializeSeed<'de> for File<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for File<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an export with an event")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "event" => map.next_value_seed(Event(&mut *self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The event: what is sold, then what was ordered.
struct Event<'f, 't, 's>(&'f mut Tickets<'t, 's>);

impl<'de> DeserializeSeed<'de> for Event<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Event<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an event with items and orders")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "items" => {
                    let products: Vec<Product> = map.next_value()?;
                    self.0.products = products.into_iter().map(|product| (product.id, product)).collect();
                }
                "orders" => map.next_value_seed(Orders(&mut *self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct Orders<'f, 't, 's>(&'f mut Tickets<'t, 's>);

impl<'de> DeserializeSeed<'de> for Orders<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Orders<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list of orders")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut orders: S) -> Result<(), S::Error> {
        let tickets = self.0;
        tickets.orders = true;
        loop {
            tickets.left.set(IMPORT_JSON_PART_BYTES);
            let Some(order) = orders.next_element::<Value>()? else { return Ok(()) };
            tickets.order(order);
            if tickets.enough {
                return Err(S::Error::custom("enough was read"));
            }
        }
    }
}

//! The demo: an organisation that is filled with everything one needs to try the gateway, or to let a load tester loose on it.
//!
//! Filling is safe to repeat: what is there stays, what lacks is made, live events move to now, and every device gets a new code.

mod examples;
mod fill;
mod guests;
mod printed;

pub use printed::{what_to_try, write};

use serde::Serialize;
use uuid::Uuid;

use crate::{
    http::{examples::ExampleValues, state::Services},
    ledger::kinds::{DeviceKind, EventStatus, Role},
    money::Money,
};

/// Fills the organisation, and returns what is in it.
pub async fn fill(services: &Services, base_url: &str) -> anyhow::Result<Filled> {
    let (organisation, mut filled) = fill::fill(services, base_url).await?;
    filled.examples = examples::given(services, organisation, &filled).await?;
    Ok(filled)
}

/// The content of `demo.json`.
#[derive(Serialize)]
pub struct Filled {
    /// Where the gateway listens.
    pub base_url: String,
    /// The organisation's slug.
    pub organisation: &'static str,
    /// The events, live ones first.
    pub events: Vec<DemoEvent>,
    /// A user per role.
    pub users: Vec<DemoUser>,
    /// Ten scanners and four tills.
    pub devices: Vec<DemoDevice>,
    /// The values of the OpenAPI document's examples in this demo.
    #[serde(skip)]
    pub examples: ExampleValues,
}

#[derive(Serialize)]
pub struct DemoEvent {
    pub id: Uuid,
    pub name: String,
    /// Its state.
    pub status: EventStatus,
    pub ticket_types: Vec<DemoType>,
    /// Codes that are valid, single-entry and not yet scanned.
    pub ticket_codes: Vec<String>,
    /// The others.
    pub odd_tickets: Vec<OddTicket>,
}

/// A ticket type.
#[derive(Serialize)]
pub struct DemoType {
    pub id: Uuid,
    pub name: String,
    pub price: Money,
    /// How many there may be.
    pub quota: Option<i32>,
    /// What is left to sell.
    pub left: Option<i32>,
}

/// A ticket that is not simply good for one entry.
#[derive(Serialize)]
pub struct OddTicket {
    /// What its bar code holds.
    pub code: String,
    /// Why it is not simply good for one entry: the reason of its refusal, or `multi_entry`.
    pub reason: String,
}

#[derive(Serialize)]
pub struct DemoUser {
    pub username: &'static str,
    pub password: String,
    pub role: Role,
    /// The one event in their list, if there is one.
    pub event: Option<Uuid>,
}

/// A device that waits to be enrolled.
#[derive(Serialize)]
pub struct DemoDevice {
    pub name: String,
    /// What it is for.
    pub kind: DeviceKind,
    /// Works once, for a day.
    pub enrolment_code: String,
}

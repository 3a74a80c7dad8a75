//! What a run needs: gateways, an administrator, devices with a signed-in member, events, tickets.
//!
//! What `demo.json` names is used as far as it goes; what lacks is made through the API, by an administrator.

mod client;
mod demo;
mod make;
mod parallel;

pub use client::Client;
pub use demo::Demo;
pub use make::hire;
pub use parallel::each;

use std::path::PathBuf;

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::wire::Target;

/// Where a world is looked for.
#[derive(Clone, Debug)]
pub struct Source {
    /// The gateways, as addresses; devices are spread over them.
    pub targets: Vec<String>,
    /// The file of a demo.
    pub demo: Option<PathBuf>,
    /// An administrator, where there is no demo.
    pub admin: Option<Admin>,
}

/// An administrator of an organisation.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The organisation's slug.
    pub organisation: String,
    pub username: String,
    pub password: String,
}

/// What a scenario needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorldSize {
    /// Scanners with a signed-in member.
    pub phones: usize,
    /// Scanners without a sign-in yet; they come after the others.
    pub idle_phones: usize,
    /// POS devices with a signed-in member.
    pub tills: usize,
    /// Tickets that are valid, single-entry and not scanned.
    pub tickets: usize,
    /// Ticket types to sell from.
    pub types: usize,
    /// Tickets of each type that can be sold.
    pub quota: Option<u32>,
    /// Another live event beside the one that is played at.
    pub elsewhere: bool,
    /// An event and members of the run's own, whatever the demo has.
    pub own: bool,
}

impl WorldSize {
    /// How many devices that makes, with the judge's.
    pub fn devices(&self) -> usize {
        self.phones + self.idle_phones + self.tills + 1
    }
}

/// All that a run plays with.
pub struct World {
    /// The gateways.
    pub targets: Vec<Target>,
    /// The organisation's slug.
    pub organisation: String,
    /// The administrator, signed in.
    pub client: Client,
    /// The event that is played at.
    pub event: Event,
    /// Another live one.
    pub elsewhere: Option<Event>,
    pub tickets: Vec<Ticket>,
    /// Tickets that are good for no entry, with the reason.
    pub odd: Vec<(String, String)>,
    /// Scanners.
    pub phones: Vec<Station>,
    /// POS devices.
    pub tills: Vec<Station>,
    /// A scanner that takes no part, for the judge.
    pub judge: Station,
}

impl World {
    /// The device at this place: the scanners come first, the tills after them.
    pub fn station(&self, place: usize) -> Option<&Station> {
        self.phones.iter().chain(&self.tills).nth(place)
    }
}

#[derive(Clone, Debug)]
pub struct Event {
    pub id: Uuid,
    pub name: String,
    /// What can be bought.
    pub types: Vec<TicketType>,
}

/// What can be bought.
#[derive(Clone, Debug)]
pub struct TicketType {
    pub id: Uuid,
    pub price: Decimal,
    /// What was left to sell when the world was opened; none without a quota.
    pub left: Option<u32>,
}

/// A ticket that is good for one entry.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// What its bar code holds.
    pub code: String,
}

/// A device, and who is signed in on it.
#[derive(Clone, Debug)]
pub struct Station {
    /// Which of the gateways it talks to.
    pub target: Target,
    /// The device's id.
    pub device: Uuid,
    pub device_token: String,
    /// Who signs in on it.
    pub who: Member,
    /// The session's token; empty without a sign-in.
    pub token: String,
    /// The session's id.
    pub session: Uuid,
}

/// A member who can sign in.
#[derive(Clone, Debug)]
pub struct Member {
    /// The user; nil if unknown.
    pub id: Uuid,
    pub username: String,
    pub password: String,
}

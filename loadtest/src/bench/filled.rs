//! A deployment with a large ledger, and the loads that are sent to it.

use std::path::Path;

use anyhow::Context;
use serde_json::json;
use uuid::Uuid;

use super::deployment::{Deployment, Setup, Stores};
use super::fill::RawLedger;
use super::load::{Codes, Load, Wanted};
use crate::world::{Client, World, WorldSize};

/// As many as the table says.
pub const CONNECTIONS: usize = 256;
/// The same.
pub const SESSIONS: usize = 50;
/// Tickets, the first ones of an event, that are in before the rest is scanned: those that are refused.
const REFUSED: u64 = 1_000;
/// What all codes of the bench begin with.
pub const PREFIX: &str = "bench-";

/// A deployment with a large ledger, ready to be measured.
pub struct Filled {
    /// The gateway and its ledger.
    pub deployment: Deployment,
    /// Who is in it.
    pub world: World,
    /// Its tickets that have not been scanned.
    pub codes: Codes,
}

/// Builds a deployment whose event has so many tickets, and opens it.
pub async fn filled(stores: &Stores, program: &Path, setup: Setup, name: &str, tickets: u64, size: WorldSize) -> anyhow::Result<Filled> {
    eprintln!("filling a ledger with {tickets} tickets: {}", setup.name());
    let mut deployment = Deployment::build(stores, program, setup, name).await?;
    deployment.open().await?;
    let mut world = deployment.world(WorldSize { tickets: 1, types: size.types.max(1), own: true, ..size }).await?;
    deployment.close();
    let ledger = RawLedger::open(&deployment.database).await?;
    let event = world.event.id;
    add_tickets(&ledger, event, tickets).await?;
    ledger.analyse().await?;
    ledger.close().await;
    deployment.open().await?;
    follow(&deployment, &mut world).await?;
    let filled = Filled { deployment, world, codes: Codes::new(REFUSED..tickets) };
    filled.warm().await?;
    Ok(filled)
}

/// Tickets beside the first one of the event.
pub async fn add_tickets(ledger: &RawLedger, event: Uuid, count: u64) -> anyhow::Result<()> {
    let first = format!("t.event_id = {} and t.status = 'valid' and t.code like 'lt-%'", ledger.id(event));
    let differs = [("id", ledger.nth_id(1)), ("code", ledger.nth_code(PREFIX))];
    ledger.multiply("tickets", &first, 0..count, &differs).await
}

/// The gateway has another address each time that it starts; all clients move there.
pub async fn follow(deployment: &Deployment, world: &mut World) -> anyhow::Result<()> {
    let target = deployment.target().await?;
    for station in world.phones.iter_mut().chain(&mut world.tills) {
        station.target = target.clone();
    }
    world.client = Client::with(&target, Some(world.client.token()));
    world.targets = vec![target];
    Ok(())
}

impl Filled {
    /// Somebody comes early, so that the event is in memory before the crowd comes.
    async fn warm(&self) -> anyhow::Result<()> {
        let phone = self.world.phones.first().context("no phone")?;
        let early = json!({"id": Uuid::new_v4(), "event": self.world.event.id, "code": "early"});
        Client::with(&phone.target, Some(&phone.token)).post("/v1/scans", &early).await?.ok()?;
        self.deployment.settle().await
    }

    /// What the gateway holds in memory, in KiB, when it has started anew and has the event in memory.
    pub async fn warm_memory(&mut self) -> anyhow::Result<u64> {
        self.deployment.close();
        self.deployment.open().await?;
        follow(&self.deployment, &mut self.world).await?;
        self.warm().await?;
        self.deployment.memory_at_rest().await
    }

    fn tokens(&self) -> Vec<String> {
        self.world.phones.iter().map(|station| station.token.clone()).collect()
    }

    async fn load(&self, path: &'static str, body: String, wanted: Wanted) -> anyhow::Result<Load> {
        let target = self.deployment.target().await?;
        let (tokens, codes) = (self.tokens(), self.codes.clone());
        Ok(Load { target, path, tokens, connections: CONNECTIONS, bodies: vec![body], codes, wanted, may_be_busy: false, rate: None })
    }

    fn scan_body(&self) -> String {
        format!(r#"{{"id":"{{id}}","event":"{}","code":"{PREFIX}{{code}}"}}"#, self.world.event.id)
    }

    /// Scans that are admitted and written.
    pub async fn scans(&self) -> anyhow::Result<Load> {
        self.load("/v1/scans", self.scan_body(), Wanted { status: 200, words: r#""verdict":"admit""# }).await
    }

    /// Scans of one ticket that is in already, out of a thousand.
    pub async fn refusals(&self) -> anyhow::Result<Load> {
        let mut load = self.load("/v1/scans", self.scan_body(), Wanted { status: 200, words: r#""reason":"already_admitted""# }).await?;
        load.codes = Codes::new(0..REFUSED);
        Ok(load)
    }

    pub async fn questions(&self) -> anyhow::Result<Load> {
        let body = format!(r#"{{"action":"scan","event":"{}"}}"#, self.world.event.id);
        self.load("/v1/authorise", body, Wanted { status: 200, words: r#""allowed":true"# }).await
    }

    /// How long the answers are, from three of them. The first tickets are in afterwards.
    pub async fn sizes(&mut self) -> anyhow::Result<[usize; 3]> {
        let phone = self.world.phones.first().context("no phone")?;
        let mut client = Client::with(&phone.target, Some(&phone.token));
        let mut scan = async |number: u64| {
            let body = json!({"id": Uuid::new_v4(), "event": self.world.event.id, "code": format!("{PREFIX}{number:08}")});
            anyhow::Ok(client.post("/v1/scans", &body).await?.ok()?.to_string().len())
        };
        let admitted = scan(0).await?;
        let refused = scan(0).await?;
        for number in 1..REFUSED {
            scan(number).await?;
        }
        let question = json!({"action": "scan", "event": self.world.event.id});
        let told = client.post("/v1/authorise", &question).await?.ok()?.to_string().len();
        Ok([admitted, refused, told])
    }

    /// Tickets that are in, by the ledger.
    pub async fn admitted(&self) -> anyhow::Result<u64> {
        let phone = self.world.phones.first().context("no phone")?;
        let mut client = Client::with(&phone.target, Some(&phone.token));
        let told = client.read(&format!("/v1/events/{}/attendance", self.world.event.id)).await?;
        told.get("admitted").and_then(serde_json::Value::as_u64).context("no attendance")
    }
}

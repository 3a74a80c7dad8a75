//! Scans, refusals and "May I?", against a bare handler.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use uuid::Uuid;

use super::deployment::{Deployment, Setup, Stores};
use super::fill::RawLedger;
use super::load::{Codes, Load, Wanted, closed};
use super::open::p99;
use super::servers::Listening;
use super::verdict::{Better, Line};
use super::{Options, Row};
use crate::wire::Target;
use crate::world::{Client, World, WorldSize};

/// As many as the table says.
pub const CONNECTIONS: usize = 256;
/// The same.
pub const SESSIONS: usize = 50;
/// What is sent before anything is counted.
const WARM_UP: Duration = Duration::from_millis(700);
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
    /// Its tickets that nobody has scanned.
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

/// The gateway has another address each time that it starts; everybody goes there.
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
    async fn refusals(&self) -> anyhow::Result<Load> {
        let mut load = self.load("/v1/scans", self.scan_body(), Wanted { status: 200, words: r#""reason":"already_admitted""# }).await?;
        load.codes = Codes::new(0..REFUSED);
        Ok(load)
    }

    async fn questions(&self) -> anyhow::Result<Load> {
        let body = format!(r#"{{"action":"scan","event":"{}"}}"#, self.world.event.id);
        self.load("/v1/authorise", body, Wanted { status: 200, words: r#""allowed":true"# }).await
    }

    /// How long the answers are, told by three of them. The first tickets are in afterwards.
    async fn sizes(&mut self) -> anyhow::Result<[usize; 3]> {
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
}

/// The four rows of the door.
pub async fn measure(options: &Options, stores: &Stores, program: &Path) -> anyhow::Result<Vec<Line>> {
    let rows = [Row::ScansShared, Row::ScansEmbedded, Row::Authorise, Row::Refused];
    if !rows.iter().any(|row| options.wants(*row)) {
        return Ok(Vec::new());
    }
    let size = WorldSize { phones: SESSIONS, ..WorldSize::default() };
    let mut shared = None;
    if [Row::ScansShared, Row::Authorise, Row::Refused].iter().any(|row| options.wants(*row)) {
        shared = Some(filled(stores, program, Setup::Shared, "door", options.tickets, size).await?);
    }
    let mut embedded = None;
    if [Row::ScansEmbedded, Row::Authorise, Row::Refused].iter().any(|row| options.wants(*row)) {
        embedded = Some(filled(stores, program, Setup::Embedded, "", options.tickets, size).await?);
    }
    let mut houses: Vec<&mut Filled> = shared.iter_mut().chain(&mut embedded).collect();
    let mut sizes = [0; 3];
    for deployment in &mut houses {
        sizes = deployment.sizes().await?;
    }
    let bare = bare(sizes)?;
    let bare = Target::parse(&bare.url).await.map(|target| (bare, target))?;
    let houses: Vec<&Filled> = houses.into_iter().map(|deployment| &*deployment).collect();
    let mut lines = Vec::new();
    if options.wants(Row::ScansShared) || options.wants(Row::ScansEmbedded) {
        let wanted = |setup| options.wants(if setup == Setup::Shared { Row::ScansShared } else { Row::ScansEmbedded });
        let some: Vec<&Filled> = houses.iter().copied().filter(|filled| wanted(filled.deployment.setup)).collect();
        lines.extend(compare(options, &bare.1, &some, Kind::Scans).await?);
    }
    if options.wants(Row::Authorise) {
        lines.extend(compare(options, &bare.1, &houses, Kind::Questions).await?);
    }
    if options.wants(Row::Refused) {
        lines.extend(compare(options, &bare.1, &houses, Kind::Refusals).await?);
    }
    Ok(lines)
}

/// The bare handler, in a process of its own.
fn bare([scan, refusal, authorise]: [usize; 3]) -> anyhow::Result<Listening> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare");
    for (name, size) in [("--scan", scan), ("--refusal", refusal), ("--authorise", authorise)] {
        command.args([name, &size.to_string()]);
    }
    Listening::start(command)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scans,
    Questions,
    Refusals,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Scans => "durable scans",
            Self::Questions => "may I?",
            Self::Refusals => "scans of admitted tickets",
        }
    }

    fn bounds(self) -> (f64, f64) {
        match self {
            Self::Scans => (0.35, 0.50),
            Self::Questions => (0.80, 0.95),
            Self::Refusals => (0.30, 0.45),
        }
    }

    async fn load(self, filled: &Filled) -> anyhow::Result<Load> {
        match self {
            Self::Scans => filled.scans().await,
            Self::Questions => filled.questions().await,
            Self::Refusals => filled.refusals().await,
        }
    }

    /// The same body to the bare handler.
    async fn bare(self, filled: &Filled, target: &Target) -> anyhow::Result<Load> {
        let load = self.load(filled).await?;
        let path = if self == Self::Refusals { "/refused" } else { load.path };
        Ok(Load { target: target.clone(), path, wanted: Wanted { status: 200, words: "" }, codes: Codes::new(0..1_000_000), ..load })
    }
}

/// Takes turns: the bare handler, then each deployment.
async fn compare(options: &Options, bare: &Target, houses: &[&Filled], kind: Kind) -> anyhow::Result<Vec<Line>> {
    let first = houses.first().context("no house")?;
    let mut reference = Vec::new();
    let mut figures = vec![Vec::new(); houses.len()];
    for round in 1..=options.rounds {
        let measured = closed(&kind.bare(first, bare).await?, WARM_UP, options.length()).await?;
        eprint!("{}, round {round}: bare {:.0}/s", kind.name(), measured.rate);
        reference.push(measured.rate);
        for (filled, figures) in houses.iter().zip(&mut figures) {
            let before = if kind == Kind::Scans { filled.admitted().await? } else { 0 };
            let measured = closed(&kind.load(filled).await?, WARM_UP, options.length()).await?;
            eprint!("  {} {:.0}/s (p99 {:.1} ms)", filled.deployment.setup.name(), measured.rate, p99(&measured.latencies));
            if kind == Kind::Scans {
                let written = filled.admitted().await? - before;
                ensure!(written == measured.answers, "{} were admitted, and {written} stand in the ledger", measured.answers);
            }
            figures.push(measured.rate);
        }
        eprintln!();
    }
    let (reach, aim) = kind.bounds();
    let line = |(filled, figures): (&&Filled, Vec<f64>)| Line {
        what: format!("{}, {}", kind.name(), filled.deployment.setup.name()),
        unit: "/s",
        figures,
        against: Some(("bare handler".to_owned(), reference.clone())),
        better: Better::More,
        reach,
        aim,
    };
    Ok(houses.iter().zip(figures).map(line).collect())
}

impl Filled {
    /// Tickets that are in, by the ledger.
    pub async fn admitted(&self) -> anyhow::Result<u64> {
        let phone = self.world.phones.first().context("no phone")?;
        let mut client = Client::with(&phone.target, Some(&phone.token));
        let told = client.read(&format!("/v1/events/{}/attendance", self.world.event.id)).await?;
        told.get("admitted").and_then(serde_json::Value::as_u64).context("no attendance")
    }
}

//! Whether a large ledger is slower than a small one.

use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::deployment::{Deployment, Setup, Stores};
use super::fill::RawLedger;
use super::filled::{Filled, add_tickets, follow};
use super::load::Codes;
use super::open;
use super::options::{Options, Row};
use super::verdict::{Better, Line};
use crate::world::WorldSize;

/// How large a ledger is.
#[derive(Clone, Copy)]
struct Size {
    tickets: u64,
    sessions: u64,
    events: u64,
}

const SMALL: Size = Size { tickets: 10_000, sessions: 100, events: 2 };
const LARGE: Size = Size { tickets: 1_000_000, sessions: 10_000, events: 200 };
const FULL: Size = Size { tickets: 10_000_000, sessions: 100_000, events: 2_000 };
/// Phones that scan.
const PHONES: usize = 20;
/// Scans a second: few enough that none waits for another.
const RATE: f64 = 200.0;

/// The row growth.
pub async fn measure(options: &Options, stores: &Stores, program: &Path) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    if !options.wants(Row::Growth) {
        return Ok(lines);
    }
    let large = if options.full { FULL } else { LARGE };
    for setup in [Setup::Shared, Setup::Embedded] {
        let small = deployment(stores, program, setup, "small", SMALL).await?;
        let big = deployment(stores, program, setup, "large", large).await?;
        lines.push(compare(options, setup, &small, &big, large).await?);
    }
    Ok(lines)
}

async fn compare(options: &Options, setup: Setup, small: &Filled, big: &Filled, large: Size) -> anyhow::Result<Line> {
    let (mut figures, mut reference) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let one = median_scan(small, options).await?;
        let other = median_scan(big, options).await?;
        eprintln!("growth, {}, round {round}: small {one:.3} ms  large {other:.3} ms", setup.name());
        reference.push(one);
        figures.push(other);
    }
    Ok(Line {
        what: format!("median scan at {} tickets, {} sessions, {} events, {}", large.tickets, large.sessions, large.events, setup.name()),
        unit: "ms",
        figures,
        against: Some((format!("{} / {} / {}", SMALL.tickets, SMALL.sessions, SMALL.events), reference)),
        better: Better::Less,
        reach: 1.25,
        aim: 1.05,
    })
}

async fn median_scan(filled: &Filled, options: &Options) -> anyhow::Result<f64> {
    let some = open::scans(filled, PHONES, RATE, 0.0, options.length()).await?;
    Ok(Duration::from_micros(some.value_at_quantile(0.5)).as_secs_f64() * 1000.0)
}

async fn deployment(stores: &Stores, program: &Path, setup: Setup, name: &str, size: Size) -> anyhow::Result<Filled> {
    eprintln!("filling a ledger with {} tickets, {} sessions, {} events: {}", size.tickets, size.sessions, size.events, setup.name());
    let mut deployment = Deployment::build(stores, program, setup, name).await?;
    deployment.open().await?;
    let mut world = deployment.world(WorldSize { phones: PHONES, tickets: 1, types: 1, own: true, ..WorldSize::default() }).await?;
    deployment.close();
    let ledger = RawLedger::open(&deployment.database).await?;
    let each = size.tickets / size.events;
    add_tickets(&ledger, world.event.id, each).await?;
    let session = world.phones.first().map(|phone| (phone.session, phone.device)).unwrap_or_default();
    add_sessions(&ledger, session, size.sessions).await?;
    add_events(&ledger, world.event.id, size.events - 1, each).await?;
    ledger.analyse().await?;
    ledger.close().await;
    deployment.open().await?;
    follow(&deployment, &mut world).await?;
    let filled = Filled { deployment, world, codes: Codes::new(0..each) };
    open::scans(&filled, PHONES, 50.0, 0.0, Duration::from_secs(1)).await?;
    filled.deployment.settle().await?;
    Ok(filled)
}

/// Copies of a session, each on a device of its own.
pub async fn add_sessions(ledger: &RawLedger, (session, device): (Uuid, Uuid), count: u64) -> anyhow::Result<()> {
    let one = |id| format!("t.id = {}", ledger.id(id));
    let device_differs = [("id", ledger.nth_id(2)), ("enrolment_hash", "null".to_owned())];
    ledger.multiply("devices", &one(device), 0..count, &device_differs).await?;
    ledger.multiply("sessions", &one(session), 0..count, &[("id", ledger.nth_id(3)), ("device_id", ledger.nth_id(2))]).await
}

/// Copies of an event with all its types, each with tickets.
async fn add_events(ledger: &RawLedger, event: Uuid, count: u64, each: u64) -> anyhow::Result<()> {
    ledger.multiply("events", &format!("t.id = {}", ledger.id(event)), 0..count, &[("id", ledger.nth_id(4))]).await?;
    let of_first = format!("t.event_id = {} and t.name = 'Advance'", ledger.id(event));
    ledger.multiply("ticket_types", &of_first, 0..count, &[("id", ledger.nth_id(5)), ("event_id", ledger.nth_id(4))]).await?;
    // The nth ticket is of the event that its number, divided, names.
    let event_of = |kind| ledger.nth_id(kind).replace("(n)", &format!("(n / {each})")).replace(", n)", &format!(", n / {each})"));
    let first = format!("t.event_id = {} and t.status = 'valid' and t.code like 'lt-%'", ledger.id(event));
    let differs =
        [("id", ledger.nth_id(6)), ("code", ledger.nth_code("other-")), ("event_id", event_of(4)), ("ticket_type_id", event_of(5))];
    ledger.multiply("tickets", &first, 0..count * each, &differs).await
}

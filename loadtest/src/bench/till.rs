//! Sales against single-row INSERTs, the latency of scans beside theirs, and scans while people sign in.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::deployment::{Setup, Stores};
use super::filled::{Filled, filled};
use super::load::{Codes, Load, Wanted, closed};
use super::open::p99;
use super::options::{Options, Row};
use super::verdict::{Better, Line};
use super::{open, pgbench};
use crate::world::{Client, WorldSize};

/// Tills, and connections of pgbench.
const TILLS: usize = 64;
/// Phones of the open loops.
const PHONES: usize = 64;
/// Phones on which people sign in.
const OTHERS: usize = 30;
/// Ticket types that are sold.
const TYPES: usize = 8;
/// Of each type: more than can be sold in the time.
const QUOTA: u32 = 1_000_000;
/// Scans a second beside pgbench's rate.
const RATE: u32 = 2_000;
/// Sign-ins a second.
const SIGN_INS: f64 = 15.0;
/// Tickets of the open loops.
const TICKETS: u64 = 300_000;
const WARM_UP: Duration = Duration::from_millis(700);

/// The rows of the tills and of the open loop.
pub async fn measure(options: &Options, stores: &Stores, program: &Path) -> anyhow::Result<Vec<Line>> {
    let rows = [Row::Sales, Row::Latency, Row::SignIns];
    if !rows.iter().any(|row| options.wants(*row)) {
        return Ok(Vec::new());
    }
    pgbench::prepare(stores).await?;
    let tills = if options.wants(Row::Sales) { TILLS } else { 0 };
    let size = WorldSize { phones: PHONES, idle_phones: OTHERS, tills, types: TYPES, quota: Some(QUOTA), ..WorldSize::default() };
    let mut lines = Vec::new();
    for setup in [Setup::Shared, Setup::Embedded] {
        let deployment = filled(stores, program, setup, "till", TICKETS.min(options.tickets), size).await?;
        if options.wants(Row::Sales) {
            lines.push(sales(options, stores, &deployment).await?);
        }
        if options.wants(Row::Latency) {
            lines.push(latency(options, stores, &deployment).await?);
        }
        if options.wants(Row::SignIns) {
            lines.push(sign_ins(options, &deployment).await?);
        }
    }
    Ok(lines)
}

/// Sales of one line each, by all tills.
pub async fn load(filled: &Filled) -> anyhow::Result<Load> {
    let event = filled.world.event.id;
    let body = |t: &crate::world::TicketType| {
        format!(
            r#"{{"id":"{{id}}","event":"{event}","lines":[{{"ticket_type":"{}","quantity":1}}],"payment":{{"method":"cash"}},"admit":false}}"#,
            t.id
        )
    };
    Ok(Load {
        target: filled.deployment.target().await?,
        path: "/v1/sales",
        tokens: filled.world.tills.iter().map(|station| station.token.clone()).collect(),
        connections: TILLS,
        bodies: filled.world.event.types.iter().map(body).collect(),
        codes: Codes::new(0..1),
        wanted: Wanted { status: 201, words: "" },
        may_be_busy: false,
        rate: None,
    })
}

async fn sales(options: &Options, stores: &Stores, filled: &Filled) -> anyhow::Result<Line> {
    let load = load(filled).await?;
    let (mut figures, mut reference) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let inserts = pgbench::rate(stores, TILLS, options.length())?;
        let before = sold(filled).await?;
        let measured = closed(&load, WARM_UP, options.length()).await?;
        let written = sold(filled).await? - before;
        ensure!(written == measured.answers, "{} sales were answered, and {written} stand in the ledger", measured.answers);
        eprintln!("sales, {}, round {round}: pgbench {inserts:.0}/s  sales {:.0}/s", filled.deployment.setup.name(), measured.rate);
        reference.push(inserts);
        figures.push(measured.rate);
    }
    Ok(Line {
        what: format!("sales, {}", filled.deployment.setup.name()),
        unit: "/s",
        figures,
        against: Some(("pgbench INSERTs".to_owned(), reference)),
        better: Better::More,
        reach: 0.40,
        aim: 1.0,
    })
}

/// Sales in the ledger.
pub async fn sold(filled: &Filled) -> anyhow::Result<u64> {
    let target = filled.deployment.target().await?;
    let mut client = Client::with(&target, Some(filled.world.client.token()));
    let told = client.read(&format!("/v1/sales/totals?event={}", filled.world.event.id)).await?;
    let totals = told.get("totals").and_then(Value::as_array).context("no totals")?;
    Ok(totals.iter().filter_map(|total| total.get("count").and_then(Value::as_u64)).sum())
}

async fn latency(options: &Options, stores: &Stores, filled: &Filled) -> anyhow::Result<Line> {
    let length = Duration::from_secs(3).max(options.length());
    let (mut figures, mut reference) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let inserts = p99(&pgbench::latency(stores, PHONES, RATE, length)?);
        let scans = p99(&open::scans(filled, PHONES, f64::from(RATE), 0.0, length).await?);
        eprintln!("p99 at {RATE}/s, {}, round {round}: pgbench {inserts:.2} ms  scans {scans:.2} ms", filled.deployment.setup.name());
        reference.push(inserts);
        figures.push(scans);
    }
    Ok(Line {
        what: format!("p99 of a scan at {RATE}/s, {}", filled.deployment.setup.name()),
        unit: "ms",
        figures,
        against: Some((format!("pgbench --rate={RATE}"), reference)),
        better: Better::Less,
        reach: 3.0,
        aim: 1.5,
    })
}

async fn sign_ins(options: &Options, filled: &Filled) -> anyhow::Result<Line> {
    let length = Duration::from_secs(3).max(options.length());
    let rate = f64::from(RATE) / 2.0;
    let (mut figures, mut reference) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let without = p99(&open::scans(filled, PHONES, rate, 0.0, length).await?);
        let with = p99(&open::scans(filled, PHONES, rate, SIGN_INS, length).await?);
        eprintln!("p99 with sign-ins, {}, round {round}: without {without:.2} ms  with {with:.2} ms", filled.deployment.setup.name());
        reference.push(without);
        figures.push(with);
    }
    Ok(Line {
        what: format!("scan p99 at {rate}/s while {SIGN_INS} sign in a second, {}", filled.deployment.setup.name()),
        unit: "ms",
        figures,
        against: Some(("without sign-ins".to_owned(), reference)),
        better: Better::Less,
        reach: 1.5,
        aim: 1.1,
    })
}

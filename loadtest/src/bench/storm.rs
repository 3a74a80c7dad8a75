//! Scans while pins, rights and devices change all the time, against scans while nothing changes.
//!
//! Changes of the organisation that scans wait for its lock, and its scans for them. Whatever else a hundred changes cost, the disk above
//! all, they cost as well when a neighbour makes them: so that is measured beside.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::deployment::{Setup, Stores};
use super::filled::{Filled, filled, follow};
use super::open;
use super::options::{Options, Row};
use super::verdict::{Better, Line};
use crate::world::{Client, Member, WorldSize, hire};

/// Changes a second.
const CHANGES: u32 = 100;
/// Lines on which they are made: one change waits for no other, unless the gateway makes it.
const DESKS: u32 = 4;
/// Scans a second.
const RATE: f64 = 1_000.0;
const PHONES: usize = 64;
const TICKETS: u64 = 300_000;

/// Two lines, on both set-ups.
pub async fn measure(options: &Options, stores: &Stores, program: &Path) -> anyhow::Result<Vec<Line>> {
    if !options.wants(Row::Storm) {
        return Ok(Vec::new());
    }
    let size = WorldSize { phones: PHONES, ..WorldSize::default() };
    let mut lines = Vec::new();
    for setup in [Setup::Shared, Setup::Embedded] {
        let mut deployment = filled(stores, program, setup, "storm", TICKETS.min(options.tickets), size).await?;
        let neighbour = deployment.deployment.neighbour().await?;
        follow(&deployment.deployment, &mut deployment.world).await?;
        lines.extend(storms(options, &deployment, &neighbour).await?);
    }
    Ok(lines)
}

async fn storms(options: &Options, filled: &Filled, neighbour: &Client) -> anyhow::Result<[Line; 2]> {
    let (length, setup) = (Duration::from_secs(3).max(options.length()), filled.deployment.setup.name());
    let (at_home, next_door) = (Office::open(&filled.world.client).await?, Office::open(neighbour).await?);
    let (mut calm, mut home, mut door) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let without = open::p99(&open::scans(filled, PHONES, RATE, 0.0, length).await?);
        let elsewhere = beside(filled, &next_door, length).await?;
        let with = beside(filled, &at_home, length).await?;
        eprintln!("p99 with changes, {setup}, round {round}: without {without:.2} ms  a neighbour's {elsewhere:.2} ms  with {with:.2} ms");
        calm.push(without);
        door.push(elsewhere);
        home.push(with);
    }
    let line = |against: &str, figures| Line {
        what: format!("scan p99 at {RATE}/s while {CHANGES} changes are made a second, {setup}"),
        unit: "ms",
        figures: home.clone(),
        against: Some((against.to_owned(), figures)),
        better: Better::Less,
        reach: 1.2,
        aim: 1.05,
    };
    Ok([line("without changes", calm), line("a neighbour's changes", door)])
}

/// p99 of the scans while an office works.
async fn beside(filled: &Filled, office: &Office, length: Duration) -> anyhow::Result<f64> {
    let (over, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let mut changing = JoinSet::new();
    for member in &office.members {
        changing.spawn(change(office.client.another(), member.clone(), office.event.clone(), Arc::clone(&over), Arc::clone(&made)));
    }
    let scans = open::scans(filled, PHONES, RATE, 0.0, length).await?;
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = changing.join_next().await {
        ended??;
    }
    let (made, planned) = (made.load(Ordering::Relaxed), length.as_secs_f64() * f64::from(CHANGES));
    ensure!(f64::from(made) >= planned * 0.9, "only {made} of {planned} changes were made");
    Ok(open::p99(&scans))
}

/// The administrator that makes changes, and what they concern: nothing that scans.
struct Office {
    client: Client,
    event: Value,
    members: Vec<Member>,
}

impl Office {
    async fn open(client: &Client) -> anyhow::Result<Self> {
        let mut client = client.another();
        let event = json!({
            "name": "Rehearsal", "starts_at": "2026-06-01T18:00:00.000Z", "ends_at": "2026-06-01T23:00:00.000Z",
            "timezone": "Europe/Berlin", "currency": "EUR", "status": "live",
        });
        let event = client.post("/v1/events", &event).await?.ok()?.get("id").cloned().context("an event without an id")?;
        let mut members = Vec::new();
        for number in 0..DESKS {
            let username = format!("bystander-{number}");
            let body = json!({
                "name": format!("Bystander {number}"), "email": format!("{username}@example.org"), "username": username,
                "password": format!("a long password for {username}"), "role": "door_operator", "events": [event],
            });
            members.push(hire((client.another(), body)).await?);
        }
        Ok(Self { client, event, members })
    }
}

/// Pins, rights and devices in turn, at this line's part of the pace.
async fn change(mut client: Client, member: Member, event: Value, over: Arc<AtomicBool>, made: Arc<AtomicU32>) -> anyhow::Result<()> {
    let mut pace = interval(Duration::from_secs(1) * DESKS / CHANGES);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let path = format!("/v1/team/{}", member.id);
    for number in 0_u32.. {
        pace.tick().await;
        if over.load(Ordering::Relaxed) {
            break;
        }
        let answer = match number % 5 {
            0 => client.put(&format!("{path}/events"), &json!({"events": []})).await?,
            1 => client.put(&format!("{path}/events"), &json!({"events": [event]})).await?,
            2 => client.patch(&path, &json!({"revoke": ["entry:scan"]})).await?,
            3 => client.patch(&path, &json!({"grant": ["entry:scan"]})).await?,
            _ => client.post("/v1/devices", &json!({"name": "Spare", "kind": "scanner"})).await?,
        };
        answer.ok()?;
        made.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

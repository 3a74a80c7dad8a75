//! What decisions rest on changes while it is used: pins, roles, permissions, sessions and devices, prices and the event itself, under
//! load at the other doors.
//!
//! The members and devices that a change concerns try without pause over several connections, before and after. From the moment that the
//! change is answered, nothing that they send may be accepted; requests that were under way count neither way.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Phase, draw::Audience, steady::scans};
use crate::cli::Options;
use crate::run::{Basket, Changed, Device, Evidence, Expected, Job, Outcome, Scan, Sends, Stage, Tried, pace::Shape};
use crate::world::{Member, Station, World, WorldSize, hire};

const PHONES: usize = 20;
const RATE: f64 = 200.0;
const SECONDS: f64 = 15.0;
/// Devices whose rights are changed: scanners, and two tills.
const SUBJECTS: usize = 5;
/// Connections over which each of them tries.
const CONNECTIONS: usize = 4;
/// Accepted tries before a change is made.
const BEFORE: u64 = 12;
/// Refusals after it, before it is believed to hold.
const AFTER: u64 = 40;
/// Past this, a change that does not hold is believed never to.
const PATIENCE: Duration = Duration::from_secs(5);
/// Tickets for each of the changes that are made with scans.
const TICKETS: usize = 20_000;

fn shape(options: &Options) -> Shape {
    Shape::Constant { rate: options.rate.unwrap_or(RATE), length: options.length(SECONDS) }
}

fn phones(options: &Options) -> usize {
    options.phones.unwrap_or(PHONES)
}

pub fn size(options: &Options) -> WorldSize {
    WorldSize {
        phones: phones(options) + SUBJECTS,
        tills: 2,
        tickets: shape(options).moments().count() + TICKETS,
        types: 2,
        elsewhere: true,
        own: true,
        ..WorldSize::default()
    }
}

/// The load at the other doors.
pub fn plan(options: &Options, world: &World) -> Vec<Phase> {
    vec![Phase::of("changing", scans(shape(options), 0..phones(options), &mut Audience::of(world, super::seeded())))]
}

/// Changes that are made in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Role,
    Suspension,
    SessionEnded,
    Displaced,
    Cash,
    Pin,
    DeviceRevoked,
    Price,
    EventEnded,
}

const ALL: [Change; 9] = [
    Change::Role,
    Change::Price,
    Change::Cash,
    Change::Displaced,
    Change::Pin,
    Change::EventEnded,
    Change::SessionEnded,
    Change::Suspension,
    Change::DeviceRevoked,
];

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Role => "a role is taken",
            Self::Suspension => "a member is suspended",
            Self::SessionEnded => "a session is ended",
            Self::Displaced => "a newer sign-in displaces a session",
            Self::Cash => "cash is taken from a seller",
            Self::Pin => "a till is pinned elsewhere",
            Self::DeviceRevoked => "a device is revoked",
            Self::Price => "a price is raised",
            Self::EventEnded => "the event is ended",
        }
    }

    /// Whether the members that it concerns sell; otherwise they scan.
    fn concerns_sellers(self) -> bool {
        matches!(self, Self::Cash | Self::Pin | Self::Price)
    }
}

/// Makes changes until the time is over, each kind at least once.
pub async fn change(options: &Options, stage: &Arc<Stage>, world: &mut World) -> anyhow::Result<Evidence> {
    let mut cast = Cast::of(options, world).await?;
    let mut evidence = Evidence::default();
    let end = stage.begun + shape(options).length();
    let mut round = 0;
    while round == 0 || Instant::now() < end {
        for kind in ALL {
            // A device can be revoked once; each kind is made once in any case.
            if (round > 0 && Instant::now() >= end) || (kind == Change::DeviceRevoked && cast.mortal.is_empty()) {
                continue;
            }
            evidence.add(cast.make(kind, stage, world).await?);
        }
        round += 1;
    }
    Ok(evidence)
}

/// The members and devices that the changes concern.
struct Cast {
    scanner: (usize, Station),
    seller: (usize, Station),
    operator: (usize, Station),
    mortal: Vec<(usize, Station)>,
    codes: Arc<Mutex<VecDeque<Arc<str>>>>,
}

impl Cast {
    async fn of(options: &Options, world: &mut World) -> anyhow::Result<Self> {
        let first = phones(options);
        let mut subjects = world.phones.iter().cloned().enumerate().skip(first);
        let mut scanner = subjects.next().context("no scanner")?;
        let mortal = subjects.collect();
        let tills = world.phones.len();
        let mut sellers = world.tills.iter().cloned().enumerate().map(|(place, till)| (tills + place, till));
        let (seller, mut operator) = (sellers.next().context("no till")?, sellers.next().context("no till")?);
        // They have their own rights, so that the others go on scanning.
        let run = Uuid::new_v4().simple().to_string();
        let tag = run.get(..8).unwrap_or_default();
        scanner.1.who = new_member(world, "scanner", tag, json!([])).await?;
        operator.1.who = new_member(world, "door_operator", tag, json!([world.event.id])).await?;
        let reserve = world.tickets.len().saturating_sub(TICKETS);
        let codes = world.tickets.iter().skip(reserve).map(|ticket| Arc::from(ticket.code.as_str())).collect();
        Ok(Self { scanner, seller, operator, mortal, codes: Arc::new(Mutex::new(codes)) })
    }

    /// One change, from before it until it holds, and back.
    async fn make(&mut self, kind: Change, stage: &Arc<Stage>, world: &mut World) -> anyhow::Result<Evidence> {
        let (place, mut station) = match kind {
            Change::Cash | Change::Price => self.seller.clone(),
            Change::Pin => self.operator.clone(),
            Change::DeviceRevoked => self.mortal.pop().context("no device is left")?,
            _ => self.scanner.clone(),
        };
        station.sign_in(&world.organisation).await?;
        let crew = Crew::start(stage, place, &station, (!kind.concerns_sellers()).then(|| Arc::clone(&self.codes)));
        crew.until(|accepted, _| accepted >= BEFORE).await.with_context(|| format!("before {}", kind.name()))?;
        apply(kind, world, &station, true).await?;
        let answered = stage.begun.elapsed();
        let refused = crew.watch.refused.load(Ordering::Relaxed);
        // Whether it ever holds is for the judge to say.
        let _ = crew.until(|_, now| now >= refused + AFTER).await;
        let mut evidence = crew.stop().await?;
        evidence.changes.push(Changed { name: kind.name(), answered, tries: tries(&evidence) });
        apply(kind, world, &station, false).await?;
        Ok(evidence)
    }
}

async fn new_member(world: &World, role: &str, tag: &str, events: Value) -> anyhow::Result<Member> {
    let username = format!("{role}-changed-{tag}");
    let body = json!({
        "name": format!("Somebody called {username}"), "email": format!("{username}@example.org"),
        "password": format!("a long password for {username}"), "username": username, "role": role, "events": events,
    });
    hire((world.client.another(), body)).await
}

/// Makes a change, or takes it back where that can be done.
async fn apply(kind: Change, world: &mut World, station: &Station, forth: bool) -> anyhow::Result<()> {
    let member = format!("/v1/team/{}", station.who.id);
    let patch = |forth_body: Value, back_body: Value| if forth { forth_body } else { back_body };
    let answer = match kind {
        Change::Role => world.client.patch(&member, &patch(json!({"role": "viewer"}), json!({"role": "scanner"}))).await?,
        Change::Suspension => world.client.patch(&member, &patch(json!({"active": false}), json!({"active": true}))).await?,
        Change::Cash => world.client.patch(&member, &patch(json!({"revoke": ["pos:cash"]}), json!({"grant": ["pos:cash"]}))).await?,
        Change::Pin => {
            let elsewhere = world.elsewhere.as_ref().map(|event| event.id);
            let events = if forth { json!([elsewhere]) } else { json!([world.event.id]) };
            world.client.put(&format!("{member}/events"), &json!({"events": events})).await?
        }
        // A till that expects the price from before gets a refusal, and has not sold.
        Change::Price => {
            let first = world.event.types.first().context("no ticket type")?;
            let price = if forth { first.price + Decimal::ONE } else { first.price };
            let path = format!("/v1/events/{}/ticket-types/{}", world.event.id, first.id);
            world.client.patch(&path, &json!({"price": format!("{price:.2}")})).await?
        }
        // Everybody at the other doors is refused with them, until it goes on.
        Change::EventEnded => {
            let path = format!("/v1/events/{}", world.event.id);
            world.client.patch(&path, &patch(json!({"status": "ended"}), json!({"status": "live"}))).await?
        }
        Change::SessionEnded if forth => world.client.delete(&format!("/v1/sessions/{}", station.session)).await?,
        Change::DeviceRevoked if forth => world.client.delete(&format!("/v1/devices/{}", station.device)).await?,
        Change::Displaced if forth => return station.clone().sign_in(&world.organisation).await,
        Change::SessionEnded | Change::DeviceRevoked | Change::Displaced => return Ok(()),
    };
    answer.ok().map(drop)
}

/// One device's session, over several connections.
struct Crew {
    hands: JoinSet<Device>,
    watch: Arc<Watch>,
}

#[derive(Default)]
struct Watch {
    accepted: AtomicU64,
    refused: AtomicU64,
    over: AtomicBool,
}

impl Crew {
    /// Scans without pause where there are codes, and sells for cash where there are none.
    fn start(stage: &Arc<Stage>, place: usize, station: &Station, codes: Option<Arc<Mutex<VecDeque<Arc<str>>>>>) -> Self {
        let watch = Arc::new(Watch::default());
        let mut hands = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (stage, watch, codes) = (Arc::clone(stage), Arc::clone(&watch), codes.clone());
            let mut device = Device::new(place, station.clone());
            hands.spawn(async move {
                while !watch.over.load(Ordering::Relaxed) {
                    let job = match &codes {
                        Some(codes) => match codes.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
                            Some(code) => Job::Scan(Scan { code, expected: Expected::OneEntry, sends: Sends::default() }),
                            None => break,
                        },
                        None => Job::Sell(Basket { lines: vec![(0, 1)], cash_over: Some(0.into()), admit: false, sends: Sends::default() }),
                    };
                    let before = device.evidence.scans.len() + device.evidence.sales.len();
                    device.perform(&stage, job, Instant::now()).await;
                    let accepted = tries_from(&device.evidence, before).any(|tried| tried.accepted);
                    let count = if accepted { &watch.accepted } else { &watch.refused };
                    count.fetch_add(1, Ordering::Relaxed);
                }
                device
            });
        }
        Self { hands, watch }
    }

    /// Waits until the numbers of what was accepted and refused are so.
    async fn until(&self, enough: impl Fn(u64, u64) -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !enough(self.watch.accepted.load(Ordering::Relaxed), self.watch.refused.load(Ordering::Relaxed)) {
            ensure!(begun.elapsed() < PATIENCE, "nothing is accepted, or nothing is refused");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    async fn stop(mut self) -> anyhow::Result<Evidence> {
        self.watch.over.store(true, Ordering::Relaxed);
        let mut evidence = Evidence::default();
        while let Some(device) = self.hands.join_next().await {
            evidence.add(device?.evidence);
        }
        Ok(evidence)
    }
}

fn tries(evidence: &Evidence) -> Vec<Tried> {
    tries_from(evidence, 0).collect()
}

/// What was tried, without the first ones.
fn tries_from(evidence: &Evidence, skip: usize) -> impl Iterator<Item = Tried> + '_ {
    let scans = evidence.scans.iter().map(|sent| (sent.times, reading(&sent.outcome)));
    let sales = evidence.sales.iter().map(|sent| (sent.times, reading(&sent.outcome)));
    scans.chain(sales).skip(skip).map(|(times, (accepted, answered))| Tried { times, accepted, answered })
}

/// Whether it was accepted, and whether it was answered with yes or no. An answer about a ticket, even a refusal, takes permission too.
fn reading<T>(outcome: &Outcome<T>) -> (bool, bool) {
    match outcome {
        Outcome::Done { replayed, .. } => (!replayed, true),
        Outcome::Refused(_) => (true, true),
        Outcome::Problem(..500, _) => (false, true),
        Outcome::Problem(..) | Outcome::Lost | Outcome::Cut | Outcome::Garbled => (false, false),
    }
}

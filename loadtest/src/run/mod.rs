//! The engine: devices that do what is planned for them, when it is planned.
//!
//! In the open loop a job leaves at its planned moment, and its latency counts from there: while a device waits for an answer, its next
//! jobs queue and grow old, so a stall is seen for as long as it lasts. In the closed loop a device takes its next job when it has its
//! answer, which finds the ceiling and says little about waiting.

mod device;
pub mod pace;
mod pacer;
pub mod record;
pub mod words;

pub use device::{Device, Times};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use self::record::Recorder;
use crate::world::Event;

/// Something to do, for one device, at one moment.
#[derive(Clone, Debug)]
pub struct Planned {
    /// When, counted from the start of the phase.
    pub at: Duration,
    /// Which device, by its place.
    pub device: usize,
    /// What.
    pub job: Job,
}

/// Something to do.
#[derive(Clone, Debug)]
pub enum Job {
    /// Scan a ticket.
    Scan(Scan),
    Sell(Basket),
    /// Ask whether one may.
    Authorise,
    /// Sign in on this device, and go on as that session.
    SignIn,
    /// Send what has to be refused.
    Probe(Arc<Probe>),
}

#[derive(Clone, Debug)]
pub struct Scan {
    /// What the bar code holds.
    pub code: Arc<str>,
    /// What has to come of it.
    pub expected: Expected,
    /// How often it is sent.
    pub sends: Sends,
}

/// What has to come of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// One of all scans of this code is admitted, the others are refused.
    OneEntry,
    /// It is refused for this reason.
    Refused(&'static str),
}

/// How often a request is sent with one id.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sends {
    /// Times that its answer is lost: the line is cut before it is read.
    pub lost: u8,
    /// Times that it is sent again although it was answered.
    pub again: u8,
}

/// A sale.
#[derive(Clone, Debug)]
pub struct Basket {
    /// Types by their place in the event, with how many.
    pub lines: Vec<(usize, u32)>,
    /// What is handed over beyond the total; none pays by card.
    pub cash_over: Option<Decimal>,
    /// Whether the buyers are let in at once.
    pub admit: bool,
    /// How often it is sent.
    pub sends: Sends,
}

/// A request that has to be refused in one way.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What is wrong with it, in words.
    pub name: &'static str,
    /// The request, whole.
    pub request: Vec<u8>,
    /// The status that has to be answered.
    pub status: u16,
    /// The code that has to be answered.
    pub code: &'static str,
}

/// What all devices of a run share.
pub struct Stage {
    /// When the run began; every time in the evidence counts from here.
    pub begun: Instant,
    /// The event that is played at.
    pub event: Event,
    /// The organisation's slug.
    pub organisation: String,
    /// Where latencies go.
    pub recorder: Arc<Recorder>,
    /// Past this, an answer is given up.
    pub patience: Duration,
}

/// What was sent and what came back, from the devices. The judge reads it.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Scans, each time that they were sent.
    pub scans: Vec<ScanSent>,
    /// Sales, each time that they were sent.
    pub sales: Vec<SaleSent>,
    /// Requests that had to be refused.
    pub probes: Vec<ProbeSent>,
    /// What sign-ins were answered.
    pub sign_ins: Vec<Outcome<()>>,
    /// Changes under load.
    pub changes: Vec<Changed>,
    /// The session's token of each device when the run was over.
    pub tokens: HashMap<usize, String>,
}

impl Evidence {
    /// Takes in another's.
    pub fn add(&mut self, other: Self) {
        self.scans.extend(other.scans);
        self.sales.extend(other.sales);
        self.probes.extend(other.probes);
        self.sign_ins.extend(other.sign_ins);
        self.changes.extend(other.changes);
        self.tokens.extend(other.tokens);
    }
}

/// A scan that was sent.
#[derive(Clone, Debug)]
pub struct ScanSent {
    /// Its id, which the device made.
    pub id: Uuid,
    /// Which device.
    pub device: usize,
    /// What was scanned.
    pub code: Arc<str>,
    /// What has to come of it.
    pub expected: Expected,
    /// When.
    pub times: Times,
    /// What came back.
    pub outcome: Outcome<Admitted>,
}

/// What a scan was answered that was admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The number of the movement.
    pub seq: u32,
    /// When it was recorded.
    pub recorded_at: Box<str>,
}

/// A sale that was sent.
#[derive(Clone, Debug)]
pub struct SaleSent {
    /// Its id, which the device made.
    pub id: Uuid,
    /// What was asked for.
    pub basket: Basket,
    /// When.
    pub times: Times,
    /// What came back.
    pub outcome: Outcome<Box<crate::wire::Sale>>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T> {
    /// Yes.
    Done {
        /// What was written.
        told: T,
        /// Whether this was the first answer once more.
        replayed: bool,
    },
    /// An answer that says no, with its reason.
    Refused(&'static str),
    /// A problem, with its status and code.
    Problem(u16, &'static str),
    /// No answer; only the ledger shows what became of it.
    Lost,
    /// The load tester has cut the line before the answer, as a phone that leaves the Wi-Fi does.
    Cut,
    /// An answer that could not be read.
    Garbled,
}

/// A request that had to be refused, and what came back.
#[derive(Clone, Debug)]
pub struct ProbeSent {
    /// Which.
    pub probe: Arc<Probe>,
    /// The status; none if nothing came back.
    pub status: Option<u16>,
    pub code: &'static str,
}

/// A change under load, and what the members and devices that it concerns tried around it.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What was changed.
    pub name: &'static str,
    /// When the change was answered.
    pub answered: Duration,
    /// What was tried, before and after.
    pub tries: Vec<Tried>,
}

/// Something that was tried around a change.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// When.
    pub times: Times,
    /// Whether it was written.
    pub accepted: bool,
    /// Whether it was answered at all, with yes or no.
    pub answered: bool,
}

/// How jobs are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// At their planned moments.
    Open,
    /// As soon as a device has its answer.
    Closed,
}

/// What is planned: jobs in the order of their moments.
pub type Plan = Box<dyn Iterator<Item = Planned> + Send>;

/// Lets the devices do what is planned. They come back when the last one has its answer.
pub async fn play(stage: &Arc<Stage>, devices: Vec<Device>, plan: Plan, how: Loop) -> anyhow::Result<Vec<Device>> {
    match how {
        Loop::Open => open(stage, devices, plan).await,
        Loop::Closed => closed(stage, devices, plan).await,
    }
}

async fn open(stage: &Arc<Stage>, devices: Vec<Device>, plan: Plan) -> anyhow::Result<Vec<Device>> {
    let (mut lanes, mut set) = (Vec::new(), JoinSet::new());
    for (place, mut device) in devices.into_iter().enumerate() {
        let (lane, mut jobs) = mpsc::unbounded_channel::<pacer::Due>();
        lanes.push(lane);
        let stage = Arc::clone(stage);
        set.spawn(async move {
            while let Some(due) = jobs.recv().await {
                device.perform(&stage, due.job, due.at).await;
            }
            (place, device)
        });
    }
    let pacing = pacer::start(plan, lanes);
    let devices = gather(set).await?;
    pacing.await?;
    Ok(devices)
}

async fn closed(stage: &Arc<Stage>, devices: Vec<Device>, plan: Plan) -> anyhow::Result<Vec<Device>> {
    let plan = Arc::new(Mutex::new(plan));
    let mut set = JoinSet::new();
    for (place, mut device) in devices.into_iter().enumerate() {
        let (stage, plan) = (Arc::clone(stage), Arc::clone(&plan));
        set.spawn(async move {
            loop {
                let next = plan.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(planned) = next else { break };
                device.perform(&stage, planned.job, Instant::now()).await;
            }
            (place, device)
        });
    }
    gather(set).await
}

async fn gather(mut set: JoinSet<(usize, Device)>) -> anyhow::Result<Vec<Device>> {
    let mut devices = Vec::new();
    while let Some(back) = set.join_next().await {
        devices.push(back?);
    }
    devices.sort_by_key(|(place, _)| *place);
    Ok(devices.into_iter().map(|(_, device)| device).collect())
}

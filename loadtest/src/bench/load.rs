//! A closed loop for the ceiling, made as cheap as it can be: the generator works on the cores that it measures.
//!
//! A thread with a runtime of its own has all connections. The request's bytes are prepared; its id and its code are written
//! into them in place, and of the answer only what has to be known is looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use tokio::time::{Interval, MissedTickBehavior, interval_at};

use crate::run::record::{Latencies, latencies, put};
use crate::wire::{Connection, Form, Target};

/// What is sent.
#[derive(Clone)]
pub struct Load {
    /// Where to.
    pub target: Target,
    /// On which path.
    pub path: &'static str,
    /// The tokens; connections take turns.
    pub tokens: Vec<String>,
    pub connections: usize,
    /// The bodies, with marks where something is written in: `{id}` for a fresh id, `{code}` for the next code. Connections take turns.
    pub bodies: Vec<String>,
    /// The codes, as many as there are; every connection takes the next one.
    pub codes: Codes,
    /// What an answer has to contain.
    pub wanted: Wanted,
    /// Whether the gateway may answer that it is busy (503). Such a request is sent again at once.
    pub may_be_busy: bool,
    /// How many are sent a second in all, should they not be sent as fast as they are answered.
    pub rate: Option<f64>,
}

impl Load {
    /// The pace of the connection at this place, if it has one. What is late is not made up for: it would no longer be this many at once.
    fn pace(&self, place: usize) -> Option<Interval> {
        let between = Duration::try_from_secs_f64(self.connections as f64 / self.rate?).ok()?;
        let first = between.mul_f64(place as f64 / self.connections as f64);
        let mut pace = interval_at((Instant::now() + first).into(), between);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(pace)
    }
}

/// Codes that are numbered.
#[derive(Clone)]
pub struct Codes {
    /// The first one's number.
    pub first: u64,
    /// How many there are.
    pub count: u64,
    /// How many were taken.
    pub taken: Arc<AtomicU64>,
}

/// What an answer has to contain.
#[derive(Clone, Copy)]
pub struct Wanted {
    pub status: u16,
    /// Something in its body; empty for nothing.
    pub words: &'static str,
}

/// Past this, an answer that has not come is believed never to.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time between two looks at whether the time is over.
const LOOK: Duration = Duration::from_millis(500);
/// A prime that divides no count of tickets in use here: numbers times it, modulo the count, are all numbers, out of order.
const STRIDE: u64 = 982_451_653;
/// Digits of a code's number.
pub const DIGITS: usize = 8;

impl Codes {
    /// These, none taken.
    pub fn new(numbers: std::ops::Range<u64>) -> Self {
        Self { first: numbers.start, count: numbers.end.saturating_sub(numbers.start).max(1), taken: Arc::default() }
    }

    /// The next one; people do not come in the order in which they bought. Starts again when all were taken.
    pub fn next(&self) -> u64 {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        self.first + (number % self.count) * (STRIDE % self.count) % self.count
    }
}

/// What was measured.
pub struct Measured {
    /// Good answers a second.
    pub rate: f64,
    /// Latencies of those.
    pub latencies: Latencies,
    /// Latencies of the others: the gateway had too much to do.
    pub busy: Latencies,
    /// Good answers, from the first to the last.
    pub answers: u64,
}

/// Sends for so long, after a warm-up that is not counted.
pub async fn closed(load: &Load, warm_up: Duration, length: Duration) -> anyhow::Result<Measured> {
    let load = load.clone();
    tokio::task::spawn_blocking(move || on_threads(&load, warm_up, length)).await?
}

/// One thread with all connections: it has its hands full with what two cores serve beside it.
fn on_threads(load: &Load, warm_up: Duration, length: Duration) -> anyhow::Result<Measured> {
    let watch = Arc::new(Watch::default());
    let (theirs, load) = (Arc::clone(&watch), load.clone());
    let hand = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(tokio::task::LocalSet::new().run_until(all(load, theirs)))
    });
    std::thread::sleep(warm_up);
    let begun = Instant::now();
    watch.counting.store(true, Ordering::Relaxed);
    std::thread::sleep(length);
    watch.counting.store(false, Ordering::Relaxed);
    let took = begun.elapsed();
    watch.over.store(true, Ordering::Relaxed);
    let Ok(back) = hand.join() else { bail!("the generator's thread has failed") };
    let Tally { latencies, busy, answers } = back?;
    let rate = f64::from(u32::try_from(latencies.len())?) / took.as_secs_f64();
    Ok(Measured { rate, latencies, busy, answers })
}

#[derive(Default)]
struct Watch {
    counting: AtomicBool,
    over: AtomicBool,
}

/// What some connections were tally.
struct Tally {
    latencies: Latencies,
    busy: Latencies,
    answers: u64,
}

impl Tally {
    fn nothing() -> Self {
        Self { latencies: latencies(), busy: latencies(), answers: 0 }
    }

    fn add(&mut self, some: &Self) -> anyhow::Result<()> {
        self.latencies.add(&some.latencies)?;
        self.busy.add(&some.busy)?;
        self.answers += some.answers;
        Ok(())
    }
}

async fn all(load: Load, watch: Arc<Watch>) -> anyhow::Result<Tally> {
    let mut set = tokio::task::JoinSet::new();
    for place in 0..load.connections {
        set.spawn_local(one(load.clone(), Arc::clone(&watch), place));
    }
    let mut all = Tally::nothing();
    loop {
        let back = tokio::select! {
            back = set.join_next() => back,
            () = given_up(&watch) => bail!("{} connections still wait for an answer", set.len()),
        };
        let Some(back) = back else { return Ok(all) };
        all.add(&back??)?;
    }
}

/// Waits until the time is long over. A clock for each request would cost more than what it guards.
async fn given_up(watch: &Watch) {
    let mut over = Duration::ZERO;
    while over < PATIENCE {
        tokio::time::sleep(LOOK).await;
        over += if watch.over.load(Ordering::Relaxed) { LOOK } else { Duration::ZERO };
    }
}

async fn one(load: Load, watch: Arc<Watch>, place: usize) -> anyhow::Result<Tally> {
    let token = load.tokens.get(place % load.tokens.len().max(1)).context("no session")?;
    let mut connection = Connection::open(&load.target).await.context("the generator cannot connect")?;
    let body = load.bodies.get(place % load.bodies.len().max(1)).context("no body")?;
    let mut request = Request::new(&load, body, token);
    let mut random = SmallRng::seed_from_u64(rand::random());
    let mut tally = Tally::nothing();
    let mut pace = load.pace(place);
    while !watch.over.load(Ordering::Relaxed) {
        request.fill(&load.codes, &mut random);
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        let begun = Instant::now();
        let reply = connection.call(&request.bytes).await.context("a connection broke")?;
        let is_busy = load.may_be_busy && reply.status == 503;
        if !is_busy && (reply.status != load.wanted.status || !holds(reply.body, load.wanted.words)) {
            bail!("{} answered {}: {}", load.path, reply.status, String::from_utf8_lossy(reply.body));
        }
        tally.answers += u64::from(!is_busy);
        if watch.counting.load(Ordering::Relaxed) {
            put(if is_busy { &mut tally.busy } else { &mut tally.latencies }, begun.elapsed());
        }
    }
    Ok(tally)
}

fn holds(body: &[u8], words: &str) -> bool {
    words.is_empty() || body.windows(words.len()).take(128).any(|window| window == words.as_bytes())
}

/// A request whose id and code are written in place.
struct Request {
    bytes: Vec<u8>,
    id: Option<usize>,
    code: Option<usize>,
}

impl Request {
    fn new(load: &Load, form: &str, token: &str) -> Self {
        let id = "00000000-0000-4000-8000-000000000000";
        let body = form.replace("{id}", id).replace("{code}", &"0".repeat(DIGITS));
        let mut bytes = Vec::new();
        Form::post(&load.target, load.path, Some(token)).fill(&mut bytes, body.as_bytes());
        let head = bytes.len() - body.len();
        let at = form.find("{id}");
        // The mark of the code is after the id, which is longer than its mark.
        let code = form.find("{code}").map(|place| place + at.filter(|at| *at < place).map_or(0, |_| id.len() - "{id}".len()));
        Self { bytes, id: at.map(|at| head + at), code: code.map(|at| head + at) }
    }

    fn fill(&mut self, codes: &Codes, random: &mut SmallRng) {
        if let Some(at) = self.id {
            // A version 4 UUID keeps its marks at 14 and 19; the rest is drawn.
            let drawn = format!("{:016x}{:016x}", random.next_u64(), random.next_u64());
            let digits = drawn.bytes();
            let places = (0..36).filter(|place| !matches!(place, 8 | 13 | 14 | 18 | 19 | 23));
            for (place, digit) in places.zip(digits) {
                if let Some(byte) = self.bytes.get_mut(at + place) {
                    *byte = digit;
                }
            }
        }
        if let Some(at) = self.code {
            let mut number = codes.next();
            for place in (0..DIGITS).rev() {
                if let Some(byte) = self.bytes.get_mut(at + place) {
                    *byte = b'0' + u8::try_from(number % 10).unwrap_or_default();
                }
                number /= 10;
            }
        }
    }
}

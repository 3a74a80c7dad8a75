//! Load shedding: past what the gateway can do, some are told at once to come again, so that the others are served as ever.
//!
//! What a queue costs is waiting, so waiting is what is measured: the time that scans and sales take from their last byte to their answer,
//! on average over a tenth of a second. While it stays below a target, as many may be in work as ask; when it exceeds the target, the
//! limit of those in work shrinks. The target follows the disk: it is a few times what the fastest commit of the last minutes took.
//!
//! Who is turned away first is a matter of rank ([`Rank`]), decided on the method and the route alone, before the body is read or the
//! token looked at. Each rank may fill a smaller part of the limit than the one above it; and while scans are turned away, no list is
//! read and nobody signs in, however few may be in work at that instant.
//!
//! A refusal is told at once and asks to come again in a second. Whoever asks again before that is told again at once while the turnstiles
//! have time to spare, as they have when it is the ledger that is slow. When they have none, there are a few moments for those who ask again
//! ([`limits::OVERLOAD_EACH_DELAY`]), and who finds none free is heard on the same connection when one is: else those who are refused would
//! take the machine from those who are served.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::Method;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{attempt::Timings, clock::Clock, limits};

/// How long a request can wait, in the order in which they are turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// What the back office reads.
    Lists,
    /// Sign-ins, enrolments, and what the back office changes.
    SignIns,
    /// A guest at the door, a sale that is yet to begin.
    Scans,
    /// A sale that has begun: the money may be in the drawer.
    Sales,
    /// Whether the gateway lives; never turned away.
    Health,
}

impl Rank {
    /// The rank of a call.
    pub fn of(method: &Method, route: &str) -> Self {
        match (method.as_str(), route) {
            (_, "/healthz" | "/readyz" | "/metrics") => Self::Health,
            (_, "/v1/sales" | "/v1/sales/{id}/void") if method == Method::POST => Self::Sales,
            ("GET", "/v1/sales/{id}") | ("DELETE", "/v1/holds/{id}") => Self::Sales,
            ("POST", "/v1/scans" | "/v1/holds" | "/v1/authorise" | "/v1/guests/{id}/check-ins") => Self::Scans,
            ("DELETE", "/v1/scans/{id}" | "/v1/check-ins/{id}") => Self::Scans,
            ("GET", "/v1/sessions/current" | "/v1/events/{id}/guests") => Self::Scans,
            ("GET" | "HEAD" | "OPTIONS", _) => Self::Lists,
            _ => Self::SignIns,
        }
    }

    /// Its name in figures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lists => "lists",
            Self::SignIns => "sign_ins",
            Self::Scans => "scans",
            Self::Sales => "sales",
            Self::Health => "health",
        }
    }

    /// Where it stands among those that can be turned away.
    fn row(self) -> Option<usize> {
        match self {
            Self::Lists => Some(0),
            Self::SignIns => Some(1),
            Self::Scans => Some(2),
            Self::Sales => Some(3),
            Self::Health => None,
        }
    }

    /// The part of the limit that this rank may fill, in tenths.
    fn tenths(self) -> usize {
        match self {
            Self::Lists => 5,
            Self::SignIns => 7,
            Self::Scans => 9,
            Self::Sales => 10,
            Self::Health => usize::MAX,
        }
    }
}

/// In the extensions of an answer: there is too much to do, and the asker is asked to come again.
#[derive(Clone, Copy)]
pub struct Overloaded;

/// A rank, as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RankLabel {
    rank: &'static str,
}

/// Decides who is turned away.
pub struct Shed {
    clock: Clock,
    begun: Instant,
    /// Scans and sales in work.
    in_work: AtomicUsize,
    /// Lists in work.
    lists: AtomicUsize,
    limit: AtomicUsize,
    /// When a rank was last turned away, in milliseconds since the start; 0 if never.
    turned_away_at: [AtomicU64; 4],
    turned_away: [Counter; 4],
    limit_shown: Gauge,
    window: Mutex<Window>,
}

/// What was measured since the limit was last looked at.
struct Window {
    begun: Instant,
    answers: u32,
    waited: Duration,
    /// How many were in work at the most.
    most: usize,
    floor: Floor,
}

/// The fastest commit of the last minutes.
struct Floor {
    begun: Instant,
    this: Duration,
    last: Duration,
}

impl Shed {
    /// Turns nobody away yet.
    pub fn new(clock: Clock, registry: &mut Registry) -> Arc<Self> {
        let turned_away = Family::<RankLabel, Counter>::default();
        let limit_shown = Gauge::default();
        registry.register("shed", "Requests that were turned away because of too much load, by rank", turned_away.clone());
        registry.register(
            "door_limit",
            "Scans and sales that may be in work at once; follows the time that they take",
            limit_shown.clone(),
        );
        limit_shown.set(i64::try_from(limits::IN_FLIGHT_START_COUNT).unwrap_or(i64::MAX));
        let counter = |rank: Rank| turned_away.get_or_create(&RankLabel { rank: rank.as_str() }).clone();
        let begun = clock.mark();
        Arc::new(Self {
            clock,
            begun,
            in_work: AtomicUsize::new(0),
            lists: AtomicUsize::new(0),
            limit: AtomicUsize::new(limits::IN_FLIGHT_START_COUNT),
            turned_away_at: Default::default(),
            turned_away: [Rank::Lists, Rank::SignIns, Rank::Scans, Rank::Sales].map(counter),
            limit_shown,
            window: Mutex::new(Window::new(begun)),
        })
    }

    /// Whether a request of this rank may come in; if not, it is counted as turned away.
    pub fn admits(&self, rank: Rank) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let free = self.in_work.load(Ordering::Relaxed) < limit.saturating_mul(rank.tenths()) / 10;
        let admitted = match rank {
            Rank::Health => true,
            Rank::Sales | Rank::Scans => free,
            Rank::SignIns => free && !self.turns_away(Rank::Scans),
            Rank::Lists => {
                let others = self.turns_away(Rank::SignIns) || self.turns_away(Rank::Scans);
                free && !others && self.lists.load(Ordering::Relaxed) < limits::LISTS_AT_ONCE_MAX
            }
        };
        if !admitted {
            self.turn_away(rank);
        }
        admitted
    }

    /// Whether anybody of this rank was turned away just now.
    fn turns_away(&self, rank: Rank) -> bool {
        let at = rank.row().and_then(|row| self.turned_away_at.get(row)).map_or(0, |at| at.load(Ordering::Relaxed));
        at > 0 && self.now().saturating_sub(at) < limits::SHED_HOLD_MILLIS
    }

    /// Whether anybody was turned away just now.
    pub fn is_shedding(&self) -> bool {
        [Rank::Lists, Rank::SignIns, Rank::Scans, Rank::Sales].into_iter().any(|rank| self.turns_away(rank))
    }

    fn turn_away(&self, rank: Rank) {
        let Some(row) = rank.row() else { return };
        if let (Some(at), Some(counter)) = (self.turned_away_at.get(row), self.turned_away.get(row)) {
            at.store(self.now(), Ordering::Relaxed);
            counter.inc();
        }
    }

    /// Milliseconds since the start, beginning at 1.
    fn now(&self) -> u64 {
        u64::try_from(self.clock.since(self.begun).as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// A request is answered that waited so long before it was begun and then walked through these timings.
    pub fn answered(&self, waited: Duration, timings: &Timings) {
        let total = timings.each().into_iter().fold(waited, |sum, (_, time)| sum.saturating_add(time));
        // Whoever finds somebody else measuring has nothing to add that would matter.
        let Ok(mut window) = self.window.try_lock() else { return };
        window.answers += 1;
        window.waited += total;
        window.most = window.most.max(self.in_work.load(Ordering::Relaxed));
        if !timings.commit.is_zero() {
            window.floor.this = window.floor.this.min(timings.commit);
        }
        if window.answers >= limits::SHED_SAMPLES_MIN && self.clock.since(window.begun) >= limits::SHED_WINDOW_INTERVAL {
            let limit = window.judge(self.limit.load(Ordering::Relaxed), self.clock.mark());
            self.limit.store(limit, Ordering::Relaxed);
            self.limit_shown.set(i64::try_from(limit).unwrap_or(i64::MAX));
        }
    }
}

impl Window {
    fn new(begun: Instant) -> Self {
        let never = Duration::MAX;
        Self { begun, answers: 0, waited: Duration::ZERO, most: 0, floor: Floor { begun, this: never, last: never } }
    }

    /// The next limit; and begins anew.
    fn judge(&mut self, limit: usize, now: Instant) -> usize {
        let mean = self.waited / self.answers.max(1);
        let was_full = self.most >= limit.saturating_mul(8) / 10;
        let target = self.floor.target();
        if now.saturating_duration_since(self.floor.begun) > limits::SHED_FLOOR_INTERVAL {
            self.floor = Floor { begun: now, this: Duration::MAX, last: self.floor.this };
        }
        (self.begun, self.answers, self.waited, self.most) = (now, 0, Duration::ZERO, 0);
        let next = if mean > target {
            limit - limit / 10
        } else if was_full {
            limit + limit / 8
        } else {
            limit
        };
        next.clamp(limits::IN_FLIGHT_MIN, limits::IN_FLIGHT_MAX)
    }
}

impl Floor {
    fn target(&self) -> Duration {
        let fastest = self.this.min(self.last);
        if fastest == Duration::MAX { limits::SCAN_TARGET_TIMEOUT } else { limits::SCAN_TARGET_TIMEOUT.max(fastest.saturating_mul(3)) }
    }
}

/// One request in work, however it ends.
pub struct InWork {
    shed: Arc<Shed>,
    rank: Rank,
}

impl InWork {
    /// Begins work on a request whose last byte has come; not if meanwhile too many others have.
    pub fn begin(shed: &Arc<Shed>, rank: Rank) -> Option<Self> {
        if matches!(rank, Rank::Scans | Rank::Sales) && !shed.admits(rank) {
            return None;
        }
        if let Some(count) = count(shed, rank) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Some(Self { shed: Arc::clone(shed), rank })
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        if let Some(count) = count(&self.shed, self.rank) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn count(shed: &Shed, rank: Rank) -> Option<&AtomicUsize> {
    match rank {
        Rank::Scans | Rank::Sales => Some(&shed.in_work),
        Rank::Lists => Some(&shed.lists),
        // Passwords have a queue of their own.
        Rank::SignIns | Rank::Health => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn shed() -> Arc<Shed> {
        Shed::new(Clock, &mut Registry::default())
    }

    fn fill(shed: &Arc<Shed>, to: usize) -> Vec<InWork> {
        std::iter::from_fn(|| InWork::begin(shed, Rank::Sales)).take(to).collect()
    }

    #[test]
    fn lists_go_first_then_sign_ins_then_scans_and_sales_last() {
        for (tenths, admitted) in [(4, 4), (5, 3), (7, 2), (9, 1), (10, 0)] {
            let shed = shed();
            let _busy = fill(&shed, limits::IN_FLIGHT_START_COUNT * tenths / 10 + 1);
            let ranks = [Rank::Lists, Rank::SignIns, Rank::Scans, Rank::Sales];
            let found = ranks.map(|rank| shed.admits(rank));
            assert_eq!(found.iter().filter(|admitted| **admitted).count(), admitted, "{tenths} tenths: {found:?}");
            assert!(found.is_sorted(), "{tenths} tenths: {found:?}");
            assert!(shed.admits(Rank::Health));
        }
    }

    #[test]
    fn while_scans_are_turned_away_nobody_signs_in_between_two_batches() {
        let shed = shed();
        let busy = fill(&shed, limits::IN_FLIGHT_START_COUNT);
        assert!(!shed.admits(Rank::Scans));
        drop(busy);
        assert!(shed.admits(Rank::Scans) && shed.admits(Rank::Sales));
        assert!(!shed.admits(Rank::SignIns) && !shed.admits(Rank::Lists));
    }

    #[test]
    fn the_limit_follows_the_time_that_scans_take() {
        let mut window = Window::new(Clock.mark());
        let mut judge = |millis: u64, most: usize, limit: usize| {
            (window.answers, window.waited, window.most) = (100, Duration::from_millis(millis) * 100, most);
            window.judge(limit, Clock.mark())
        };
        assert_eq!(judge(5, 10, 1_000), 1_000, "nobody needs more");
        assert_eq!(judge(5, 1_000, 1_000), 1_125);
        assert_eq!(judge(100, 1_000, 1_000), 900);
        assert_eq!(judge(100, 400, limits::IN_FLIGHT_MIN), limits::IN_FLIGHT_MIN);
        assert_eq!(judge(5, limits::IN_FLIGHT_MAX, limits::IN_FLIGHT_MAX), limits::IN_FLIGHT_MAX);
    }

    #[test]
    fn a_slow_disk_is_no_load() {
        let mut window = Window::new(Clock.mark());
        window.floor.this = Duration::from_millis(40);
        (window.answers, window.waited, window.most) = (100, Duration::from_secs(10), 1_000);
        assert_eq!(window.judge(1_000, Clock.mark()), 1_125);
    }
}

//! Load shedding: under overload, some requests are answered `busy` (503) at once, so that the others are as fast as before.
//!
//! The measure is latency: the mean time of scans and sales from their last byte to their response, over a tenth of a second. While it is
//! below a target, the limit of requests in progress grows on demand; above the target it shrinks. The target follows the disk: it is a few
//! times the fastest commit of the last minutes.
//!
//! The [`Priority`] of a request decides which are shed first. It depends on the method and the route alone, so it is known before the body
//! is read and the token is checked. Each priority may use a smaller part of the limit than the next higher one; and while scans are shed,
//! lists and sign-ins are shed as well, even if few requests are in progress at that instant.
//!
//! A shed request is answered at once, with `Retry-After: 1`. A client that retries earlier is answered at once again while the workers have
//! time to spare, as they have when only the ledger is slow. On a saturated worker, one such connection is read per
//! [`limits::OVERLOAD_EACH_DELAY`] and the others wait: otherwise the retries would use the CPU time of the requests that are served.

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

use crate::{attempt::Timings, clock, limits};

/// How urgent a request is, lowest first: the lowest are shed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Lists and single records that the back office reads.
    Lists,
    /// Sign-ins, enrolments, and changes of the back office.
    SignIns,
    /// A guest at the door, or a step before a sale.
    Scans,
    /// A sale that has begun: the money may be in the drawer.
    Sales,
    /// Health, readiness and metrics; never shed.
    Health,
}

impl Priority {
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

    /// Its label in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lists => "lists",
            Self::SignIns => "sign_ins",
            Self::Scans => "scans",
            Self::Sales => "sales",
            Self::Health => "health",
        }
    }

    /// Its index in the arrays of [`Shed`]; none if it is never shed.
    fn index(self) -> Option<usize> {
        match self {
            Self::Lists => Some(0),
            Self::SignIns => Some(1),
            Self::Scans => Some(2),
            Self::Sales => Some(3),
            Self::Health => None,
        }
    }

    /// The part of the limit that this priority may use, in tenths.
    fn limit_tenths(self) -> usize {
        match self {
            Self::Lists => 5,
            Self::SignIns => 7,
            Self::Scans => 9,
            Self::Sales => 10,
            Self::Health => usize::MAX,
        }
    }
}

/// In the extensions of a `busy` response: the connection may be read later (see [`super::workers::Worker::retry_delay`]).
#[derive(Clone, Copy)]
pub struct RetryLater;

/// The field name is the name of the label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PriorityLabel {
    rank: &'static str,
}

pub struct Shed {
    begun: Instant,
    /// Scans and sales in progress.
    in_progress: AtomicUsize,
    lists: AtomicUsize,
    limit: AtomicUsize,
    /// When a request of each priority was last shed, in milliseconds since the start; 0 if never.
    last_shed_at: [AtomicU64; 4],
    counters: [Counter; 4],
    limit_gauge: Gauge,
    window: Mutex<Window>,
}

/// What was measured since the limit was last looked at.
struct Window {
    begun: Instant,
    answers: u32,
    waited: Duration,
    /// The greatest number in progress.
    max_in_progress: usize,
    fastest: FastestCommit,
}

/// The fastest commit of the last minutes.
struct FastestCommit {
    begun: Instant,
    current: Duration,
    previous: Duration,
}

impl Shed {
    pub fn new(registry: &mut Registry) -> Arc<Self> {
        let counters = Family::<PriorityLabel, Counter>::default();
        let limit_gauge = Gauge::default();
        registry.register("shed", "Requests that were turned away because of too much load, by rank", counters.clone());
        registry.register(
            "door_limit",
            "Scans and sales that may be in work at once; follows the time that they take",
            limit_gauge.clone(),
        );
        limit_gauge.set(i64::try_from(limits::IN_FLIGHT_START_COUNT).unwrap_or(i64::MAX));
        let counter = |priority: Priority| counters.get_or_create(&PriorityLabel { rank: priority.as_str() }).clone();
        let begun = clock::mark();
        Arc::new(Self {
            begun,
            in_progress: AtomicUsize::new(0),
            lists: AtomicUsize::new(0),
            limit: AtomicUsize::new(limits::IN_FLIGHT_START_COUNT),
            last_shed_at: Default::default(),
            counters: [Priority::Lists, Priority::SignIns, Priority::Scans, Priority::Sales].map(counter),
            limit_gauge,
            window: Mutex::new(Window::new(begun)),
        })
    }

    /// Whether a request of this priority is accepted; if not, it is counted as shed.
    pub fn admits(&self, priority: Priority) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let free = self.in_progress.load(Ordering::Relaxed) < limit.saturating_mul(priority.limit_tenths()) / 10;
        let admitted = match priority {
            Priority::Health => true,
            Priority::Sales | Priority::Scans => free,
            Priority::SignIns => free && !self.is_shedding_at(Priority::Scans),
            Priority::Lists => {
                let others = self.is_shedding_at(Priority::SignIns) || self.is_shedding_at(Priority::Scans);
                free && !others && self.lists.load(Ordering::Relaxed) < limits::LISTS_AT_ONCE_MAX
            }
        };
        if !admitted {
            self.record_shed(priority);
        }
        admitted
    }

    /// Whether a request of this priority was shed within `limits::SHED_HOLD_MILLIS`.
    fn is_shedding_at(&self, priority: Priority) -> bool {
        let at = priority.index().and_then(|index| self.last_shed_at.get(index)).map_or(0, |at| at.load(Ordering::Relaxed));
        at > 0 && self.now().saturating_sub(at) < limits::SHED_HOLD_MILLIS
    }

    /// Whether any request was shed within `limits::SHED_HOLD_MILLIS`.
    pub fn is_shedding(&self) -> bool {
        [Priority::Lists, Priority::SignIns, Priority::Scans, Priority::Sales].into_iter().any(|priority| self.is_shedding_at(priority))
    }

    fn record_shed(&self, priority: Priority) {
        let Some(index) = priority.index() else { return };
        if let (Some(at), Some(counter)) = (self.last_shed_at.get(index), self.counters.get(index)) {
            at.store(self.now(), Ordering::Relaxed);
            counter.inc();
        }
    }

    /// Milliseconds since the start, beginning at 1.
    fn now(&self) -> u64 {
        u64::try_from(clock::since(self.begun).as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Takes the latency of a scan or sale: the time before it was begun, and then its stages.
    pub fn record(&self, waited: Duration, timings: &Timings) {
        let total = timings.each().into_iter().fold(waited, |sum, (_, time)| sum.saturating_add(time));
        // If another worker holds the lock, this one sample is left out: it does not matter.
        let Ok(mut window) = self.window.try_lock() else { return };
        window.answers += 1;
        window.waited += total;
        window.max_in_progress = window.max_in_progress.max(self.in_progress.load(Ordering::Relaxed));
        if !timings.commit.is_zero() {
            window.fastest.current = window.fastest.current.min(timings.commit);
        }
        if window.answers >= limits::SHED_SAMPLES_MIN && clock::since(window.begun) >= limits::SHED_WINDOW_INTERVAL {
            let limit = window.next_limit(self.limit.load(Ordering::Relaxed), clock::mark());
            self.limit.store(limit, Ordering::Relaxed);
            self.limit_gauge.set(i64::try_from(limit).unwrap_or(i64::MAX));
        }
    }
}

impl Window {
    fn new(begun: Instant) -> Self {
        let never = Duration::MAX;
        Self {
            begun,
            answers: 0,
            waited: Duration::ZERO,
            max_in_progress: 0,
            fastest: FastestCommit { begun, current: never, previous: never },
        }
    }

    /// Computes the limit and begins the next window.
    fn next_limit(&mut self, limit: usize, now: Instant) -> usize {
        let mean = self.waited / self.answers.max(1);
        let was_full = self.max_in_progress >= limit.saturating_mul(8) / 10;
        let target = self.fastest.target();
        if now.saturating_duration_since(self.fastest.begun) > limits::SHED_FLOOR_INTERVAL {
            self.fastest = FastestCommit { begun: now, current: Duration::MAX, previous: self.fastest.current };
        }
        (self.begun, self.answers, self.waited, self.max_in_progress) = (now, 0, Duration::ZERO, 0);
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

impl FastestCommit {
    fn target(&self) -> Duration {
        let fastest = self.current.min(self.previous);
        if fastest == Duration::MAX { limits::SCAN_TARGET_TIMEOUT } else { limits::SCAN_TARGET_TIMEOUT.max(fastest.saturating_mul(3)) }
    }
}

/// A request in progress; counted until it is dropped.
pub struct InProgress {
    shed: Arc<Shed>,
    priority: Priority,
}

impl InProgress {
    /// Counts a request whose last byte has arrived; none if the limit was reached meanwhile.
    pub fn begin(shed: &Arc<Shed>, priority: Priority) -> Option<Self> {
        if matches!(priority, Priority::Scans | Priority::Sales) && !shed.admits(priority) {
            return None;
        }
        if let Some(count) = count(shed, priority) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Some(Self { shed: Arc::clone(shed), priority })
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        if let Some(count) = count(&self.shed, self.priority) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn count(shed: &Shed, priority: Priority) -> Option<&AtomicUsize> {
    match priority {
        Priority::Scans | Priority::Sales => Some(&shed.in_progress),
        Priority::Lists => Some(&shed.lists),
        // Password checks have a bounded queue of their own.
        Priority::SignIns | Priority::Health => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn shed() -> Arc<Shed> {
        Shed::new(&mut Registry::default())
    }

    fn fill(shed: &Arc<Shed>, to: usize) -> Vec<InProgress> {
        std::iter::from_fn(|| InProgress::begin(shed, Priority::Sales)).take(to).collect()
    }

    #[test]
    fn lists_are_shed_first_then_sign_ins_then_scans_and_sales_last() {
        for (tenths, admitted) in [(4, 4), (5, 3), (7, 2), (9, 1), (10, 0)] {
            let shed = shed();
            let _busy = fill(&shed, limits::IN_FLIGHT_START_COUNT * tenths / 10 + 1);
            let priorities = [Priority::Lists, Priority::SignIns, Priority::Scans, Priority::Sales];
            let found = priorities.map(|priority| shed.admits(priority));
            assert_eq!(found.iter().filter(|admitted| **admitted).count(), admitted, "{tenths} tenths: {found:?}");
            assert!(found.is_sorted(), "{tenths} tenths: {found:?}");
            assert!(shed.admits(Priority::Health));
        }
    }

    #[test]
    fn while_scans_are_shed_sign_ins_and_lists_are_shed_between_two_batches() {
        let shed = shed();
        let busy = fill(&shed, limits::IN_FLIGHT_START_COUNT);
        assert!(!shed.admits(Priority::Scans));
        drop(busy);
        assert!(shed.admits(Priority::Scans) && shed.admits(Priority::Sales));
        assert!(!shed.admits(Priority::SignIns) && !shed.admits(Priority::Lists));
    }

    #[test]
    fn the_limit_follows_the_latency_of_scans() {
        let mut window = Window::new(clock::mark());
        let mut next_limit = |millis: u64, max_in_progress: usize, limit: usize| {
            (window.answers, window.waited, window.max_in_progress) = (100, Duration::from_millis(millis) * 100, max_in_progress);
            window.next_limit(limit, clock::mark())
        };
        assert_eq!(next_limit(5, 10, 1_000), 1_000, "the limit was not reached");
        assert_eq!(next_limit(5, 1_000, 1_000), 1_125);
        assert_eq!(next_limit(100, 1_000, 1_000), 900);
        assert_eq!(next_limit(100, 400, limits::IN_FLIGHT_MIN), limits::IN_FLIGHT_MIN);
        assert_eq!(next_limit(5, limits::IN_FLIGHT_MAX, limits::IN_FLIGHT_MAX), limits::IN_FLIGHT_MAX);
    }

    #[test]
    fn a_slow_disk_does_not_lower_the_limit() {
        let mut window = Window::new(clock::mark());
        window.fastest.current = Duration::from_millis(40);
        (window.answers, window.waited, window.max_in_progress) = (100, Duration::from_secs(10), 1_000);
        assert_eq!(window.next_limit(1_000, clock::mark()), 1_125);
    }
}

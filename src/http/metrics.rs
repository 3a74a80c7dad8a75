//! What is counted: requests, verdicts, and the time that each room took. A registry per gateway, in the OpenMetrics text format.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use axum::http::Method;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::shed::Shed;
use crate::{attempt::Timings, clock::Clock, stream};

/// A request by what was asked and what was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    /// The method.
    method: &'static str,
    /// The route as it is documented, never the path itself.
    route: Arc<str>,
    /// The status.
    status: u16,
    /// The problem's code, or nothing.
    code: &'static str,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    /// The route as it is documented.
    route: Arc<str>,
}

/// The figures of one call. They are looked up once, and not at each request.
pub struct CallFigures {
    method: &'static str,
    route: Arc<str>,
    seconds: Histogram,
    done: OnceLock<Counter>,
}

/// A room of the corridor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RoomLabel {
    /// Its name.
    pub room: &'static str,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct VerdictLabel {
    /// `admit` or `refuse`.
    pub verdict: &'static str,
    /// Why not, or nothing.
    pub reason: &'static str,
}

/// A part that may be up or down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PartLabel {
    /// `ledger` or `hot_store`.
    pub part: &'static str,
}

/// The counters of a gateway.
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    timings: [Histogram; 5],
    verdicts: Family<VerdictLabel, Counter>,
    sales: Counter,
    up: Family<PartLabel, Gauge>,
    degraded: Gauge,
    in_work: Gauge<i64, std::sync::atomic::AtomicI64>,
}

/// From a twentieth of a millisecond to five seconds.
fn seconds() -> Histogram {
    Histogram::new([0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0])
}

impl Metrics {
    /// Counters that stand at nothing, beside those of the streams, of the log of refused scans and of the passwords; and who counts whom it turns away.
    pub fn new(streams: &stream::Figures, refused_lost: &Counter, password_checks: &Counter, clock: Clock) -> (Self, Arc<Shed>) {
        let mut registry = Registry::with_prefix("stagedoor");
        let requests = Family::<Answered, Counter<u64, AtomicU64>>::default();
        let make: fn() -> Histogram = seconds;
        let durations = Family::new_with_constructor(make);
        let of_rooms = Family::<RoomLabel, Histogram, fn() -> Histogram>::new_with_constructor(make);
        let verdicts = Family::default();
        let sales = Counter::default();
        let up = Family::default();
        let degraded = Gauge::default();
        let in_work = Gauge::default();
        registry.register("requests", "Requests by route, status and problem code", requests.clone());
        registry.register_with_unit("request_duration", "Time from a request's head to its answer", Unit::Seconds, durations.clone());
        registry.register_with_unit(
            "room_duration",
            "Time that scans and sales spent in each room of the corridor",
            Unit::Seconds,
            of_rooms.clone(),
        );
        registry.register("scans", "Verdicts on tickets", verdicts.clone());
        registry.register("sales", "Sales recorded", sales.clone());
        registry.register("up", "Whether the ledger and the hot store answer", up.clone());
        registry.register("degraded", "1 while the gateway works without its hot store or behind the log of changes", degraded.clone());
        registry.register("requests_in_work", "Requests that are being worked on", in_work.clone());
        registry.register("streams_open", "Streams that are open", streams.open.clone());
        registry.register("streams_dropped", "Streams cut off because their reader did not keep up", streams.dropped.clone());
        registry.register(
            "refused_scans_lost",
            "Refused scans that were not written down: too many, or the ledger too slow",
            refused_lost.clone(),
        );
        registry.register("password_checks", "Passwords checked, right or wrong", password_checks.clone());
        // Looked up once, and not five times for each scan.
        let timings = Timings::new(clock).each().map(|(room, _)| of_rooms.get_or_create(&RoomLabel { room }).clone());
        let shed = Shed::new(clock, &mut registry);
        (Self { registry, requests, seconds: durations, timings, verdicts, sales, up, degraded, in_work }, shed)
    }

    /// The figures of a call.
    pub fn of_call(&self, method: &Method, route: &str) -> CallFigures {
        let (method, route) = (name(method), Arc::<str>::from(route));
        let seconds = self.seconds.get_or_create(&Route { route: Arc::clone(&route) }).clone();
        CallFigures { method, route, seconds, done: OnceLock::new() }
    }

    /// A request was answered.
    pub fn answered(&self, call: &CallFigures, status: u16, code: &'static str, time: Duration, timings: Option<&Timings>) {
        call.seconds.observe(time.as_secs_f64());
        let count = || {
            let answered = Answered { method: call.method, route: Arc::clone(&call.route), status, code };
            self.requests.get_or_create(&answered).clone()
        };
        if status == 200 {
            call.done.get_or_init(count).inc()
        } else {
            count().inc()
        };
        let Some(timings) = timings else { return };
        for (histogram, (_, time)) in self.timings.iter().zip(timings.each()) {
            histogram.observe(time.as_secs_f64());
        }
    }

    /// A verdict was given.
    pub fn verdict(&self, verdict: &'static str, reason: &'static str) {
        self.verdicts.get_or_create(&VerdictLabel { verdict, reason }).inc();
    }

    /// A sale was recorded.
    pub fn sale(&self) {
        self.sales.inc();
    }

    /// How the gateway stands.
    pub fn standing(&self, ledger: bool, hot_store: bool, degraded: bool) {
        self.up.get_or_create(&PartLabel { part: "ledger" }).set(i64::from(ledger));
        self.up.get_or_create(&PartLabel { part: "hot_store" }).set(i64::from(hot_store));
        self.degraded.set(i64::from(degraded));
    }

    /// A request comes in (1) or is done (-1).
    pub fn in_work(&self, change: i64) {
        self.in_work.inc_by(change);
    }

    /// All of them, as text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A method as a label. Clients may make methods up, and each would be a row of its own for ever.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

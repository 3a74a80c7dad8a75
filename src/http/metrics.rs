//! Metrics: requests, verdicts, and the time of each stage of a scan or sale. One registry per gateway, in the OpenMetrics text format.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use axum::http::Method;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::shed::Shed;
use crate::{attempt::Timings, stream};

/// The labels of `stagedoor_requests`. The field names are the names of the labels; so in the other label types.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    /// The route pattern, never the path itself.
    route: Arc<str>,
    status: u16,
    /// The problem's code, or empty.
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: Arc<str>,
}

/// The metrics of one method and route: looked up once, not at each request.
pub struct CallMetrics {
    method: &'static str,
    route: Arc<str>,
    seconds: Histogram,
    ok: OnceLock<Counter>,
}

/// A stage of the corridor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RoomLabel {
    pub room: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct VerdictLabel {
    /// `admit` or `refuse`.
    pub verdict: &'static str,
    /// The reason of a refusal, or empty.
    pub reason: &'static str,
}

/// A part that may be available or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PartLabel {
    /// `ledger` or `hot_store`.
    pub part: &'static str,
}

pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabel, Histogram, fn() -> Histogram>,
    timings: [Histogram; 5],
    verdicts: Family<VerdictLabel, Counter>,
    sales: Counter,
    up: Family<PartLabel, Gauge>,
    degraded: Gauge,
    in_progress: Gauge<i64, std::sync::atomic::AtomicI64>,
}

/// Buckets from a twentieth of a millisecond to five seconds.
fn duration_histogram() -> Histogram {
    Histogram::new([0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0])
}

impl Metrics {
    /// All counters at zero, registered together with those of the streams, the refused scans and the passwords, and the load shedding with
    /// its own.
    pub fn new(streams: &stream::Figures, refused_lost: &Counter, password_checks: &Counter) -> (Self, Arc<Shed>) {
        let mut registry = Registry::with_prefix("stagedoor");
        let requests = Family::<RequestLabels, Counter<u64, AtomicU64>>::default();
        let make: fn() -> Histogram = duration_histogram;
        let durations = Family::new_with_constructor(make);
        let stage_durations = Family::<RoomLabel, Histogram, fn() -> Histogram>::new_with_constructor(make);
        let verdicts = Family::default();
        let sales = Counter::default();
        let up = Family::default();
        let degraded = Gauge::default();
        let in_progress = Gauge::default();
        registry.register("requests", "Requests by route, status and problem code", requests.clone());
        registry.register_with_unit("request_duration", "Time from a request's head to its answer", Unit::Seconds, durations.clone());
        registry.register_with_unit(
            "room_duration",
            "Time that scans and sales spent in each room of the corridor",
            Unit::Seconds,
            stage_durations.clone(),
        );
        registry.register("scans", "Verdicts on tickets", verdicts.clone());
        registry.register("sales", "Sales recorded", sales.clone());
        registry.register("up", "Whether the ledger and the hot store answer", up.clone());
        registry.register("degraded", "1 while the gateway works without its hot store or behind the log of changes", degraded.clone());
        registry.register("requests_in_work", "Requests that are being worked on", in_progress.clone());
        registry.register("streams_open", "Streams that are open", streams.open.clone());
        registry.register("streams_dropped", "Streams cut off because their reader did not keep up", streams.dropped.clone());
        registry.register(
            "refused_scans_lost",
            "Refused scans that were not written down: too many, or the ledger too slow",
            refused_lost.clone(),
        );
        registry.register("password_checks", "Passwords checked, right or wrong", password_checks.clone());
        // Looked up once here, not five times for each scan.
        let timings = Timings::default().each().map(|(room, _)| stage_durations.get_or_create(&RoomLabel { room }).clone());
        let shed = Shed::new(&mut registry);
        (Self { registry, requests, seconds: durations, timings, verdicts, sales, up, degraded, in_progress }, shed)
    }

    pub fn call(&self, method: &Method, route: &str) -> CallMetrics {
        let (method, route) = (method_label(method), Arc::<str>::from(route));
        let seconds = self.seconds.get_or_create(&RouteLabel { route: Arc::clone(&route) }).clone();
        CallMetrics { method, route, seconds, ok: OnceLock::new() }
    }

    /// Counts a response and its duration.
    pub fn record_request(&self, call: &CallMetrics, status: u16, code: &'static str, time: Duration, timings: Option<&Timings>) {
        call.seconds.observe(time.as_secs_f64());
        let count = || {
            let labels = RequestLabels { method: call.method, route: Arc::clone(&call.route), status, code };
            self.requests.get_or_create(&labels).clone()
        };
        if status == 200 {
            call.ok.get_or_init(count).inc()
        } else {
            count().inc()
        };
        let Some(timings) = timings else { return };
        for (histogram, (_, time)) in self.timings.iter().zip(timings.each()) {
            histogram.observe(time.as_secs_f64());
        }
    }

    pub fn record_verdict(&self, verdict: &'static str, reason: &'static str) {
        self.verdicts.get_or_create(&VerdictLabel { verdict, reason }).inc();
    }

    pub fn record_sale(&self) {
        self.sales.inc();
    }

    pub fn set_readiness(&self, ledger: bool, hot_store: bool, degraded: bool) {
        self.up.get_or_create(&PartLabel { part: "ledger" }).set(i64::from(ledger));
        self.up.get_or_create(&PartLabel { part: "hot_store" }).set(i64::from(hot_store));
        self.degraded.set(i64::from(degraded));
    }

    /// 1 when a request begins, -1 when it ends.
    pub fn add_in_progress(&self, change: i64) {
        self.in_progress.inc_by(change);
    }

    /// In the OpenMetrics text format.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut encoded = String::new();
        text::encode(&mut encoded, &self.registry)?;
        Ok(encoded)
    }
}

/// A method as a label. Clients may invent methods, and each would be a time series of its own for ever.
fn method_label(method: &Method) -> &'static str {
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

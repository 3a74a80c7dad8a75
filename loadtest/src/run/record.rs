//! Latencies: recorded by the devices without waiting for each other, counted by the reader.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Microseconds, shown in milliseconds.
pub fn millis(micros: u64) -> String {
    let millis = Duration::from_micros(micros).as_secs_f64() * 1000.0;
    match millis {
        ..10.0 => format!("{millis:.2}"),
        ..100.0 => format!("{millis:.1}"),
        _ => format!("{millis:.0}"),
    }
}

/// What was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `POST /v1/scans`
    Scan,
    /// `POST /v1/sales`
    Sale,
    /// `POST /v1/authorise`
    Authorise,
    /// `POST /v1/sessions`
    SignIn,
    /// A request that has to be refused.
    Probe,
}

impl Call {
    /// Its name in tables, files and budgets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Sale => "sale",
            Self::Authorise => "authorise",
            Self::SignIn => "sign-in",
            Self::Probe => "bad caller",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Significant digits of a latency.
const DIGITS: u8 = 3;
/// Parts of the recorder, so that devices seldom meet.
const PARTS: usize = 16;

struct Sample {
    call: Call,
    verdict: &'static str,
    latency: Duration,
    at: Duration,
}

/// Takes in latencies.
pub struct Recorder {
    parts: Vec<Mutex<Vec<Sample>>>,
}

impl Recorder {
    /// An empty one.
    pub fn new() -> Self {
        Self { parts: (0..PARTS).map(|_| Mutex::default()).collect() }
    }

    /// Takes in one latency, of an answer that came at this time of the run.
    pub fn record(&self, call: Call, verdict: &'static str, latency: Duration, at: Duration) {
        // The lower bits of the time are as good as any draw.
        let place = usize::try_from(at.as_nanos() / 64 % 16).unwrap_or_default();
        if let Some(part) = self.parts.get(place) {
            part.lock().unwrap_or_else(PoisonError::into_inner).push(Sample { call, verdict, latency, at });
        }
    }

    fn take(&self) -> impl Iterator<Item = Sample> + '_ {
        self.parts.iter().flat_map(|part| std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// A histogram of latencies in microseconds, from one to however many it takes.
pub type Latencies = Histogram<u64>;

/// An empty histogram.
pub fn latencies() -> Latencies {
    // Cannot fail with so few digits; if it could, an empty one of the fewest would be as wrong.
    Histogram::new(DIGITS).or_else(|_| Histogram::new(1)).unwrap_or_else(|_| unreachable!("one digit is always possible"))
}

/// Puts a latency into a histogram.
pub fn put(histogram: &mut Latencies, latency: Duration) {
    // It grows to hold any latency; only one of centuries would not fit.
    let _ = histogram.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
}

/// All that was counted.
pub struct Tally {
    /// How long one interval is.
    pub step: Duration,
    /// By call and verdict.
    pub by_verdict: BTreeMap<(Call, &'static str), Latencies>,
    pub by_call: BTreeMap<Call, Latencies>,
    /// One after the other, each with its calls.
    pub intervals: Vec<BTreeMap<Call, Latencies>>,
}

impl Tally {
    /// An empty one.
    pub fn new(step: Duration) -> Self {
        Self { step, by_verdict: BTreeMap::new(), by_call: BTreeMap::new(), intervals: Vec::new() }
    }

    /// Counts what the recorder has taken in since.
    pub fn count(&mut self, recorder: &Recorder) {
        for Sample { call, verdict, latency, at } in recorder.take() {
            put(self.by_verdict.entry((call, verdict)).or_insert_with(latencies), latency);
            put(self.by_call.entry(call).or_insert_with(latencies), latency);
            let place = usize::try_from(at.as_micros() / self.step.as_micros().max(1)).unwrap_or(usize::MAX);
            if place >= self.intervals.len() && place < 1_000_000 {
                self.intervals.resize_with(place + 1, BTreeMap::new);
            }
            if let Some(interval) = self.intervals.get_mut(place) {
                put(interval.entry(call).or_insert_with(latencies), latency);
            }
        }
    }

    /// How many answers there were.
    pub fn answers(&self) -> u64 {
        self.by_call.values().map(Histogram::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_holds_whatever_comes() {
        let mut some = latencies();
        for micros in 1..=1_000 {
            put(&mut some, Duration::from_micros(micros * 50));
        }
        put(&mut some, Duration::from_secs(600));
        // Of two digits, a hundredth is what it may be off.
        let near = |quantile, micros: u64| some.value_at_quantile(quantile).abs_diff(micros) <= micros / 100;
        assert!(near(0.5, 25_000) && near(0.99, 49_500) && near(1.0, 600_000_000), "{:?}", some.value_at_quantile(0.5));
    }
}

//! The only place that reads a clock.
//!
//! The time of day is a value: everything that decides gets it from the [`Clock`] of its gateway or as an argument, so that a decision can be
//! tested at any time of a night. Durations, deadlines and new ids do not depend on the time of day and are plain functions.
//!
//! Gateways that share a ledger follow the ledger's clock, so that none ends a session, a hold or a window earlier than another, whatever the
//! clocks of their machines show. Between two readings of it they count on by the clock that never steps. The embedded ledger is on the
//! gateway's own machine, and so is its clock.
#![expect(clippy::disallowed_methods, reason = "this is the one place that may")]

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use fail::fail_point;
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// A moment, in UTC, to the millisecond: the precision of the contract and of the ledger.
pub type Moment = DateTime<Utc>;

/// A source of the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The clock of the ledger, where the ledger has one of its own.
    ledger: Option<&'static LedgerClock>,
}

impl Clock {
    /// The clock of this machine.
    pub fn of_this_machine() -> Self {
        Self { ledger: None }
    }

    /// A clock that follows the ledger's, whose readings are passed to [`set`](Self::set). It is never freed: a gateway has one.
    pub fn of_a_ledger() -> Self {
        Self { ledger: Some(Box::leak(Box::new(LedgerClock::new(Instant::now(), time_of_this_machine())))) }
    }

    /// The time of day.
    pub fn now(self) -> Moment {
        self.ledger.map_or_else(time_of_this_machine, |ledger| ledger.at(Instant::now())).trunc_subsecs(3)
    }

    /// The ledger's clock showed this time at some instant between `asked` and now.
    pub fn set(self, asked: Instant, time: Moment) {
        if let Some(ledger) = self.ledger {
            ledger.set(asked, Instant::now(), time);
        }
    }
}

/// A mark on the clock that never steps, for measuring how long something took.
pub fn mark() -> Instant {
    Instant::now()
}

/// How long ago a mark was made.
pub fn since(mark: Instant) -> Duration {
    Instant::now().saturating_duration_since(mark)
}

/// The instant after which a request is no longer worked on.
pub fn deadline(limit: Duration) -> tokio::time::Instant {
    tokio::time::Instant::now() + limit
}

/// Whether a deadline has passed.
pub fn is_past(deadline: tokio::time::Instant) -> bool {
    tokio::time::Instant::now() >= deadline
}

/// A new id: a UUID of version 7.
pub fn new_id<T: From<Uuid>>() -> T {
    T::from(Uuid::now_v7())
}

fn time_of_this_machine() -> Moment {
    let now = Utc::now();
    fail_point!("wall-clock", |seconds| now + chrono::TimeDelta::seconds(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(0)));
    now
}

/// The ledger's clock, estimated from its readings.
#[derive(Debug)]
struct LedgerClock {
    begun: Instant,
    /// What it showed at `begun`, in microseconds since 1970.
    showed: AtomicI64,
}

impl LedgerClock {
    fn new(begun: Instant, shows: Moment) -> Self {
        Self { begun, showed: AtomicI64::new(shows.timestamp_micros()) }
    }

    fn at(&self, mark: Instant) -> Moment {
        let micros = self.showed.load(Ordering::Acquire).saturating_add(self.micros(mark));
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The ledger read its clock at some instant between the question and the answer. The estimate is clamped to the interval that this allows: a
    /// slow answer allows a wide interval and changes little.
    fn set(&self, asked: Instant, answered: Instant, time: Moment) {
        let time = time.timestamp_micros();
        let (least, most) = (time.saturating_sub(self.micros(answered)), time.saturating_sub(self.micros(asked)));
        let _ = self.showed.fetch_update(Ordering::AcqRel, Ordering::Acquire, |showed| Some(showed.max(least).min(most)));
    }

    fn micros(&self, mark: Instant) -> i64 {
        i64::try_from(mark.saturating_duration_since(self.begun).as_micros()).unwrap_or(i64::MAX)
    }
}

/// A moment in an answer: RFC 3339 in UTC with milliseconds, as every time in the contract is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, utoipa::ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-22T19:30:00.000Z")]
pub struct Stamp(pub Moment);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl From<Moment> for Stamp {
    fn from(moment: Moment) -> Self {
        Self(moment)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn after(begun: Moment, seconds: i64) -> Moment {
        begun + TimeDelta::seconds(seconds)
    }

    #[test]
    fn the_clock_of_the_ledger_is_followed_whatever_this_machine_shows() {
        let (begun, noon) = (Instant::now(), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let clock = LedgerClock::new(begun, after(noon, 3_600));
        clock.set(begun, begun, noon);
        assert_eq!(clock.at(begun + 5 * SECOND), after(noon, 5));
    }

    #[test]
    fn a_step_of_the_ledger_is_followed_forwards_and_back() {
        let (begun, noon) = (Instant::now(), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let clock = LedgerClock::new(begun, noon);
        clock.set(begun + SECOND, begun + SECOND, after(noon, 600));
        assert_eq!(clock.at(begun + 2 * SECOND), after(noon, 601));
        clock.set(begun + 2 * SECOND, begun + 2 * SECOND, after(noon, 2));
        assert_eq!(clock.at(begun + 3 * SECOND), after(noon, 3));
    }

    #[test]
    fn an_answer_that_took_long_moves_the_clock_no_further_than_it_must() {
        let (begun, noon) = (Instant::now(), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let clock = LedgerClock::new(begun, noon);
        // Read by the ledger at any moment of these ten seconds: all is as it was thought to be.
        clock.set(begun, begun + 10 * SECOND, after(noon, 4));
        assert_eq!(clock.at(begun + 10 * SECOND), after(noon, 10));
        // Not possible unless the clock is a second ahead of what was thought.
        clock.set(begun + 10 * SECOND, begun + 20 * SECOND, after(noon, 21));
        assert_eq!(clock.at(begun + 20 * SECOND), after(noon, 21));
    }
}

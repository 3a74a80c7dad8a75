//! The only place that asks the time.
//!
//! Everything else is handed the time as an argument, so that a decision can be tested at any moment of a night.
//!
//! Gateways that share a ledger go by the ledger's clock, so that none ends a session, a hold or a window earlier than another, whatever the
//! clocks of their machines show. Between two hearings they count on by the clock that never steps. The embedded ledger is on the gateway's own
//! machine, and so is its clock.
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

/// The server's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// The clock of the ledger, where there is one beside this machine's.
    ledger: Option<&'static BookClock>,
}

/// The clock of this machine.
#[expect(non_upper_case_globals, reason = "it reads as what it is wherever there is only one clock: Clock.now()")]
pub const Clock: Clock = Clock { ledger: None };

impl Clock {
    /// A clock that goes by the ledger's, as [`heard`](Self::heard) tells it. It is never given back: a gateway has one.
    pub fn of_a_ledger() -> Self {
        Self { ledger: Some(Box::leak(Box::new(BookClock::new(Instant::now(), of_this_machine())))) }
    }

    /// The time of day.
    pub fn now(self) -> Moment {
        self.ledger.map_or_else(of_this_machine, |ledger| ledger.at(Instant::now())).trunc_subsecs(3)
    }

    /// The ledger said that it is this late. It was asked at `asked`, and was heard just now.
    pub fn heard(self, asked: Instant, time: Moment) {
        if let Some(ledger) = self.ledger {
            ledger.heard(asked, Instant::now(), time);
        }
    }

    /// A mark on the clock that never steps, for measuring how long something took.
    pub fn mark(self) -> Instant {
        Instant::now()
    }

    /// How long ago a mark was made.
    pub fn since(self, mark: Instant) -> Duration {
        Instant::now().saturating_duration_since(mark)
    }

    /// The moment after which a request is no longer worked on.
    pub fn deadline(self, limit: Duration) -> tokio::time::Instant {
        tokio::time::Instant::now() + limit
    }

    /// Whether a deadline has passed.
    pub fn is_past(self, deadline: tokio::time::Instant) -> bool {
        tokio::time::Instant::now() >= deadline
    }

    /// A new id: a UUID of version 7.
    pub fn id<T: From<Uuid>>(self) -> T {
        T::from(Uuid::now_v7())
    }
}

fn of_this_machine() -> Moment {
    let now = Utc::now();
    fail_point!("wall-clock", |seconds| now + chrono::TimeDelta::seconds(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(0)));
    now
}

/// The ledger's clock, as far as it was heard.
#[derive(Debug)]
struct BookClock {
    begun: Instant,
    /// What it showed then, in microseconds since 1970.
    showed: AtomicI64,
}

impl BookClock {
    fn new(begun: Instant, shows: Moment) -> Self {
        Self { begun, showed: AtomicI64::new(shows.timestamp_micros()) }
    }

    fn at(&self, mark: Instant) -> Moment {
        let micros = self.showed.load(Ordering::Acquire).saturating_add(self.micros(mark));
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The ledger read its clock at some moment between the question and the answer. What is thought of it stays if it can be true, and moves as
    /// little as it must if it cannot: an answer that took long tells little, and changes little.
    fn heard(&self, asked: Instant, answered: Instant, time: Moment) {
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
        let clock = BookClock::new(begun, after(noon, 3_600));
        clock.heard(begun, begun, noon);
        assert_eq!(clock.at(begun + 5 * SECOND), after(noon, 5));
    }

    #[test]
    fn a_step_of_the_ledger_is_followed_forwards_and_back() {
        let (begun, noon) = (Instant::now(), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let clock = BookClock::new(begun, noon);
        clock.heard(begun + SECOND, begun + SECOND, after(noon, 600));
        assert_eq!(clock.at(begun + 2 * SECOND), after(noon, 601));
        clock.heard(begun + 2 * SECOND, begun + 2 * SECOND, after(noon, 2));
        assert_eq!(clock.at(begun + 3 * SECOND), after(noon, 3));
    }

    #[test]
    fn an_answer_that_took_long_moves_the_clock_no_further_than_it_must() {
        let (begun, noon) = (Instant::now(), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let clock = BookClock::new(begun, noon);
        // Read by the ledger at any moment of these ten seconds: all is as it was thought to be.
        clock.heard(begun, begun + 10 * SECOND, after(noon, 4));
        assert_eq!(clock.at(begun + 10 * SECOND), after(noon, 10));
        // Not possible unless the clock is a second ahead of what was thought.
        clock.heard(begun + 10 * SECOND, begun + 20 * SECOND, after(noon, 21));
        assert_eq!(clock.at(begun + 20 * SECOND), after(noon, 21));
    }
}

//! The only place that asks the time.
//!
//! Everything else is handed the time as an argument, so that a decision can be tested at any moment of a night.
#![expect(clippy::disallowed_methods, reason = "this is the one place that may")]

use std::{
    fmt,
    time::{Duration, Instant},
};

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// A moment, in UTC, to the millisecond: the precision of the contract and of the book.
pub type Moment = DateTime<Utc>;

/// The server's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// The time of day.
    pub fn now(self) -> Moment {
        Utc::now().trunc_subsecs(3)
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

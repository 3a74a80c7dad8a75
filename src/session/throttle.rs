//! Slows down who guesses passwords, and nobody else.
//!
//! Only failures count, and they count for one user name at one source: the device that asks, or without a device the address. So a
//! stranger who guesses somebody's password keeps only themselves out, and a venue behind one address is not one guesser.
//!
//! A guess is asked about twice: before its password is checked, and once it was. So of guesses that are made all at once no more are told
//! than of guesses that are made one after the other.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use quick_cache::sync::Cache;

use crate::{clock::Moment, limits};

/// Who tries to sign in as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The organisation's slug, as it was given.
    pub organisation: String,
    /// The user name, as it is compared.
    pub username_key: String,
    /// The device, or the address where there is none.
    pub source: String,
}

/// Failures of one attempt, and since when they are counted.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    since: Moment,
}

/// The failures that are remembered.
pub struct Throttle {
    failures: Cache<Attempt, Failures>,
    /// Held while a failure is counted: of two at once, none is lost.
    counting: Mutex<()>,
}

impl Throttle {
    /// None yet.
    pub fn new() -> Self {
        Self { failures: Cache::new(limits::FAILED_SIGN_INS_REMEMBERED), counting: Mutex::default() }
    }

    /// Whether this may be tried now; otherwise in how many seconds.
    pub fn allows(&self, attempt: &Attempt, now: Moment) -> Result<(), i64> {
        match self.failures.get(attempt) {
            Some(failures) if failures.count >= limits::FAILED_SIGN_INS && now < end(failures) => {
                Err((end(failures) - now).num_seconds() + 1)
            }
            _ => Ok(()),
        }
    }

    /// It failed. If others have failed meanwhile, so many that it would not be tried now, it is not told even that.
    pub fn failed(&self, attempt: Attempt, now: Moment) -> Result<(), i64> {
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        self.allows(&attempt, now)?;
        let before = self.failures.get(&attempt).filter(|failures| now < end(*failures));
        let failures = before.map_or(Failures { count: 1, since: now }, |f| Failures { count: f.count + 1, since: f.since });
        self.failures.insert(attempt, failures);
        Ok(())
    }

    /// It succeeded: whoever it was knows the password. Unless it was one of so many guesses at once that it would not be tried now.
    pub fn succeeded(&self, attempt: &Attempt, now: Moment) -> Result<(), i64> {
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        self.allows(attempt, now)?;
        self.failures.remove(attempt);
        Ok(())
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new()
    }
}

fn end(failures: Failures) -> Moment {
    failures.since + TimeDelta::seconds(limits::FAILED_SIGN_INS_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn attempt(username: &str, source: &str) -> Attempt {
        Attempt { organisation: "club".to_owned(), username_key: username.to_owned(), source: source.to_owned() }
    }

    #[test]
    fn failures_hold_up_the_guesser_and_nobody_else() {
        let (throttle, now) = (Throttle::new(), Clock.now());
        for _ in 0..limits::FAILED_SIGN_INS {
            assert!(throttle.allows(&attempt("ada", "192.0.2.7"), now).is_ok());
            assert!(throttle.failed(attempt("ada", "192.0.2.7"), now).is_ok());
        }
        assert!(throttle.allows(&attempt("ada", "192.0.2.7"), now).is_err());
        assert!(throttle.allows(&attempt("ada", "device 1"), now).is_ok(), "Ada herself, elsewhere");
        assert!(throttle.allows(&attempt("bob", "192.0.2.7"), now).is_ok(), "her neighbour");
        let later = now + TimeDelta::seconds(limits::FAILED_SIGN_INS_SECONDS);
        assert!(throttle.allows(&attempt("ada", "192.0.2.7"), later).is_ok());
        assert!(throttle.failed(attempt("ada", "192.0.2.7"), later).is_ok());
        assert!(throttle.allows(&attempt("ada", "192.0.2.7"), later).is_ok(), "counted anew");
    }

    #[test]
    fn a_success_forgets_the_failures_before() {
        let (throttle, now) = (Throttle::new(), Clock.now());
        for _ in 1..limits::FAILED_SIGN_INS {
            assert!(throttle.failed(attempt("ada", "192.0.2.7"), now).is_ok());
        }
        assert!(throttle.succeeded(&attempt("ada", "192.0.2.7"), now).is_ok());
        for _ in 0..limits::FAILED_SIGN_INS {
            assert!(throttle.failed(attempt("ada", "192.0.2.7"), now).is_ok());
        }
    }

    #[test]
    fn of_guesses_at_once_no_more_are_told_than_of_guesses_in_turn() {
        let (throttle, now) = (Throttle::new(), Clock.now());
        // They all began before one of them had failed.
        let told = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for _ in 0..limits::FAILED_SIGN_INS {
                        let failed = throttle.failed(attempt("ada", "192.0.2.7"), now);
                        told.fetch_add(u32::from(failed.is_ok()), std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(told.into_inner(), limits::FAILED_SIGN_INS);
        assert!(throttle.succeeded(&attempt("ada", "192.0.2.7"), now).is_err(), "the right one among too many");
    }
}

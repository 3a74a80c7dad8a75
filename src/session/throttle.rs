//! Slows down guesses of passwords, and no other sign-in.
//!
//! Only failures count, and they count for one user name at one source: the device that asks, or without a device the address. So a
//! stranger who guesses a member's password locks only themselves out, and a venue behind one address is not one guesser.
//!
//! Failures are forgotten one by one, at an even pace (the generic cell rate algorithm). So guesses become few, and a name is never locked:
//! if a stranger and the member share an address, the member waits for less than a second once the stranger has stopped.
//!
//! A guess is counted twice: before its password is checked, and after it. So of guesses that are made all at once no more get an answer
//! than of guesses that are made one after the other.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;

use crate::limits;

/// A source that tries to sign in, and the user name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The organisation's slug, as it was given.
    pub organisation: String,
    /// The user name, as it is compared.
    pub username_key: String,
    /// The device, or the address where there is none.
    pub source: String,
}

/// The failures that are remembered.
pub struct Throttle {
    /// When the last failure of an attempt is forgotten, on the clock that never steps: a step of another clock locks no one out.
    forgotten: Cache<Attempt, Instant>,
    /// Held while a failure is counted: of two at once, none is lost.
    counting: Mutex<()>,
}

impl Throttle {
    /// None yet.
    pub fn new() -> Self {
        Self { forgotten: Cache::new(limits::FAILED_SIGN_INS_REMEMBERED_MAX), counting: Mutex::default() }
    }

    /// Whether this may be tried now; otherwise in how many seconds.
    pub fn allows(&self, attempt: &Attempt, now: Instant) -> Result<(), i64> {
        self.with_one_more(attempt, now).map(drop)
    }

    /// It failed. If so many others have failed meanwhile that it would not be tried now, its result is not reported either.
    pub fn failed(&self, attempt: Attempt, now: Instant) -> Result<(), i64> {
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = self.with_one_more(&attempt, now)?;
        self.forgotten.insert(attempt, forgotten);
        Ok(())
    }

    /// It succeeded: the caller knows the password. Unless it was one of so many guesses at once that it would not be tried now.
    pub fn succeeded(&self, attempt: &Attempt, now: Instant) -> Result<(), i64> {
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        self.allows(attempt, now)?;
        self.forgotten.remove(attempt);
        Ok(())
    }

    /// When all is forgotten if it fails once more. Remembered failures fill a bucket; when it is full, the seconds until there is room.
    fn with_one_more(&self, attempt: &Attempt, now: Instant) -> Result<Instant, i64> {
        let forgotten = self.forgotten.get(attempt).map_or(now, |forgotten| forgotten.max(now)) + limits::FAILED_SIGN_IN_INTERVAL;
        match (forgotten - now).checked_sub(BUCKET) {
            None | Some(Duration::ZERO) => Ok(forgotten),
            // A second more than there is, so that `Retry-After` is never 0.
            Some(early) => Err(i64::try_from(early.as_secs()).unwrap_or(i64::MAX).saturating_add(1)),
        }
    }
}

/// Time in which a full bucket is empty.
const BUCKET: Duration = limits::FAILED_SIGN_IN_INTERVAL.saturating_mul(limits::FAILED_SIGN_INS_MAX);

impl Default for Throttle {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn attempt(username: &str, source: &str) -> Attempt {
        Attempt { organisation: "club".to_owned(), username_key: username.to_owned(), source: source.to_owned() }
    }

    #[test]
    fn failures_hold_up_the_guesser_and_nobody_else() {
        let (throttle, now) = (Throttle::new(), clock::mark());
        for _ in 0..limits::FAILED_SIGN_INS_MAX {
            assert!(throttle.allows(&attempt("ada", "192.0.2.7"), now).is_ok());
            assert!(throttle.failed(attempt("ada", "192.0.2.7"), now).is_ok());
        }
        assert_eq!(throttle.allows(&attempt("ada", "192.0.2.7"), now), Err(1));
        assert!(throttle.allows(&attempt("ada", "device 1"), now).is_ok(), "Ada herself, elsewhere");
        assert!(throttle.allows(&attempt("bob", "192.0.2.7"), now).is_ok(), "her neighbour");
    }

    #[test]
    fn nobody_is_asked_to_come_back_in_no_time() {
        let (throttle, now) = (Throttle::new(), clock::mark());
        for _ in 0..limits::FAILED_SIGN_INS_MAX {
            assert!(throttle.failed(attempt("ada", "192.0.2.7"), now).is_ok());
        }
        let in_time = now + limits::FAILED_SIGN_IN_INTERVAL;
        assert_eq!(throttle.allows(&attempt("ada", "192.0.2.7"), in_time - Duration::from_nanos(1)), Err(1));
        assert_eq!(throttle.allows(&attempt("ada", "192.0.2.7"), in_time), Ok(()));
    }

    #[test]
    fn guesses_beyond_the_hundredth_go_at_an_even_pace() {
        let (throttle, mut now) = (Throttle::new(), clock::mark());
        let mut told = 0;
        // A minute of a guess every ten milliseconds.
        for _ in 0..6_000 {
            told += u32::from(throttle.failed(attempt("ada", "192.0.2.7"), now).is_ok());
            now += Duration::from_millis(10);
        }
        assert_eq!(told, limits::FAILED_SIGN_INS_MAX + 99);
    }

    #[test]
    fn a_stranger_behind_the_same_address_locks_nobody_out() {
        let (throttle, mut now) = (Throttle::new(), clock::mark());
        // However long it went on.
        for _ in 0..60_000 {
            let _ = throttle.failed(attempt("ada", "192.0.2.7"), now);
            now += Duration::from_millis(10);
        }
        now += limits::FAILED_SIGN_IN_INTERVAL;
        assert!(throttle.allows(&attempt("ada", "192.0.2.7"), now).is_ok());
        assert!(throttle.succeeded(&attempt("ada", "192.0.2.7"), now).is_ok());
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let (throttle, now) = (Throttle::new(), clock::mark());
        for _ in 0..limits::FAILED_SIGN_INS_MAX {
            assert!(throttle.failed(attempt("ada", "192.0.2.7"), now).is_ok());
        }
        let later = now + 2 * BUCKET;
        for _ in 0..limits::FAILED_SIGN_INS_MAX {
            assert!(throttle.failed(attempt("ada", "192.0.2.7"), later).is_ok());
        }
        assert!(throttle.failed(attempt("ada", "192.0.2.7"), later).is_err(), "no more than if nothing had been");
    }

    #[test]
    fn a_success_forgets_the_failures_before() {
        let (throttle, now) = (Throttle::new(), clock::mark());
        for _ in 1..limits::FAILED_SIGN_INS_MAX {
            assert!(throttle.failed(attempt("ada", "192.0.2.7"), now).is_ok());
        }
        assert!(throttle.succeeded(&attempt("ada", "192.0.2.7"), now).is_ok());
        for _ in 0..limits::FAILED_SIGN_INS_MAX {
            assert!(throttle.failed(attempt("ada", "192.0.2.7"), now).is_ok());
        }
    }

    #[test]
    fn of_guesses_at_once_no_more_are_told_than_of_guesses_in_turn() {
        let (throttle, now) = (Throttle::new(), clock::mark());
        // They all began before one of them had failed.
        let told = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for _ in 0..limits::FAILED_SIGN_INS_MAX {
                        let failed = throttle.failed(attempt("ada", "192.0.2.7"), now);
                        told.fetch_add(u32::from(failed.is_ok()), std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(told.into_inner(), limits::FAILED_SIGN_INS_MAX);
        assert!(throttle.succeeded(&attempt("ada", "192.0.2.7"), now).is_err(), "the right one among too many");
    }
}

//! Passwords: Argon2id (RFC 9106) in a small bounded pool, so that a storm of sign-ins never slows a scan.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use argon2::{Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier};
use data_encoding::BASE64_NOPAD;
use prometheus_client::metrics::counter::Counter;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::limits;

/// The pool that hashes and checks passwords.
#[derive(Clone)]
pub struct Passwords {
    threads: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    checks: Counter,
    /// Checked when there is no such user, so that the answer costs the same.
    nobody: Arc<str>,
}

/// The pool is full; nothing was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins at once")]
pub struct PoolFull;

impl Passwords {
    /// A pool of half the cores.
    pub fn new() -> Self {
        let threads = available_parallelism().map_or(1, |cores| cores.get() / 2).clamp(1, limits::PASSWORD_THREADS);
        Self { threads: Arc::new(Semaphore::new(threads)), waiting: Arc::default(), checks: Counter::default(), nobody: nobody().into() }
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: String) -> Result<Option<String>, PoolFull> {
        self.run(move || hash(&password)).await
    }

    /// Whether this is the password behind the hash. Without a hash the answer is no, at the same cost.
    pub async fn check(&self, password: String, stored: Option<String>) -> Result<bool, PoolFull> {
        let nobody = Arc::clone(&self.nobody);
        let checks = self.checks.clone();
        self.run(move || {
            checks.inc();
            let known = stored.is_some();
            let against = stored.as_deref().unwrap_or(&nobody);
            let right = PasswordHash::new(against).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            known && right
        })
        .await
    }

    /// How many passwords were checked, right or wrong.
    pub fn checks(&self) -> &Counter {
        &self.checks
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PoolFull> {
        let _place = Place::take(&self.waiting)?;
        let permit = timeout(limits::PASSWORD_WAIT, Arc::clone(&self.threads).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(PoolFull) };
        // The permit goes with the work: a caller who gives up does not make room for a third thread.
        let done = spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.map_err(|_| PoolFull)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

/// A place in the queue, given back however the wait ends.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Result<Self, PoolFull> {
        let place = Self(Arc::clone(waiting));
        if waiting.fetch_add(1, Ordering::AcqRel) >= limits::PASSWORD_QUEUE { Err(PoolFull) } else { Ok(place) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn hash(password: &str) -> Option<String> {
    let salt: [u8; 16] = rand::random();
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

/// A hash that no password has: drawn, not computed, so that a start takes neither its time nor its 19 MiB.
fn nobody() -> String {
    let (salt, drawn): ([u8; 16], [u8; 32]) = (rand::random(), rand::random());
    let (memory, times, lanes) = (Params::DEFAULT_M_COST, Params::DEFAULT_T_COST, Params::DEFAULT_P_COST);
    format!("$argon2id$v=19$m={memory},t={times},p={lanes}${}${}", BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&drawn))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let pool = Passwords::new();
        let hash = pool.hash("correct horse".to_owned()).await.unwrap().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(pool.check("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!pool.check("wrong horse".to_owned(), Some(hash)).await.unwrap());
        assert!(!pool.check("correct horse".to_owned(), None).await.unwrap());
    }

    #[test]
    fn nobody_is_checked_at_the_cost_of_somebody() {
        let form = |hash: &str| {
            let hash = PasswordHash::new(hash).unwrap();
            (hash.algorithm, hash.version, hash.params, hash.salt.unwrap().len(), hash.hash.unwrap().len())
        };
        assert_eq!(form(&nobody()), form(&hash("somebody").unwrap()));
        assert_ne!(nobody(), nobody());
    }
}

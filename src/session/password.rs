//! Passwords: Argon2id (RFC 9106) in a small bounded pool, so that a storm of sign-ins never slows a scan.
//!
//! The pool has threads of its own, which give way to others on a core, and which end when there are no sign-ins: with them goes the memory that
//! Argon2 has filled.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use data_encoding::BASE64_NOPAD;
use prometheus_client::metrics::counter::Counter;
use rustix::process::nice;
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    time::timeout,
};

use crate::limits;

/// What a new password is hashed with. A password that was set with others is checked with those.
const PARAMS: Params = match Params::new(limits::PASSWORD_MEMORY_KIBIBYTES, limits::PASSWORD_PASSES_COUNT, 1, None) {
    Ok(params) => params,
    Err(_) => Params::DEFAULT,
};

/// The pool that hashes and checks passwords.
#[derive(Clone)]
pub struct Passwords {
    threads: Arc<Threads>,
    /// As many as there may be threads.
    free: Arc<Semaphore>,
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
    pub fn new() -> io::Result<Self> {
        let most = available_parallelism().map_or(1, |cores| cores.get() / 2).clamp(1, limits::PASSWORD_THREADS_MAX);
        Ok(Self {
            threads: Arc::new(Threads::new(most)?),
            free: Arc::new(Semaphore::new(most)),
            waiting: Arc::default(),
            checks: Counter::default(),
            nobody: nobody().into(),
        })
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
        let permit = timeout(limits::PASSWORD_WAIT_TIMEOUT, Arc::clone(&self.free).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(PoolFull) };
        // The permit goes with the work: a caller who gives up does not make room for a third thread.
        let done = self.threads.run(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.ok_or(PoolFull)
    }
}

/// The threads. They are those of a runtime that runs nothing else.
struct Threads(Option<Runtime>);

impl Threads {
    fn new(most: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(most)
            .thread_keep_alive(limits::PASSWORD_REST_TIMEOUT)
            .thread_name("password")
            .on_thread_start(|| {
                // For Linux a thread is a process: this is the priority of this one alone.
                if let Err(error) = nice(limits::PASSWORD_NICE_LEVEL) {
                    tracing::warn!(%error, "passwords are checked at the priority of scans");
                }
            })
            .build()?;
        Ok(Self(Some(runtime)))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        self.0.as_ref()?.spawn_blocking(work).await.ok()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime that is dropped waits for its threads, which a worker thread must not do.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A place in the queue, given back however the wait ends.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Result<Self, PoolFull> {
        let place = Self(Arc::clone(waiting));
        if waiting.fetch_add(1, Ordering::AcqRel) >= limits::PASSWORD_QUEUE_MAX { Err(PoolFull) } else { Ok(place) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn hash(password: &str) -> Option<String> {
    let salt: [u8; 16] = rand::random();
    let hash: PasswordHash =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS).hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

/// A hash that no password has: drawn, not computed, so that a start takes neither its time nor its memory.
fn nobody() -> String {
    let (salt, drawn): ([u8; 16], [u8; 32]) = (rand::random(), rand::random());
    let (memory, times, lanes) = (PARAMS.m_cost(), PARAMS.t_cost(), PARAMS.p_cost());
    format!("$argon2id$v=19$m={memory},t={times},p={lanes}${}${}", BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&drawn))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let pool = Passwords::new().unwrap();
        let hash = pool.hash("correct horse".to_owned()).await.unwrap().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{hash}");
        assert!(pool.check("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!pool.check("wrong horse".to_owned(), Some(hash)).await.unwrap());
        assert!(!pool.check("correct horse".to_owned(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_password_is_checked_on_a_thread_that_gives_way_and_nobody_else_does() {
        let pool = Passwords::new().unwrap();
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let before = niceness();
        assert_eq!(pool.run(niceness).await, Ok((before + limits::PASSWORD_NICE_LEVEL).min(19)));
        assert_eq!(niceness(), before);
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

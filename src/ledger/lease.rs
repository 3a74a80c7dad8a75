//! Connections to a database, lent for one piece of work.
//!
//! A connection goes back only if its work was finished; whatever else happens to it (an error, a deadline, a panic) it is closed.
//! So no transaction and no half-read answer is ever passed on, and a peer that died silently costs one deadline and no permit.

use std::{
    ops::{Deref, DerefMut},
    time::{Duration, Instant},
};

use deadpool::managed::{Manager, Object, Pool, Timeouts};
use tokio::time::timeout;

use super::error::LedgerError;
use crate::{clock, limits};

/// A bounded set of connections.
pub struct Connections<M: Manager>(Pool<M>);

impl<M: Manager> Clone for Connections<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Manager> Connections<M> {
    /// At most so many connections of this kind.
    pub fn new(manager: M, most: usize) -> Result<Self, LedgerError> {
        let timeouts =
            Timeouts { wait: Some(limits::CONNECT_TIMEOUT), create: Some(limits::CONNECT_TIMEOUT), recycle: Some(limits::CONNECT_TIMEOUT) };
        let pool = Pool::builder(manager).max_size(most).timeouts(timeouts).runtime(deadpool::Runtime::Tokio1).build();
        pool.map(Self).map_err(|_| LedgerError::Broken)
    }

    /// Opens a first connection, with a long timeout: no request waits for it yet.
    pub async fn open_first(&self) -> Result<(), LedgerError> {
        let first = Timeouts { create: Some(limits::FIRST_CONNECT_TIMEOUT), ..self.0.timeouts() };
        self.0.timeout_get(&first).await.map(drop).map_err(|_| LedgerError::Unavailable)
    }

    /// Lends a connection.
    pub async fn lease(&self) -> Result<Lease<M>, LedgerError> {
        let asked = clock::mark();
        match timeout(limits::CONNECT_TIMEOUT, self.0.get()).await {
            Ok(Ok(object)) => Ok(Lease { object: Some(object), asked, finished: false }),
            Ok(Err(_)) | Err(_) => Err(LedgerError::Unavailable),
        }
    }
}

/// A lent connection.
pub struct Lease<M: Manager> {
    object: Option<Object<M>>,
    /// When it was asked for.
    asked: Instant,
    finished: bool,
}

impl<M: Manager> Lease<M> {
    /// What is left of this time for the work, once the wait for the connection is taken off: a ledger that hangs costs the caller one
    /// limit, not two.
    pub fn left(&self, limit: Duration) -> Duration {
        limit.saturating_sub(clock::since(self.asked))
    }

    /// The work is finished and its answer was read to the end: the connection may serve others.
    pub fn finish(mut self) {
        self.finished = true;
    }

    /// Whether the connection may serve others, should the lease end now.
    pub fn set_finished(&mut self, finished: bool) {
        self.finished = finished;
    }
}

impl<M: Manager> Deref for Lease<M> {
    type Target = M::Type;

    #[expect(clippy::expect_used, reason = "the object is taken only when the lease is dropped")]
    fn deref(&self) -> &M::Type {
        self.object.as_deref().expect("a lease holds its connection")
    }
}

impl<M: Manager> DerefMut for Lease<M> {
    #[expect(clippy::expect_used, reason = "the object is taken only when the lease is dropped")]
    fn deref_mut(&mut self) -> &mut M::Type {
        self.object.as_deref_mut().expect("a lease holds its connection")
    }
}

impl<M: Manager> Drop for Lease<M> {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && !self.finished
        {
            drop(Object::take(object));
        }
    }
}

/// Waits for the ledger, but not for ever.
pub(in crate::ledger) async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, LedgerError> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(LedgerError::from),
        Err(_) => Err(LedgerError::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use crate::{ids::SessionId, ledger::Ledger};

    fn bytes<Asked>(_: fn(&'static Ledger, SessionId) -> Asked) -> usize {
        size_of::<Asked>()
    }

    #[test]
    fn a_read_has_no_room_for_the_opening_of_a_connection() {
        let asked = bytes(|ledger, session| ledger.authority(session));
        assert!(asked < 3_000, "{asked} bytes; it was 11,000 when each had room for the opening of a connection");
    }
}

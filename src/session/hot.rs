//! The hot copies of sessions, nearest first: memory, then Redis. Who finds none takes a fresh look at the book.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::{copy::Copy, redis::RedisStore};
use crate::{
    clock::Clock,
    ids::SessionId,
    ledger::{ChangeLog, rows::Authority},
    limits,
};

/// The hot store.
pub struct Hot {
    memory: Cache<SessionId, Copy>,
    redis: Option<Arc<RedisStore>>,
    log: Arc<ChangeLog>,
    clock: Clock,
}

impl Hot {
    /// A hot store; without Redis the copies of this process are all there are.
    pub fn new(redis: Option<RedisStore>, log: Arc<ChangeLog>, clock: Clock) -> Self {
        Self { memory: Cache::new(limits::HOT_SESSIONS), redis: redis.map(Arc::new), log, clock }
    }

    /// The nearest copy of this session that may be trusted.
    pub async fn nearest(&self, session: SessionId) -> Option<Arc<Authority>> {
        if let Some(copy) = self.memory.get(&session).filter(|copy| self.trusts(copy)) {
            return Some(copy.authority);
        }
        let copy = self.redis.as_ref()?.get(session).await.filter(|copy| self.trusts(copy) && copy.authority.session.id == session)?;
        self.memory.insert(session, copy.clone());
        Some(copy.authority)
    }

    /// Keeps what a fresh look has seen, here and in Redis, unless that is known. Nobody waits for Redis.
    pub fn remember(&self, as_of: i64, authority: &Arc<Authority>) {
        let session = authority.session.id;
        let copy = Copy { as_of, authority: Arc::clone(authority) };
        if self.memory.get(&session).is_some_and(|known| known.versions() == copy.versions() && self.trusts(&known)) {
            return;
        }
        let copy = without_hardware(copy);
        self.memory.insert(session, copy.clone());
        if let Some(redis) = self.redis.as_ref().filter(|redis| redis.is_up()) {
            let (redis, clock) = (Arc::clone(redis), self.clock);
            tokio::spawn(async move { redis.put(session, &copy, clock).await });
        }
    }

    /// Whether the shared store answers; none where there is no shared store.
    pub fn redis_is_up(&self) -> Option<bool> {
        self.redis.as_ref().map(|redis| redis.is_up())
    }

    fn trusts(&self, copy: &Copy) -> bool {
        self.log.trusts(copy.as_of, &copy.things())
    }
}

/// What the app said of the hardware is as long as everything else together, and no decision rests on it.
fn without_hardware(mut copy: Copy) -> Copy {
    if copy.authority.device.as_ref().is_some_and(|device| device.hardware.is_some())
        && let Some(device) = &mut Arc::make_mut(&mut copy.authority).device
    {
        device.hardware = None;
    }
    copy
}

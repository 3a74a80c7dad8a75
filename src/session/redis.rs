//! Hot copies in Redis, shared by all gateways on one book.
//!
//! Redis holds nothing that the book does not. A call takes at most [`limits::REDIS_CALL`], after a failure Redis is left alone until a
//! ping goes through, and what it answers is judged like any other copy (see [`crate::ledger::ChangeLog`]).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use redis::{
    AsyncCommands, Client, RedisResult, SetExpiry, SetOptions,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::copy::Copy;
use crate::{clock::Clock, ids::SessionId, limits};

/// The way to Redis.
pub struct RedisStore {
    connection: ConnectionManager,
    prefix: String,
    up: Arc<AtomicBool>,
    watch: JoinHandle<()>,
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl RedisStore {
    /// Opens the way to this Redis. It need not be there yet.
    pub fn open(url: &str, book: Uuid) -> anyhow::Result<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(limits::CONNECT))
            .set_response_timeout(Some(limits::REDIS_CALL))
            .set_number_of_retries(1)
            .set_max_delay(limits::REDIS_RETRY);
        let connection = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        let up = Arc::new(AtomicBool::new(false));
        let watch = tokio::spawn(watch(connection.clone(), Arc::clone(&up)));
        Ok(Self { connection, prefix: format!("stagedoor:{book}:session:"), up, watch })
    }

    /// Whether Redis answers.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// The copy of this session, if Redis has one and answers in time.
    pub async fn get(&self, session: SessionId) -> Option<Copy> {
        let bytes: Option<Vec<u8>> = self.call(async |mut redis| redis.get(self.key(session)).await).await.flatten();
        serde_json::from_slice(&bytes?).ok()
    }

    /// Puts a copy there. It expires by itself, at a time of day: a write that was held up brings nothing back to life.
    pub async fn put(&self, session: SessionId, copy: &Copy, clock: Clock) {
        let Ok(bytes) = serde_json::to_vec(copy) else { return };
        let until = u64::try_from(clock.now().timestamp() + limits::HOT_COPY_SECONDS).unwrap_or(0);
        let options = SetOptions::default().with_expiration(SetExpiry::EXAT(until));
        let _: Option<()> = self.call(async |mut redis| redis.set_options(self.key(session), bytes, options).await).await;
    }

    fn key(&self, session: SessionId) -> String {
        format!("{}{session}", self.prefix)
    }

    async fn call<T>(&self, call: impl AsyncFnOnce(ConnectionManager) -> RedisResult<T>) -> Option<T> {
        if !self.is_up() {
            return None;
        }
        match timeout(limits::REDIS_CALL, call(self.connection.clone())).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(_)) | Err(_) => {
                self.up.store(false, Ordering::Release);
                None
            }
        }
    }
}

/// Asks Redis now and then whether it is there.
async fn watch(mut connection: ConnectionManager, up: Arc<AtomicBool>) {
    loop {
        let pong = timeout(limits::REDIS_RETRY, connection.ping::<()>()).await;
        let now = matches!(pong, Ok(Ok(())));
        match (up.swap(now, Ordering::AcqRel), now) {
            (false, true) => tracing::info!("Redis answers"),
            (true, false) => tracing::warn!("Redis does not answer; the book is asked instead"),
            _ => {}
        }
        sleep(limits::REDIS_RETRY).await;
    }
}

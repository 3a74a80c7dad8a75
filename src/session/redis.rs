//! Hot copies in Redis, shared by all gateways on one ledger.
//!
//! Redis holds nothing that the ledger does not. A call takes at most [`limits::REDIS_CALL_TIMEOUT`], after a failure Redis is left alone until it
//! answers a question within that time, and what it answers is judged like any other copy (see [`crate::ledger::ChangeLog`]). So a Redis
//! that hangs, crawls or lies behind a broken connection costs the scans that are on their way to it one such wait, and no others anything.

use std::sync::{Arc, PoisonError, RwLock};

use redis::{
    AsyncCommands, Client, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisError, RedisResult, SetExpiry, SetOptions, Value,
    aio::MultiplexedConnection,
    sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType},
};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::copy::Copy;
use crate::{clock::Clock, config, ids::SessionId, limits};

/// The way to Redis.
pub struct RedisStore {
    connection: Arc<SharedConnection>,
    prefix: String,
    watch: JoinHandle<()>,
}

/// The connection, while it is known to be good.
#[derive(Default)]
struct SharedConnection {
    good: RwLock<Option<MultiplexedConnection>>,
    /// Told when the connection was given up.
    given_up: Notify,
}

impl SharedConnection {
    fn good(&self) -> Option<MultiplexedConnection> {
        self.good.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers whether there was a good one before.
    fn put(&self, connection: Option<MultiplexedConnection>) -> bool {
        let mut good = self.good.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *good, connection).is_some()
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl RedisStore {
    /// Opens the way to this Redis. It need not be there yet.
    pub fn open(place: &config::Redis, ledger: Uuid) -> anyhow::Result<Self> {
        let connection = Arc::<SharedConnection>::default();
        let watch = tokio::spawn(watch(Endpoint::new(place)?, Arc::clone(&connection)));
        Ok(Self { connection, prefix: format!("stagedoor:{ledger}:session:"), watch })
    }

    /// Whether Redis answers.
    pub fn is_up(&self) -> bool {
        self.connection.good().is_some()
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

    async fn call<T>(&self, call: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>) -> Option<T> {
        match timeout(limits::REDIS_CALL_TIMEOUT, call(self.connection.good()?)).await {
            Ok(Ok(answer)) => Some(answer),
            // A connection that was silent once is not waited for again: the watch opens another.
            Ok(Err(_)) | Err(_) => {
                if self.connection.put(None) {
                    tracing::warn!("Redis does not answer; the ledger is asked instead");
                    self.connection.given_up.notify_one();
                }
                None
            }
        }
    }
}

/// How Redis is found.
enum Endpoint {
    At(Client),
    Sentinels(Box<SentinelClient>),
}

impl Endpoint {
    fn new(place: &config::Redis) -> RedisResult<Self> {
        match place {
            config::Redis::At(url) => Client::open(url.expose()).map(Self::At),
            config::Redis::Sentinels { sentinels, name, redis } => {
                let addresses = sentinels.iter().map(|address| address.as_str().into_connection_info()).collect::<RedisResult<_>>()?;
                let how = redis.expose().into_connection_info()?.redis_settings().clone();
                let how = SentinelNodeConnectionInfo::default().set_redis_connection_info(how);
                let client =
                    SentinelClient::build::<redis::ConnectionInfo>(addresses, name.clone(), Some(how), SentinelServerType::Master)?;
                Ok(Self::Sentinels(Box::new(client)))
            }
        }
    }

    /// A new connection. Behind Sentinels, to the server that is the primary now.
    async fn connect(&mut self) -> RedisResult<MultiplexedConnection> {
        match self {
            Self::At(client) => client.get_multiplexed_async_connection().await,
            Self::Sentinels(client) => client.get_async_connection().await,
        }
    }

    /// Asks a server whether it is there, and behind Sentinels, whether it still is the primary.
    async fn is_good(&self, connection: &mut MultiplexedConnection) -> bool {
        let asked = async {
            match self {
                Self::At(_) => connection.ping::<()>().await,
                Self::Sentinels(_) => redis::cmd("ROLE").query_async(connection).await.and_then(primary),
            }
        };
        matches!(timeout(limits::REDIS_CALL_TIMEOUT, asked).await, Ok(Ok(())))
    }
}

/// The answer to `ROLE` of a server that may be written to.
fn primary(role: Value) -> RedisResult<()> {
    match role {
        Value::Array(parts) if parts.first().is_some_and(|name| String::from_redis_value_ref(name).is_ok_and(|name| name == "master")) => {
            Ok(())
        }
        _ => Err(RedisError::from((ErrorKind::UnexpectedReturnType, "not the primary"))),
    }
}

/// Asks Redis now and then whether it is there, and opens another connection when it is not.
async fn watch(mut endpoint: Endpoint, shared: Arc<SharedConnection>) {
    loop {
        if let Some(mut connection) = shared.good() {
            let given_up = timeout(limits::REDIS_RETRY_DELAY, shared.given_up.notified()).await.is_ok();
            if given_up || endpoint.is_good(&mut connection).await {
                continue;
            }
            if shared.put(None) {
                tracing::warn!("Redis does not answer; the ledger is asked instead");
            }
        }
        let connected = timeout(limits::REDIS_CONNECT_TIMEOUT, endpoint.connect()).await;
        if let Ok(Ok(mut connection)) = connected
            && endpoint.is_good(&mut connection).await
        {
            shared.put(Some(connection));
            tracing::info!("Redis answers");
        } else {
            sleep(limits::REDIS_RETRY_DELAY).await;
        }
    }
}

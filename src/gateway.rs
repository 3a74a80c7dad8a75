//! A gateway: opens everything, hands it to the routes, and drains at the end.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use chrono::TimeDelta;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    authenticate::{
        Gate,
        keys::{Keys, rotate::of_no_more_use_before},
        token::Tokens,
        used::Used,
    },
    clock::Clock,
    config::{Config, Database},
    errand::{self, Errands},
    event::warm::Warm,
    http::{
        accept,
        examples::Given,
        metrics::Metrics,
        router,
        state::{House, Rooms},
    },
    ledger::{Book, Note},
    limits,
    push::Push,
    session::{hot::Hot, password::Passwords, redis::RedisStore, sign_in::Entrance},
    team::change::Office,
    walk::Sources,
};

/// A gateway that listens.
pub struct Gateway {
    address: SocketAddr,
    house: House,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    housekeeping: JoinHandle<()>,
    errands: Option<Errands>,
}

impl Gateway {
    /// Opens the stores and serves.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        let listener = bind(config).await?;
        Self::serve(config, open(config).await?, listener, &Given::default())
    }

    /// Serves, with stores that are open, on a listener that is bound. The examples of the documentation are made of what is given.
    pub fn serve(config: &Config, house: House, listener: TcpListener, examples: &Given) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let router = router(house.clone(), config, examples)?;
        let serving = tokio::spawn(accept::serve(listener, router, stop.clone()));
        let housekeeping = tokio::spawn(keep_house(house.book.clone(), house.clock));
        let errands = errand::serve(config, house.book.clone(), house.clock);
        Ok(Self { address, house, stop, serving, housekeeping, errands })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes nothing new in, finishes what was begun, and closes the book.
    pub async fn stop(self) {
        // A stream has no end of its own: nobody is to wait for one.
        self.house.push.close();
        self.stop.cancel();
        if let Err(error) = self.serving.await {
            tracing::error!(error = %error, "the accept loop ended in a fault of ours");
        }
        self.housekeeping.abort();
        drop(self.errands);
        self.house.book.close().await;
    }
}

/// Binds the address that the gateway is to listen on.
pub async fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    TcpListener::bind(config.listen).await.with_context(|| format!("{} cannot be listened on", config.listen))
}

/// Opens the stores of a gateway.
pub async fn open(config: &Config) -> anyhow::Result<House> {
    let clock = Clock;
    let book = Book::open(&config.database, config.database_connections, clock).await.context("the book cannot be opened")?;
    if let (Database::Sqlite(_), Some(_)) = (&config.database, &config.redis_url) {
        tracing::warn!("Redis is set beside SQLite: it is used, but one SQLite file serves one gateway only");
    }
    let redis = match &config.redis_url {
        Some(url) => Some(RedisStore::open(url.expose(), book.id().await?).context("Redis cannot be used")?),
        None => None,
    };
    let keys = Keys::open(book.clone(), clock).await.context("the signing keys cannot be read")?;
    let tokens = Arc::new(Tokens::new(keys, clock));
    let used = Used::new(book.clone(), clock);
    let hot = Arc::new(Hot::new(redis, Arc::clone(book.log()), clock));
    let passwords = Passwords::new();
    let push = Push::open(book.clone(), Arc::clone(&used), clock).await.context("the log of changes cannot be read")?;
    let gate = Gate { book: book.clone(), tokens: Arc::clone(&tokens), used: Arc::clone(&used), clock };
    let rooms = Rooms {
        sources: Sources { gate: gate.clone(), book: book.clone(), hot: Arc::clone(&hot), warm: Warm::new(book.clone()) },
        entrance: Entrance {
            book: book.clone(),
            tokens: Arc::clone(&tokens),
            passwords: passwords.clone(),
            throttle: Arc::default(),
            hot: Arc::clone(&hot),
            used,
            lifetimes: config.sessions,
            clock,
        },
        office: Office { book: book.clone(), passwords, clock },
        metrics: Arc::new(Metrics::new(push.figures(), book.refused_lost())),
        push,
        uploads: Semaphore::new(limits::UPLOADS_AT_ONCE),
        hold: config.hold,
        book,
        gate,
        tokens,
        hot,
        clock,
    };
    Ok(House(Arc::new(rooms)))
}

/// Keeps the log of changes and that of refused scans short, and keys no longer than their tokens.
async fn keep_house(book: Book, clock: Clock) {
    loop {
        if let Err(error) = book.note(Note::PruneKeys(of_no_more_use_before(clock.now()))).await {
            tracing::warn!(error = %error, "the signing keys were not pruned");
        }
        if let Err(error) = book.note(Note::PruneChanges).await {
            tracing::warn!(error = %error, "the log of changes was not pruned");
        }
        let before = clock.now() - TimeDelta::days(limits::REFUSED_DAYS);
        if let Err(error) = book.note(Note::PruneRefused(before)).await {
            tracing::warn!(error = %error, "old refused scans were not forgotten");
        }
        sleep(limits::HOUSEKEEPING).await;
    }
}

//! A gateway: opens everything, hands it to the routes, and drains at the end.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context;
use chrono::TimeDelta;
use tokio::{sync::mpsc, task::JoinHandle, time::sleep};
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
    handover::{Doorway, Heir, Offer},
    http::{
        accept::{self, Leave},
        crowd::Crowd,
        examples::Given,
        metrics::Metrics,
        router,
        state::{House, Rooms},
        uploads::Uploads,
    },
    ledger::{Book, InUse, Note},
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
    leave: Leave,
    notice: Duration,
    offer: Offer,
    serving: JoinHandle<io::Result<()>>,
    housekeeping: JoinHandle<()>,
    errands: Option<Errands>,
}

impl Gateway {
    /// Opens the stores and serves.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        let doorway = bind(config).await?;
        let house = open_at(config, &doorway).await?;
        Self::serve(config, house, doorway, &Given::default()).await
    }

    /// Serves, with stores that are open, at a doorway that is open. The examples of the documentation are made of what is given.
    pub async fn serve(config: &Config, house: House, doorway: Doorway, examples: &Given) -> anyhow::Result<Self> {
        let address = doorway.socket.local_addr()?;
        let leave = house.leave.clone();
        let router = router(house.clone(), config, examples)?;
        let offer = Offer::make(Arc::clone(&doorway.socket), house.book.id().await?);
        let crowd = Crowd::new(config.connections, config.connections_per_address, &config.trusted_proxies);
        let serving = tokio::spawn(accept::serve(doorway, router, crowd, leave.clone()));
        let housekeeping = tokio::spawn(keep_house(house.book.clone(), house.clock));
        let errands = errand::serve(config, house.book.clone(), house.clock);
        Ok(Self { address, house, leave, notice: config.stop_notice, offer, serving, housekeeping, errands })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes nothing new in, finishes what was begun, and closes the book.
    pub async fn stop(self) {
        // Nobody is sent here any more. Where another gateway has taken the socket over, or does so now, it goes on; else there is time
        // for balancers to notice, and for clients to hear with an answer that it was their connection's last.
        self.leave.announce();
        // A stream has no end of its own: nobody is to wait for one.
        self.house.push.close();
        let heir = self.offer.heir_within(self.notice).await.map(|heir| hand_over(heir, &self.leave));
        if heir.is_none() {
            self.leave.close();
        }
        if let Err(error) = self.serving.await.map_err(anyhow::Error::new).and_then(|served| Ok(served?)) {
            tracing::error!(error = %error, "the accept loop ended in a fault of ours");
        }
        if let Some((handing, done)) = heir {
            done.cancel();
            let _ = handing.await;
        }
        self.housekeeping.abort();
        drop(self.errands);
        self.house.book.close().await;
    }
}

/// Leaves every connection to the gateway that has taken the socket over.
fn hand_over(heir: Heir, leave: &Leave) -> (JoinHandle<()>, CancellationToken) {
    tracing::info!("another gateway has the listening socket: it gets the connections as well");
    let (sender, connections) = mpsc::channel(limits::CONNECTIONS);
    let done = CancellationToken::new();
    let handing = tokio::spawn(heir.take_all(connections, done.clone()));
    leave.bequeath(sender);
    (handing, done)
}

/// Opens the doorway at the address that the gateway is to listen on.
pub async fn bind(config: &Config) -> anyhow::Result<Doorway> {
    Doorway::open(config.listen, Clock).await
}

/// Opens the stores of a gateway that is to stand at this doorway. Behind one that still has the embedded book open, it waits for its end:
/// who connects meanwhile waits in the socket's queue.
pub async fn open_at(config: &Config, doorway: &Doorway) -> anyhow::Result<House> {
    let until = Clock.deadline(limits::TAKE_OVER_WAIT);
    loop {
        match open(config).await {
            Err(error) if error.is::<InUse>() && doorway.is_taken_over() && !Clock.is_past(until) => sleep(limits::TAKE_OVER_RETRY).await,
            opened => {
                let house = opened?;
                doorway.is_fit_for(house.book.id().await?)?;
                return Ok(house);
            }
        }
    }
}

/// Opens the stores of a gateway.
pub async fn open(config: &Config) -> anyhow::Result<House> {
    let book = Book::open(&config.database, config.database_connections).await.context("the book cannot be opened")?;
    let clock = book.clock();
    if let (Database::Sqlite(_), Some(_)) = (&config.database, &config.redis_url) {
        tracing::warn!("Redis is set beside SQLite: it is used, but one SQLite file serves one gateway only");
    }
    let redis = match &config.redis_url {
        Some(place) => Some(RedisStore::open(place, book.id().await?).context("Redis cannot be used")?),
        None => None,
    };
    let keys = Keys::open(book.clone(), clock).await.context("the signing keys cannot be read")?;
    let tokens = Arc::new(Tokens::new(keys, clock));
    let used = Used::new(book.clone(), clock);
    let hot = Arc::new(Hot::new(redis, Arc::clone(book.log()), clock));
    let passwords = Passwords::new().context("there can be no threads for passwords")?;
    let push = Push::open(book.clone(), Arc::clone(&used), clock).await.context("the log of changes cannot be read")?;
    let (metrics, shed) = Metrics::new(push.figures(), book.refused_lost(), passwords.checks(), clock);
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
        metrics: Arc::new(metrics),
        push,
        uploads: Uploads::default(),
        shed,
        hold: config.hold,
        leave: Leave::default(),
        document: OnceLock::new(),
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

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
    attempt::Sources,
    authenticate::{
        Authenticator,
        keys::{Keys, rotate::of_no_more_use_before},
        last_use::LastUses,
        token::Tokens,
    },
    clock::Clock,
    config::{Config, Database},
    control_socket::{self, ControlSocket},
    event::warm::Warm,
    handover::{ListeningSocket, Offer, Successor},
    http::{
        accept::{self, Shutdown},
        connection_limit::ConnectionLimit,
        examples::Given,
        metrics::Metrics,
        router,
        state::{AppState, Services},
        uploads::Uploads,
    },
    ledger::{InUse, Ledger, Note},
    limits,
    session::{hot::Hot, password::Passwords, redis::RedisStore, sign_in::SignInService},
    stream::Streams,
    team::change::TeamService,
};

/// A gateway that listens.
pub struct Gateway {
    address: SocketAddr,
    state: AppState,
    shutdown: Shutdown,
    notice: Duration,
    offer: Offer,
    serving: JoinHandle<io::Result<()>>,
    housekeeping: JoinHandle<()>,
    control_socket: Option<ControlSocket>,
}

impl Gateway {
    /// Opens the stores and serves.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        let listening = bind(config).await?;
        let state = open_at(config, &listening).await?;
        Self::serve(config, state, listening, &Given::default()).await
    }

    /// Serves, with stores that are open, at a listening that is open. The examples of the documentation are made of what is given.
    pub async fn serve(config: &Config, state: AppState, listening: ListeningSocket, examples: &Given) -> anyhow::Result<Self> {
        let address = listening.socket.local_addr()?;
        let shutdown = state.shutdown.clone();
        let router = router(state.clone(), config, examples)?;
        let offer = Offer::make(Arc::clone(&listening.socket), state.ledger.id().await?);
        let connection_limit = ConnectionLimit::new(config.connections, config.connections_per_address, &config.trusted_proxies);
        let serving = tokio::spawn(accept::serve(listening, router, connection_limit, shutdown.clone()));
        let housekeeping = tokio::spawn(housekeeping_loop(state.ledger.clone(), state.clock));
        let control_socket = control_socket::serve(config, state.ledger.clone(), state.clock);
        Ok(Self { address, state, shutdown, notice: config.stop_notice, offer, serving, housekeeping, control_socket })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes nothing new in, finishes what was begun, and closes the ledger.
    pub async fn stop(self) {
        // Balancers send no more connections here. Where another gateway has taken the socket over, or does so now, it goes on; else there is time
        // for balancers to notice, and for clients to hear with an answer that it was their connection's last.
        self.shutdown.announce();
        // A stream has no end of its own: the drain must not wait for one.
        self.state.streams.close();
        let successor = self.offer.successor_within(self.notice).await.map(|successor| hand_over(successor, &self.shutdown));
        if successor.is_none() {
            self.shutdown.close();
        }
        if let Err(error) = self.serving.await.map_err(anyhow::Error::new).and_then(|served| Ok(served?)) {
            tracing::error!(error = %error, "the accept loop ended in a fault of ours");
        }
        if let Some((handing, done)) = successor {
            done.cancel();
            let _ = handing.await;
        }
        self.housekeeping.abort();
        drop(self.control_socket);
        self.state.ledger.close().await;
    }
}

/// Leaves every connection to the gateway that has taken the socket over.
fn hand_over(successor: Successor, shutdown: &Shutdown) -> (JoinHandle<()>, CancellationToken) {
    tracing::info!("another gateway has the listening socket: it gets the connections as well");
    let (sender, connections) = mpsc::channel(limits::CONNECTIONS_MAX);
    let done = CancellationToken::new();
    let handing = tokio::spawn(successor.take_all(connections, done.clone()));
    shutdown.hand_over_to(sender);
    (handing, done)
}

/// Opens the listening at the address that the gateway is to listen on.
pub async fn bind(config: &Config) -> anyhow::Result<ListeningSocket> {
    ListeningSocket::open(config.listen, Clock).await
}

/// Opens the stores of a gateway that is to stand at this listening. Behind one that still has the embedded ledger open, it waits for its end:
/// who connects meanwhile waits in the socket's queue.
pub async fn open_at(config: &Config, listening: &ListeningSocket) -> anyhow::Result<AppState> {
    let until = Clock.deadline(limits::TAKE_OVER_TIMEOUT);
    loop {
        match open(config).await {
            Err(error) if error.is::<InUse>() && listening.is_taken_over() && !Clock.is_past(until) => {
                sleep(limits::TAKE_OVER_RETRY_DELAY).await
            }
            opened => {
                let state = opened?;
                listening.is_fit_for(state.ledger.id().await?)?;
                return Ok(state);
            }
        }
    }
}

/// Opens the stores of a gateway.
pub async fn open(config: &Config) -> anyhow::Result<AppState> {
    let ledger = Ledger::open(&config.database, config.database_connections).await.context("the ledger cannot be opened")?;
    let clock = ledger.clock();
    if let (Database::Sqlite(_), Some(_)) = (&config.database, &config.redis_url) {
        tracing::warn!("Redis is set beside SQLite: it is used, but one SQLite file serves one gateway only");
    }
    let redis = match &config.redis_url {
        Some(place) => Some(RedisStore::open(place, ledger.id().await?).context("Redis cannot be used")?),
        None => None,
    };
    let keys = Keys::open(ledger.clone(), clock).await.context("the signing keys cannot be read")?;
    let tokens = Arc::new(Tokens::new(keys, clock));
    let used = LastUses::new(ledger.clone(), clock);
    let hot = Arc::new(Hot::new(redis, Arc::clone(ledger.log()), clock));
    let passwords = Passwords::new().context("there can be no threads for passwords")?;
    let streams = Streams::open(ledger.clone(), Arc::clone(&used), clock).await.context("the log of changes cannot be read")?;
    let (metrics, shed) = Metrics::new(streams.figures(), ledger.refused_lost(), passwords.checks(), clock);
    let authenticator = Authenticator { ledger: ledger.clone(), tokens: Arc::clone(&tokens), used: Arc::clone(&used), clock };
    let services = Services {
        sources: Sources {
            authenticator: authenticator.clone(),
            ledger: ledger.clone(),
            hot: Arc::clone(&hot),
            warm: Warm::new(ledger.clone()),
        },
        sign_in: SignInService {
            ledger: ledger.clone(),
            tokens: Arc::clone(&tokens),
            passwords: passwords.clone(),
            throttle: Arc::default(),
            hot: Arc::clone(&hot),
            used,
            lifetimes: config.sessions,
            clock,
        },
        team: TeamService { ledger: ledger.clone(), passwords, clock },
        metrics: Arc::new(metrics),
        streams,
        uploads: Uploads::default(),
        shed,
        hold: config.hold,
        shutdown: Shutdown::default(),
        document: OnceLock::new(),
        ledger,
        authenticator,
        tokens,
        hot,
        clock,
    };
    Ok(AppState(Arc::new(services)))
}

/// Keeps the log of changes and that of refused scans short, and keys no longer than their tokens.
async fn housekeeping_loop(ledger: Ledger, clock: Clock) {
    loop {
        if let Err(error) = ledger.note(Note::PruneKeys(of_no_more_use_before(clock.now()))).await {
            tracing::warn!(error = %error, "the signing keys were not pruned");
        }
        if let Err(error) = ledger.note(Note::PruneChanges).await {
            tracing::warn!(error = %error, "the log of changes was not pruned");
        }
        let before = clock.now() - TimeDelta::days(limits::REFUSED_DAYS);
        if let Err(error) = ledger.note(Note::PruneRefused(before)).await {
            tracing::warn!(error = %error, "old refused scans were not forgotten");
        }
        sleep(limits::HOUSEKEEPING_INTERVAL).await;
    }
}

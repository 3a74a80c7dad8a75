//! A gateway: opens the stores and services, serves the routes, and drains at the end.

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
    clock::{self, Clock},
    config::{Config, Database},
    control_socket::{self, ControlSocket},
    event::warm::Warm,
    handover::{ListeningSocket, SocketOffer, Successor},
    http::{
        accept::{self, Shutdown},
        connection_limit::ConnectionLimit,
        examples::ExampleValues,
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

/// A running gateway.
pub struct Gateway {
    address: SocketAddr,
    state: AppState,
    shutdown: Shutdown,
    notice: Duration,
    offer: SocketOffer,
    serving: JoinHandle<io::Result<()>>,
    housekeeping: JoinHandle<()>,
    control_socket: Option<ControlSocket>,
}

impl Gateway {
    /// Opens the stores, and serves.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        let listening = bind(config).await?;
        let state = open_at(config, &listening).await?;
        Self::serve(config, state, listening, &ExampleValues::default()).await
    }

    /// Serves with open stores on an open socket. `examples` are the values for the examples of the OpenAPI document.
    pub async fn serve(config: &Config, state: AppState, listening: ListeningSocket, examples: &ExampleValues) -> anyhow::Result<Self> {
        let address = listening.socket.local_addr()?;
        let shutdown = state.shutdown.clone();
        let router = router(state.clone(), config, examples)?;
        let offer = SocketOffer::open(Arc::clone(&listening.socket), state.ledger.id().await?);
        let connection_limit = ConnectionLimit::new(config.connections, config.connections_per_address, &config.trusted_proxies);
        let serving = tokio::spawn(accept::serve(listening, router, connection_limit, shutdown.clone()));
        let housekeeping = tokio::spawn(housekeeping_loop(state.ledger.clone(), state.clock));
        let control_socket = control_socket::serve(config, state.ledger.clone(), state.clock);
        Ok(Self { address, state, shutdown, notice: config.stop_notice, offer, serving, housekeeping, control_socket })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more connections, finishes the requests in progress, and closes the ledger.
    pub async fn stop(self) {
        // From now on the gateway reports that it is not ready. If a successor has taken the socket over, or does so within the notice time,
        // it gets the connections; otherwise this time lets load balancers notice, and lets each client get a response with
        // `Connection: close`.
        self.shutdown.announce();
        // A stream does not end by itself, so the drain must not wait for it.
        self.state.streams.close();
        let successor = self.offer.successor_within(self.notice).await.map(|successor| hand_over(successor, &self.shutdown));
        if successor.is_none() {
            self.shutdown.close();
        }
        if let Err(error) = self.serving.await.map_err(anyhow::Error::new).and_then(|served| Ok(served?)) {
            tracing::error!(error = %error, "the accept loop failed");
        }
        if let Some((sending, done)) = successor {
            done.cancel();
            let _ = sending.await;
        }
        self.housekeeping.abort();
        drop(self.control_socket);
        self.state.ledger.close().await;
    }
}

/// Hands every connection over to the gateway that has taken the socket over.
fn hand_over(successor: Successor, shutdown: &Shutdown) -> (JoinHandle<()>, CancellationToken) {
    tracing::info!("another gateway has the listening socket: it gets the connections as well");
    let (sender, connections) = mpsc::channel(limits::CONNECTIONS_MAX);
    let done = CancellationToken::new();
    let sending = tokio::spawn(successor.send_all(connections, done.clone()));
    shutdown.hand_over_to(sender);
    (sending, done)
}

/// Opens the listening socket at the configured address, or takes it over from the gateway that listens there.
pub async fn bind(config: &Config) -> anyhow::Result<ListeningSocket> {
    ListeningSocket::open(config.listen).await
}

/// Opens the stores of a gateway for this socket. If the previous gateway still has the embedded ledger open, this waits until that gateway has
/// ended; connections that are made meanwhile wait in the socket's queue.
pub async fn open_at(config: &Config, listening: &ListeningSocket) -> anyhow::Result<AppState> {
    let until = clock::deadline(limits::TAKE_OVER_TIMEOUT);
    loop {
        match open(config).await {
            Err(error) if error.is::<InUse>() && listening.is_taken_over() && !clock::is_past(until) => {
                sleep(limits::TAKE_OVER_RETRY_DELAY).await
            }
            opened => {
                let state = opened?;
                listening.ensure_same_ledger(state.ledger.id().await?)?;
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
    let (metrics, shed) = Metrics::new(streams.figures(), ledger.refused_lost(), passwords.checks());
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

/// Deletes old entries of the change log and of the refused scans, and signing keys whose tokens have all expired.
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
            tracing::warn!(error = %error, "old refused scans were not deleted");
        }
        sleep(limits::HOUSEKEEPING_INTERVAL).await;
    }
}

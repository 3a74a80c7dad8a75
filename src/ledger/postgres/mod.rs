//! The ledger in Postgres.
//!
//! What is written on the door path, and every change, is one call of a function, whose text is in the `postgres.sql` of its subject
//! ([`functions`]); what is read is one statement, or a few in one snapshot. Every connection carries the timeouts of [`crate::limits`], so that neither a lock, nor a
//! statement, nor a client that went quiet can hold the door.

pub mod functions;
mod migrate;

use std::sync::atomic::AtomicU32;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::time::timeout;

use super::{
    error::LedgerError,
    lease::{Connections, Lease, within},
};
use crate::{
    clock::{self, Clock},
    limits,
};

/// The channel on which a change wakes the followers.
const CHANGES: &str = "stagedoor_changes";

/// The ledger in Postgres.
pub struct Postgres {
    options: PgConnectOptions,
    pub(super) clock: Clock,
    calls: Connections<Connector>,
    pub(super) commits: Connections<Connector>,
    pub(super) looks: Connections<Connector>,
    pub(super) logs: Connections<Connector>,
    /// As many batches of scans as are still to be written with care.
    pub(super) wary: AtomicU32,
}

/// Opens connections, and checks a connection before it is lent again.
pub struct Connector(PgConnectOptions);

impl Manager for Connector {
    type Type = PgConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<PgConnection, sqlx::Error> {
        // Boxed, because it is rare: otherwise the future of every request that may read the ledger would contain the one that connects.
        Box::pin(self.0.connect()).await
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        // One that was used just now is taken on trust: a batch that fails on it is tried again on another.
        if metrics.last_used() < limits::COPY_TRUST_TIMEOUT {
            return Ok(());
        }
        connection.ping().await.map_err(RecycleError::Backend)
    }
}

impl Postgres {
    /// Connects, brings the ledger up to date, and refuses one whose commits would not be on disk.
    pub async fn open(url: &str, connections: usize, clock: Clock) -> anyhow::Result<Self> {
        let plain: PgConnectOptions = url.parse()?;
        // A migration may take longer than a statement on the door path, so it runs without their timeouts.
        let mut first = timeout(limits::FIRST_CONNECT_TIMEOUT, plain.connect()).await??;
        let search_path = migrate::run(&mut first).await?;
        let options = plain.application_name("stagedoor").options([
            ("search_path", search_path),
            ("default_transaction_isolation", "read committed".to_owned()),
            ("lock_timeout", limits::LOCK_MILLIS.to_string()),
            ("statement_timeout", limits::STATEMENT_MILLIS.to_string()),
            ("idle_in_transaction_session_timeout", limits::IDLE_IN_TRANSACTION_MILLIS.to_string()),
        ]);
        refuse_to_lose_commits(&mut first).await?;
        read_clock(&mut first, clock).await?;
        first.close().await?;
        let connect = |most| Connections::new(Connector(options.clone()), most);
        // What a batch needs is always found by its keys. A plan that was made while a table was nearly empty would read all of it, and
        // would still do so when it has a million rows: plans are kept, and the next ANALYZE may come after the doors have opened.
        // Disabled plan types get a huge cost, which would trigger JIT, so JIT is off. And a plan for just
        // this batch is the same plan again: to make it takes as long as to carry it out.
        let keys_only = [
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("jit", "off"),
            ("plan_cache_mode", "force_generic_plan"),
        ];
        let by_keys = options.clone().options(keys_only);
        let connect_by_keys = |most| Connections::new(Connector(by_keys.clone()), most);
        let calls = connect(connections)?;
        // One for the start of the gateway, one for the follower of the change log, which begins meanwhile.
        tokio::try_join!(calls.open_first(), calls.open_first())?;
        Ok(Self {
            calls,
            commits: connect_by_keys(limits::COMMIT_CONNECTIONS_MAX)?,
            looks: connect_by_keys(limits::LOOK_CONNECTIONS_MAX)?,
            logs: connect(limits::REFUSED_CONNECTIONS_MAX)?,
            options,
            clock,
            wary: AtomicU32::new(0),
        })
    }

    /// Sets the clock of this gateway by the ledger's.
    pub async fn read_clock(&self) -> Result<(), LedgerError> {
        let mut lease = self.lease().await?;
        within(lease.left(limits::LEDGER_CALL_TIMEOUT), read_clock(&mut lease, self.clock)).await?;
        lease.finish();
        Ok(())
    }

    pub(super) async fn lease(&self) -> Result<Lease<Connector>, LedgerError> {
        self.calls.lease().await
    }

    /// A connection that receives changes as they are committed.
    pub async fn listen(&self) -> Result<PgListener, LedgerError> {
        within(limits::LEDGER_CALL_TIMEOUT, async {
            let own =
                PgPoolOptions::new().max_connections(1).acquire_timeout(limits::CONNECT_TIMEOUT).connect_lazy_with(self.options.clone());
            let mut listener = PgListener::connect_with(&own).await?;
            // A broken connection is an error here and is not reopened silently: the follower then knows that it may have missed a change.
            listener.eager_reconnect(false);
            listener.listen(CHANGES).await?;
            Ok(listener)
        })
        .await
    }
}

async fn read_clock(connection: &mut PgConnection, clock: Clock) -> Result<(), sqlx::Error> {
    let asked = clock::mark();
    let time = sqlx::query_scalar("select clock_timestamp()").fetch_one(connection).await?;
    clock.set(asked, time);
    Ok(())
}

/// Green is durable (law 4): a ledger that answers before its commits are on disk is no ledger.
async fn refuse_to_lose_commits(connection: &mut PgConnection) -> anyhow::Result<()> {
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let value: String = sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(&mut *connection).await?;
        anyhow::ensure!(value != "off", "Postgres runs with {setting} = off: a ticket could be admitted twice after a crash. Switch it on");
    }
    connection.execute("select 1").await?;
    Ok(())
}

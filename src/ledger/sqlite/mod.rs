//! The ledger in SQLite: the embedded default.
//!
//! One process owns the file (a lock file beside it says so) and one connection writes to it, so a transaction on that connection is
//! the lock that the Postgres ledger takes by name. Readers have connections of their own and see the last commit.

mod checkpoint;
mod writer;

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::SecondsFormat;
use deadpool::managed::{Manager, Metrics, RecycleResult};
use sqlx::{
    ConnectOptions, SqliteConnection,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio_util::task::AbortOnDropHandle;

use self::writer::Writer;
use super::{
    entry::{DecidedOn, Outcome},
    error::LedgerError,
    group_commit::Batched,
    lease::{Connections, Lease},
};
use crate::{clock::Moment, ids::OrganisationId, limits, private_file};

/// Begins a transaction that holds the ledger alone.
macro_rules! begin {
    ($writer:expr) => {
        sqlx::Connection::begin_with(&mut *$writer, "begin immediate").await
    };
}
pub(super) use begin;

/// The ledger in SQLite.
pub struct Sqlite {
    pub(super) writer: Arc<Writer>,
    readers: Connections<Open>,
    /// Keeps the log beside the file short.
    _folding: AbortOnDropHandle<()>,
    /// Held as long as this process owns the file.
    _owned: Arc<File>,
}

/// Another process has the file open.
#[derive(Debug, thiserror::Error)]
#[error("{} is in use by another stagedoor process; use Postgres for several gateways", .0.display())]
pub struct InUse(PathBuf);

/// How a reading connection is opened.
pub struct Open(SqliteConnectOptions);

impl Manager for Open {
    type Type = SqliteConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<SqliteConnection, sqlx::Error> {
        self.0.connect().await
    }

    async fn recycle(&self, _: &mut SqliteConnection, _: &Metrics) -> RecycleResult<sqlx::Error> {
        Ok(())
    }
}

/// Every step from an empty database to this ledger.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

impl Sqlite {
    /// Opens the file, or makes it, and brings it up to date. A file that another process has open is refused.
    pub async fn open(path: &Path, readers: usize) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            private_file::folder(folder)?;
        }
        let owned = own(path)?;
        // The signing keys are in it; what SQLite puts beside the file has the file's permissions.
        private_file::file(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("recursive_triggers", "on")
            // A write folds the log into the file only if the checkpoint task has not done so for far too long.
            .pragma("wal_autocheckpoint", limits::CHECKPOINT_PAGES_MAX.to_string())
            .pragma("cache_size", format!("-{}", limits::CACHE_KIBIBYTES))
            // A whole batch is handed over at once, and not row by row with a change of threads at each.
            .row_buffer_size(limits::BATCH_MAX);
        let mut first = options.connect().await?;
        MIGRATIONS.run(&mut first).await?;
        let options = options.create_if_missing(false);
        let others = options.clone().pragma("cache_size", format!("-{}", limits::READER_CACHE_KIBIBYTES));
        let beside = others.connect().await?;
        let writer = Arc::new(Writer::new(options, first));
        let folding = AbortOnDropHandle::new(tokio::spawn(checkpoint::keep_short(Arc::clone(&writer), beside)));
        let readers = Connections::new(Open(others.pragma("query_only", "on")), readers)?;
        Ok(Self { writer, readers, _folding: folding, _owned: Arc::new(owned) })
    }

    /// A connection to read with.
    pub(super) async fn lease(&self) -> Result<Lease<Open>, LedgerError> {
        self.readers.lease().await
    }

    /// Closes the ledger in order: folds the write-ahead log into the file.
    pub async fn close(&self) {
        let fold =
            async { Ok::<_, LedgerError>(sqlx::query("pragma wal_checkpoint(truncate)").execute(&mut *self.writer.lock().await?).await?) };
        if let Err(error) = fold.await {
            tracing::warn!(error = %error, "the log beside the ledger stays; the next start reads it");
        }
    }
}

/// Takes the file for this process alone; the lock falls with the process, however it ends.
fn own(path: &Path) -> anyhow::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = private_file::file(Path::new(&name))?;
    file.try_lock().map_err(|_| InUse(path.to_owned()))?;
    Ok(file)
}

/// A time as every time is written in this ledger.
pub(super) fn in_the_ledger(at: Moment) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

/// Whether every version that a decision was made on is still the newest.
async fn is_current(db: &mut SqliteConnection, decided_on: &DecidedOn) -> Result<bool, sqlx::Error> {
    let device = decided_on.device.unzip();
    sqlx::query_scalar(
        "select exists (select 1 from sessions where id = $1 and version = $2)
            and exists (select 1 from memberships where id = $3 and version = $4)
            and ($5 is null or exists (select 1 from devices where id = $5 and version = $6))
            and exists (select 1 from events where id = $7 and version = $8)",
    )
    .bind(decided_on.session.0)
    .bind(decided_on.session.1)
    .bind(decided_on.membership.0)
    .bind(decided_on.membership.1)
    .bind(device.0)
    .bind(device.1)
    .bind(decided_on.event.0)
    .bind(decided_on.event.1)
    .fetch_one(db)
    .await
}

/// An entry of which a batch is written one after the other, so that each counts from what those before it have written.
pub(super) trait InOrder: Batched + Sized {
    fn basis(&self) -> &DecidedOn;

    /// Writes it, once what it was decided on is known to be current.
    fn insert(
        &self,
        db: &mut SqliteConnection,
        organisation: OrganisationId,
        at: Moment,
    ) -> impl Future<Output = Result<Self::Outcome, sqlx::Error>> + Send;
}

impl Sqlite {
    /// Writes a batch of one organisation in one transaction; one outcome per entry, in their order. Each basis is looked up once.
    pub(super) async fn commit_in_order<E, R, N>(
        &self,
        organisation: OrganisationId,
        at: Moment,
        batch: &[E],
    ) -> Result<Vec<Outcome<R, N>>, LedgerError>
    where
        E: InOrder + Batched<Outcome = Outcome<R, N>>,
    {
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        let mut current: HashMap<DecidedOn, bool> = HashMap::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for entry in batch {
            let basis = entry.basis();
            let known = current.get(basis).copied();
            let is_current = match known {
                Some(is_current) => is_current,
                None => is_current(&mut tx, basis).await?,
            };
            current.insert(*basis, is_current);
            outcomes.push(if is_current { entry.insert(&mut tx, organisation, at).await? } else { Outcome::Moved });
        }
        tx.commit().await?;
        Ok(outcomes)
    }
}

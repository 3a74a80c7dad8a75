//! The one connection that writes.

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};

use crate::{
    ledger::{error::LedgerError, lease::within},
    limits,
};

/// The one connection that writes, lent to one after the other.
pub(in crate::ledger) struct Writer {
    options: SqliteConnectOptions,
    connection: Mutex<SqliteConnection>,
}

impl Writer {
    /// By this connection, which was opened so.
    pub fn new(options: SqliteConnectOptions, connection: SqliteConnection) -> Self {
        Self { options, connection: Mutex::new(connection) }
    }

    /// Waits until the connection is free, but no longer than the longest call on the ledger may take: behind a disk that no longer answers,
    /// no call waits for ever. No transaction is open on it.
    ///
    /// A transaction that failed is rolled back when it is dropped, and that may still be under way. On a full disk, or one that fails,
    /// SQLite has rolled it back by itself: the connection's own count says for ever that one is open, and begins none any more.
    pub async fn lock(&self) -> Result<MutexGuard<'_, SqliteConnection>, LedgerError> {
        let mut connection = timeout(limits::LEDGER_BULK_TIMEOUT, self.connection.lock()).await.map_err(|_| LedgerError::Unavailable)?;
        if connection.is_in_transaction() {
            // Whatever is under way is done before this is answered.
            if within(limits::CONNECT_TIMEOUT, connection.ping()).await.is_err() || connection.is_in_transaction() {
                *connection = within(limits::CONNECT_TIMEOUT, self.options.connect()).await?;
            }
        }
        Ok(connection)
    }
}

//! The ledger itself, read past the gateway: what was written counts, not what was answered.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use uuid::Uuid;

/// A way into the data base of one test.
pub enum RawLedger {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl RawLedger {
    pub async fn postgres(url: &str) -> Self {
        Self::Postgres(PgPoolOptions::new().max_connections(2).connect(url).await.unwrap())
    }

    /// The ledger that an embedded gateway keeps in its data directory.
    pub async fn sqlite(data: &Path) -> Self {
        Self::in_file(&sqlite_file(data)).await
    }

    /// The ledger in this file.
    pub async fn in_file(file: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(30));
        Self::Sqlite(SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap())
    }

    /// The number that a query answers; its parameters are ids, written `$1`, `$2`.
    pub async fn count(&self, query: &str, ids: &[&str]) -> i64 {
        let ids = ids.iter().map(|id| Uuid::from_str(id).unwrap());
        let query = AssertSqlSafe(query.to_owned());
        match self {
            Self::Postgres(pool) => ids.fold(sqlx::query_scalar(query), |query, id| query.bind(id)).fetch_one(pool).await.unwrap(),
            Self::Sqlite(pool) => ids.fold(sqlx::query_scalar(query), |query, id| query.bind(id)).fetch_one(pool).await.unwrap(),
        }
    }

    /// Ids and a number each, as a query answers them.
    pub async fn numbers(&self, query: &str) -> HashMap<Uuid, i64> {
        let query = AssertSqlSafe(query.to_owned());
        let rows: Vec<(Uuid, i64)> = match self {
            Self::Postgres(pool) => sqlx::query_as(query).fetch_all(pool).await.unwrap(),
            Self::Sqlite(pool) => sqlx::query_as(query).fetch_all(pool).await.unwrap(),
        };
        rows.into_iter().collect()
    }

    /// The text that a query answers.
    pub async fn text(&self, query: &str) -> String {
        let query = AssertSqlSafe(query.to_owned());
        match self {
            Self::Postgres(pool) => sqlx::query_scalar(query).fetch_one(pool).await.unwrap(),
            Self::Sqlite(pool) => sqlx::query_scalar(query).fetch_one(pool).await.unwrap(),
        }
    }

    /// Movements of an event.
    pub async fn admissions(&self, event: &str) -> i64 {
        self.count("select count(*) from admissions where event_id = $1", &[event]).await
    }

    /// Sales of an event.
    pub async fn sales(&self, event: &str) -> i64 {
        self.count("select count(*) from sales where event_id = $1", &[event]).await
    }

    /// Runs a statement that the ledger may refuse.
    pub async fn execute(&self, statement: &str) -> Result<(), sqlx::Error> {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Postgres(pool) => sqlx::query(statement).execute(pool).await.map(drop),
            Self::Sqlite(pool) => sqlx::query(statement).execute(pool).await.map(drop),
        }
    }

    /// Runs a statement in a transaction that stays open, with its locks, until what this answers is dropped.
    pub async fn hold(&self, statement: &str) -> Held {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Postgres(pool) => {
                let mut transaction = pool.begin().await.unwrap();
                sqlx::query(statement).execute(&mut *transaction).await.unwrap();
                Held::Postgres { _transaction: transaction }
            }
            Self::Sqlite(pool) => {
                let mut transaction = pool.begin_with("begin immediate").await.unwrap();
                sqlx::query(statement).execute(&mut *transaction).await.unwrap();
                Held::Sqlite { _transaction: transaction }
            }
        }
    }

    pub async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(pool) => pool.close().await,
        }
    }
}

/// A transaction that is open, and rolled back when it is dropped.
pub enum Held {
    Postgres { _transaction: sqlx::Transaction<'static, sqlx::Postgres> },
    Sqlite { _transaction: sqlx::Transaction<'static, sqlx::Sqlite> },
}

/// Where an embedded gateway keeps its ledger in this data directory.
///
/// The file is found by what SQLite writes first into it: its name is the gateway's own affair.
pub fn sqlite_file(data: &Path) -> PathBuf {
    let files = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut ledgers = files.filter(|file| std::fs::read(file).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0")));
    ledgers.next().unwrap_or_else(|| panic!("no SQLite file in {}", data.display()))
}

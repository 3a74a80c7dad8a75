//! Filling a ledger straight through its database, for sizes that would take an hour over the API.
//!
//! Rows are copies of one that the gateway made, with another id and what else has to differ. So nothing here knows the columns of a
//! table, and a later migration breaks nothing.

use std::str::FromStr;

use anyhow::{Context, ensure};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use uuid::Uuid;

use super::load::DIGITS;

/// A ledger, past the gateway.
pub enum RawLedger {
    /// In Postgres.
    Postgres(PgPool),
    /// In a file.
    Sqlite(SqlitePool),
}

/// Rows that are made in one statement.
const AT_ONCE: u64 = 250_000;

impl RawLedger {
    /// Opens it. One in a file must not be open in a gateway.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        if url.starts_with("postgres") {
            return Ok(Self::Postgres(PgPoolOptions::new().max_connections(1).connect(url).await?));
        }
        let options = SqliteConnectOptions::from_str(url)?;
        Ok(Self::Sqlite(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?))
    }

    /// Makes an empty database.
    pub async fn make_database(server: &str, name: &str) -> anyhow::Result<()> {
        let server = Self::open(server).await?;
        server.execute(&format!("create database {name}")).await?;
        server.close().await;
        Ok(())
    }

    /// Runs a statement.
    pub async fn execute(&self, statement: &str) -> anyhow::Result<()> {
        let sql = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(drop),
            Self::Sqlite(pool) => sqlx::query(sql).execute(pool).await.map(drop),
        }
        .with_context(|| statement.chars().take(300).collect::<String>())
    }

    /// A text that a query answers.
    pub async fn text(&self, query: &str) -> anyhow::Result<String> {
        let query = AssertSqlSafe(query.to_owned());
        Ok(match self {
            Self::Postgres(pool) => sqlx::query_scalar(query).fetch_one(pool).await?,
            Self::Sqlite(pool) => sqlx::query_scalar(query).fetch_one(pool).await?,
        })
    }

    /// Closes it.
    pub async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(pool) => pool.close().await,
        }
    }

    /// The id as this database writes it in a statement.
    pub fn id(&self, id: Uuid) -> String {
        match self {
            Self::Postgres(_) => format!("'{id}'::uuid"),
            Self::Sqlite(_) => format!("x'{}'", id.simple()),
        }
    }

    /// The id of the `n`th row of its kind: in the order in which rows are made, as a version 7 UUID is.
    pub fn nth_id(&self, kind: u8) -> String {
        match self {
            Self::Postgres(_) => format!("('019a{kind:04x}-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"),
            Self::Sqlite(_) => format!("unhex('019a{kind:04x}000070008000' || printf('%012x', n))"),
        }
    }

    /// The code of the `n`th ticket.
    pub fn nth_code(&self, prefix: &str) -> String {
        match self {
            Self::Postgres(_) => format!("'{prefix}' || lpad(n::text, {DIGITS}, '0')"),
            Self::Sqlite(_) => format!("'{prefix}' || printf('%0{DIGITS}d', n)"),
        }
    }

    /// Copies one row of a table so many times, `n` from `from`; what differs is given as expressions of `n`.
    pub async fn multiply(
        &self,
        table: &str,
        template: &str,
        numbers: std::ops::Range<u64>,
        differs: &[(&str, String)],
    ) -> anyhow::Result<()> {
        let columns = self.columns(table).await?;
        ensure!(differs.iter().all(|(name, _)| columns.iter().any(|column| column == name)), "{table} has other columns");
        let value = |column: &String| {
            let other = differs.iter().find(|(name, _)| name == column).map(|(_, expression)| expression.clone());
            other.unwrap_or_else(|| format!("t.{column}"))
        };
        let values: Vec<String> = columns.iter().map(value).collect();
        let mut at = numbers.start;
        while at < numbers.end {
            let end = (at + AT_ONCE).min(numbers.end);
            let series = match self {
                Self::Postgres(_) => format!("generate_series({at}::bigint, {}::bigint) as s(n)", end - 1),
                Self::Sqlite(_) => format!(
                    "(with recursive s(n) as (select {at} union all select n + 1 from s where n < {}) select n from s) as s",
                    end - 1
                ),
            };
            let (columns, values) = (columns.join(", "), values.join(", "));
            self.execute(&format!("insert into {table} ({columns}) select {values} from {table} t, {series} where {template}")).await?;
            at = end;
        }
        Ok(())
    }

    /// All columns that are written.
    async fn columns(&self, table: &str) -> anyhow::Result<Vec<String>> {
        let query = match self {
            Self::Postgres(_) => format!(
                "select string_agg(column_name::text, ',' order by ordinal_position) from information_schema.columns \
                 where table_schema = current_schema() and table_name = '{table}' and is_generated = 'NEVER'"
            ),
            Self::Sqlite(_) => format!("select group_concat(name) from pragma_table_info('{table}')"),
        };
        Ok(self.text(&query).await?.split(',').map(str::to_owned).collect())
    }

    /// Sets the number of tickets for Postgres' planner, as its own housekeeping would within a minute. Only of what was filled: if it knew that
    /// are no admissions yet, Postgres plans for none, and goes on so until it looks again.
    pub async fn analyse(&self) -> anyhow::Result<()> {
        match self {
            Self::Postgres(_) => {
                self.execute("vacuum analyze tickets").await?;
                self.execute("checkpoint").await
            }
            Self::Sqlite(_) => self.execute("pragma wal_checkpoint(truncate)").await,
        }
    }
}

//! Brings a database to the tables and functions of this release.

use anyhow::{Context, ensure};
use sqlx::{
    Connection, Executor, PgConnection,
    migrate::{Migrate, Migrator},
};

use super::functions;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// The first migration: it makes all tables at once.
const TABLES: i64 = 18;

/// The migrations that [`TABLES`] replaces. A ledger that they made has all of them.
const REPLACED: [i64; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16, 17];

/// Migrates the tables and installs the functions, while other gateways that start wait. Returns the search path for every connection.
pub async fn run(connection: &mut PgConnection) -> anyhow::Result<String> {
    connection.lock().await?;
    take_over(connection).await?;
    MIGRATIONS.run(&mut *connection).await?;
    let path = functions::install(connection, functions::TEXT).await.context(
        "The gateway keeps its SQL functions in a schema of its own. Its role needs the right to make one: GRANT CREATE ON DATABASE … TO …",
    )?;
    connection.unlock().await?;
    Ok(path)
}

/// Takes over a ledger that the replaced migrations made: its tables are those of the first migration, which is marked as applied. Its
/// functions stay for the gateways that still run on them.
async fn take_over(connection: &mut PgConnection) -> anyhow::Result<()> {
    let mut transaction = connection.begin().await?;
    let has_migrations: bool =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *transaction).await?;
    if !has_migrations {
        return Ok(());
    }
    let applied: Vec<i64> = sqlx::query_scalar("select version from _sqlx_migrations where version < $1 and success order by version")
        .bind(TABLES)
        .fetch_all(&mut *transaction)
        .await?;
    if applied.is_empty() {
        return Ok(());
    }
    ensure!(
        applied == REPLACED,
        "This ledger was last opened by a version that is too old: it has migrations {applied:?}. Open it once with the release before, which brings it to migration 17"
    );
    transaction
        .execute(
            "delete from _sqlx_migrations;
             alter function book_is_append_only() rename to ledger_is_append_only;
             create or replace function ledger_is_append_only() returns trigger language plpgsql as $$
             begin
                 raise exception 'the ledger is append-only: % on % is refused', tg_op, tg_table_name using errcode = 'restrict_violation';
             end $$;
             create table function_sets (schema_name text primary key, started_at timestamptz not null);",
        )
        .await?;
    sqlx::query("insert into function_sets values ($1, clock_timestamp())")
        .bind(functions::BESIDE_THE_TABLES)
        .execute(&mut *transaction)
        .await?;
    MIGRATIONS.skip(&mut *transaction, Some(TABLES)).await?;
    transaction.commit().await?;
    Ok(())
}

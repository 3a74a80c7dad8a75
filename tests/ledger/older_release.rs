//! A ledger that was written by an older version is brought up to date, and what is in it stays as it was written.

use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use stagedoor::config::Config;
use stagedoor::ledger::Ledger;
use tempfile::TempDir;

use crate::support;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// The movements move into another table, for SQLite takes no NOT NULL back; Postgres alters the one that is there.
#[tokio::test]
async fn movements_from_before_they_could_be_taken_back_stay() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("book.db");
    let mut older = SqliteConnectOptions::new().filename(&file).create_if_missing(true).connect().await.unwrap();
    let first = MIGRATIONS.iter().filter(|migration| migration.version < 4).cloned().collect();
    Migrator::with_migrations(first).run(&mut older).await.unwrap();
    for seq in 1..=3 {
        let movement = format!(
            "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate, scanned_at, recorded_at, fingerprint)
             values (x'01', x'0{seq}', x'02', x'03', {seq}, 'in', {seq}, {seq}, x'04', x'05', 'North', null, '2026-06-01T18:00:00+00:00', 'f{seq}')"
        );
        sqlx::query(sqlx::AssertSqlSafe(movement)).execute(&mut older).await.unwrap();
    }
    older.close().await.unwrap();

    let url = format!("sqlite://{}", file.display());
    let config = Config::load([("STAGEDOOR_DATABASE_URL".to_owned(), url)]).unwrap();
    let ledger = Ledger::open(&config.database, config.database_connections).await.unwrap();
    let rows = support::RawLedger::sqlite(folder.path()).await;
    let as_written = "select count(*) from admissions where id = unhex('0' || seq) and used = seq and inside = seq and session_id = x'04'
        and device_id = x'05' and gate = 'North' and scanned_at is null and recorded_at = '2026-06-01T18:00:00+00:00'
        and fingerprint = 'f' || seq and undoes is null";
    assert_eq!(rows.count(as_written, &[]).await, 3);
    for statement in
        ["update admissions set used = 0", "delete from admissions", "insert or replace into admissions select * from admissions"]
    {
        assert!(rows.execute(statement).await.is_err(), "the ledger let through: {statement}");
    }
    assert_eq!(rows.count(as_written, &[]).await, 3);
    ledger.close().await;
}

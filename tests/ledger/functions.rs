//! The SQL functions are kept per version: no release replaces a function that another release still calls.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use stagedoor::ledger::entry::Outcome;
use stagedoor::ledger::functions;

use super::Stage;
use super::ledgers::{Ledgers, scan};

/// The functions of a release that is to come: `release` differs.
fn text_of(release: u32) -> String {
    format!("{}\ncreate function release() returns integer language sql as 'select {release}';", functions::TEXT)
}

/// Installs functions of this text as a gateway does that starts, and returns their schema.
async fn install(connection: &mut PgConnection, text: &str) -> String {
    let path = functions::install(connection, text).await.unwrap();
    path.split(',').next().unwrap().to_owned()
}

async fn number(connection: &mut PgConnection, query: String) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_of_two_releases_are_called_side_by_side() {
    let ledgers = Ledgers::on_postgres().await;
    let stage = Stage::open(&ledgers).await;
    let ticket = stage.ticket(&ledgers, "A-1", 9).await;
    let (mut old, mut new) = (ledgers.connection().await, ledgers.connection().await);
    let this = install(&mut old, functions::TEXT).await;

    let mut call = old.begin().await.unwrap();
    sqlx::query(AssertSqlSafe(format!("set local search_path to {this}, public"))).execute(&mut *call).await.unwrap();
    assert_eq!(number(&mut call, "select log_change(gen_random_uuid(), now(), '[]')".to_owned()).await, 0);
    // A gateway of the next release starts while this call is in its transaction.
    let next = install(&mut new, &text_of(1)).await;
    assert_ne!(this, next);
    assert_eq!(number(&mut call, format!("select {this}.organisation_lock(gen_random_uuid()) * 0")).await, 0);
    assert_eq!(number(&mut new, format!("select {next}.release()::bigint")).await, 1);
    call.commit().await.unwrap();
    // The gateways of this release go on.
    for turn in 0..2 {
        assert!(matches!(scan(ledgers.turn(turn), &stage, &stage.entry(&ticket)).await, Outcome::Recorded(_)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_are_dropped_a_release_later() {
    let ledgers = Ledgers::on_postgres().await;
    let mut connection = ledgers.connection().await;
    let first = install(&mut connection, &text_of(1)).await;
    let second = install(&mut connection, &text_of(2)).await;
    assert_eq!(schemas(&ledgers).await, 2);
    // After a rollback the first release is in use again, and the second one is the one before.
    assert_eq!(install(&mut connection, &text_of(1)).await, first);
    install(&mut connection, &text_of(3)).await;
    assert_eq!(schemas(&ledgers).await, 2);
    assert_eq!(number(&mut connection, format!("select {first}.release()::bigint")).await, 1);
    assert_eq!(number(&mut connection, format!("select count(*) from pg_namespace where nspname = '{second}'")).await, 0);
}

async fn schemas(ledgers: &Ledgers) -> i64 {
    ledgers
        .total("select count(*) from pg_namespace n join function_sets s on s.schema_name = n.nspname where nspname like 'functions%'")
        .await
}

//! The SQL functions that write the ledger, as a set: a schema whose name is made from their text.
//!
//! During a rolling restart gateways of two releases write one ledger. Each calls the functions of its own release, because each has the
//! schema of its own set first in its search path. A set whose text changes gets another name, so no function is ever replaced while
//! another gateway calls it. The two sets that gateways started on last are kept; older ones are dropped.

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The functions of this release, subject by subject.
pub const TEXT: &str = concat!(
    include_str!("guards.sql"),
    include_str!("../change/postgres.sql"),
    include_str!("../check_in/postgres.sql"),
    include_str!("../guestlist/postgres.sql"),
    include_str!("../hold/postgres.sql"),
    include_str!("../sale/postgres.sql"),
    include_str!("../scan/postgres.sql"),
    include_str!("../session/postgres.sql"),
    include_str!("../signing_key/postgres.sql"),
    include_str!("../ticket/postgres.sql"),
    include_str!("../void/postgres.sql"),
);

/// The name under which the functions of migrations 1 to 17 are listed. They are not in a schema of their own but beside the tables.
pub const BESIDE_THE_TABLES: &str = "migrations 1 to 17";

/// The functions of migrations 1 to 17, without those of triggers, which are part of the tables.
const NAMES_BESIDE_THE_TABLES: [&str; 26] = [
    "add_tickets",
    "carry_over",
    "commit_check_in",
    "commit_holds",
    "commit_plain_scans",
    "commit_sales",
    "commit_scans",
    "commit_void",
    "end_hold",
    "end_sessions",
    "first_short",
    "grounds_that_stand",
    "held_of_type",
    "lock_stock",
    "log_change",
    "organisation_lock",
    "raise_moved",
    "release_hold",
    "rotate_keys",
    "stock_holds",
    "store_change",
    "store_guest_lists",
    "store_tickets",
    "upload_rows",
    "versions_stand",
    "write_sales",
];

/// Creates the set of functions with this text if the database does not have it, and drops the sets that no release uses any more. Returns
/// the search path on which the functions and the tables are found. The caller holds the lock of the migrations.
pub async fn install(connection: &mut PgConnection, text: &str) -> anyhow::Result<String> {
    let tables_path: String = sqlx::query_scalar("select current_setting('search_path')").fetch_one(&mut *connection).await?;
    let schema = schema_name(text);
    let path = format!("{schema}, {tables_path}");
    let mut transaction = connection.begin().await?;
    let known: bool = sqlx::query_scalar("select exists (select from function_sets where schema_name = $1)")
        .bind(&schema)
        .fetch_one(&mut *transaction)
        .await?;
    if !known {
        // Bodies are not checked here, because a function may come before another one that it calls.
        let create = format!("create schema {schema}; set local search_path to {path}; set local check_function_bodies to off; {text}");
        transaction.execute(AssertSqlSafe(create)).await?;
        // Otherwise the functions beside the tables could not be dropped by name: the new ones of the same name would be found first.
        transaction.execute(AssertSqlSafe(format!("set local search_path to {tables_path}"))).await?;
    }
    let start =
        "insert into function_sets values ($1, clock_timestamp()) on conflict (schema_name) do update set started_at = excluded.started_at";
    sqlx::query(start).bind(&schema).execute(&mut *transaction).await?;
    let delete = "delete from function_sets where schema_name in (select schema_name from function_sets order by started_at desc offset 2) returning schema_name";
    let unused: Vec<String> = sqlx::query_scalar(delete).fetch_all(&mut *transaction).await?;
    for set in unused {
        let drop = if set == BESIDE_THE_TABLES {
            format!("drop function if exists {}", NAMES_BESIDE_THE_TABLES.join(", "))
        } else {
            format!("drop schema if exists {set} cascade")
        };
        transaction.execute(AssertSqlSafe(drop)).await?;
    }
    transaction.commit().await?;
    Ok(path)
}

/// The name of the schema for functions of this text.
fn schema_name(text: &str) -> String {
    let hash = Sha256::digest(text);
    let digits: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("functions_{digits}")
}

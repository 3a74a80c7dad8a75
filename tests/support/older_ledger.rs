//! The ledger in `tests/data/older_ledger`, as a gateway of an older version wrote it (migrations 1 to 17).
//!
//! One evening of a small hall: six tickets of a type with a quota of 100 and re-entry, some of them scanned, one admission taken back, three sales (one
//! of them voided), one open hold, and a guest list. The dumps were made with `pg_dump --inserts` and with `.dump` of `sqlite3`.

use std::path::Path;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::database::Database;
use super::deployment::Organisation;
use super::{Member, Setup};

const POSTGRES: &str = include_str!("../data/older_ledger/postgres.sql");
const SQLITE: &str = include_str!("../data/older_ledger/sqlite.sql");

/// Writes the older ledger to the database, or to the file that an embedded gateway opens in this data directory.
pub async fn restore(database: Option<&Database>, data: &Path) {
    match database {
        Some(database) => {
            let mut connection = PgConnection::connect(&database.url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(POSTGRES)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        None => {
            let file = SqliteConnectOptions::new().filename(data.join("stagedoor.db")).create_if_missing(true);
            let mut connection = file.connect().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(SQLITE)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

/// The organisation of the older ledger.
pub fn organisation(setup: Setup) -> Organisation {
    let id = match setup {
        Setup::Embedded => "01a231d9-f981-73e4-a021-45e5fe6afda5",
        Setup::Shared => "01a231d9-e94b-76c1-b3dd-faa40e789350",
    };
    let owner = older_member("owner");
    Organisation { id: id.to_owned(), slug: owner.slug.clone(), owner }
}

/// A member of the older ledger: `owner`, `scanner` or `seller`. Its id is not known.
pub fn older_member(username: &str) -> Member {
    Member {
        id: String::new(),
        username: username.to_owned(),
        password: "correct horse battery staple".to_owned(),
        slug: "old-hall".to_owned(),
    }
}

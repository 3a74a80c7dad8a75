//! The two ledgers: each test has a fresh one, two handles on it, and a way to count its rows past both.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use stagedoor::clock;
use stagedoor::config::Config;
use stagedoor::ledger::Ledger;
use stagedoor::ledger::change::Change;
use stagedoor::ledger::look::{Look, Seen};
use tempfile::TempDir;
use uuid::Uuid;

use super::Stage;
use super::entries::{HoldDraft, HoldOutcome, SaleDraft, SaleOutcome, ScanDraft, ScanOutcome};
use crate::support::{self, PATIENCE, new_id};

/// One ledger, as two gateways hold it.
pub struct Ledgers {
    pub a: Ledger,
    pub b: Ledger,
    rows: support::RawLedger,
    pub is_postgres: bool,
    _home: Home,
}

/// What is thrown away after the test.
enum Home {
    Folder { _folder: TempDir },
    Database { _database: OwnDatabase },
}

impl Ledgers {
    pub async fn on_sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let a = open("STAGEDOOR_DATA_DIR", folder.path().to_str().unwrap()).await;
        let rows = support::RawLedger::sqlite(folder.path()).await;
        Self { b: a.clone(), a, rows, is_postgres: false, _home: Home::Folder { _folder: folder } }
    }

    pub async fn on_postgres() -> Self {
        let database = OwnDatabase::create().await;
        let url = database.url();
        let a = open("STAGEDOOR_DATABASE_URL", &url).await;
        let b = open("STAGEDOOR_DATABASE_URL", &url).await;
        Self { a, b, rows: support::RawLedger::postgres(&url).await, is_postgres: true, _home: Home::Database { _database: database } }
    }

    /// The handle of this turn: one gateway, then the other.
    pub fn turn(&self, turn: usize) -> &Ledger {
        if turn.is_multiple_of(2) { &self.a } else { &self.b }
    }

    /// The number that a query about this thing answers; its id is `$1`.
    pub async fn number(&self, query: &str, id: impl Into<Uuid>) -> i64 {
        self.rows.count(query, &[&id.into().to_string()]).await
    }

    /// How many rows a table has.
    pub async fn rows(&self, table: &str) -> i64 {
        self.rows.count(&format!("select count(*) from {table}"), &[]).await
    }

    /// The number that a query answers.
    pub async fn total(&self, query: &str) -> i64 {
        self.rows.count(query, &[]).await
    }

    /// Keeps a statement's locks until what this answers is dropped.
    pub async fn hold(&self, statement: &str) -> support::Held {
        self.rows.hold(statement).await
    }

    /// Another connection to the Postgres of this ledger.
    pub async fn connection(&self) -> PgConnection {
        match &self._home {
            Home::Database { _database: database } => PgConnection::connect(&database.url()).await.unwrap(),
            Home::Folder { .. } => panic!("this ledger is a file"),
        }
    }

    /// Runs a statement past both gateways.
    pub async fn execute(&self, statement: &str) -> Result<(), sqlx::Error> {
        self.rows.execute(statement).await
    }

    /// Stores a change that must be stored.
    pub async fn stored(&self, change: &Change) {
        self.a.store(change).await.unwrap();
    }
}

/// Writes a movement and waits for it.
pub async fn scan(ledger: &Ledger, stage: &Stage, entry: &ScanDraft) -> ScanOutcome {
    ledger.commit_scan(entry.entry(stage), clock::deadline(PATIENCE)).await.unwrap()
}

/// Writes a sale and waits for it.
pub async fn sell(ledger: &Ledger, stage: &Stage, entry: &SaleDraft) -> SaleOutcome {
    ledger.commit_sale(entry.entry(stage), clock::deadline(PATIENCE)).await.unwrap()
}

/// Keeps stock and waits for it.
pub async fn hold(ledger: &Ledger, stage: &Stage, entry: &HoldDraft) -> HoldOutcome {
    ledger.commit_hold(entry.entry(stage), clock::deadline(PATIENCE)).await.unwrap()
}

/// Looks afresh.
pub async fn look(ledger: &Ledger, look: Look) -> Seen {
    *ledger.look(look, clock::deadline(PATIENCE)).await.unwrap()
}

/// As a gateway opens it that has this one setting.
async fn open(setting: &str, value: &str) -> Ledger {
    let config = Config::load([(setting.to_owned(), value.to_owned())]).unwrap();
    Ledger::open(&config.database, config.database_connections).await.unwrap()
}

/// An empty data base on the Postgres that `tests/run` has started, dropped with the test.
struct OwnDatabase {
    name: String,
}

impl OwnDatabase {
    async fn create() -> Self {
        let name = format!("ledger_{}", new_id().replace('-', ""));
        on_common_postgres(&format!("create database {name}")).await;
        Self { name }
    }

    fn url(&self) -> String {
        let common = common_postgres();
        let (server, _) = common.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }
}

impl Drop for OwnDatabase {
    /// On a thread of its own: a drop cannot wait, and it runs inside a runtime.
    fn drop(&mut self) {
        let statement = format!("drop database {} with (force)", self.name);
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(on_common_postgres(&statement));
        });
        let _ = dropping.join();
    }
}

fn common_postgres() -> String {
    std::env::var("STAGEDOOR_TEST_POSTGRES").expect("start the tests with tests/run")
}

async fn on_common_postgres(statement: &str) {
    let mut connection = PgConnection::connect(&common_postgres()).await.unwrap();
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

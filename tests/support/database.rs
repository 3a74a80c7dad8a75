//! A data base per test, on the Postgres that `tests/run` has started.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::new_id;

/// A data base on the common Postgres, dropped with the house.
pub struct Database {
    name: String,
    pub url: String,
}

impl Database {
    /// Makes an empty one.
    pub async fn create() -> Self {
        let name = format!("house_{}", new_id().replace('-', ""));
        on_common_postgres(&format!("create database {name}")).await;
        let (server, _) = common_postgres().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        Self { url: format!("{server}/{name}"), name }
    }

    /// Cuts every connection to this data base and lets nobody in: for its gateways, Postgres is gone.
    pub async fn shut_out(&self) {
        on_common_postgres(&format!("alter database {} with allow_connections false", self.name)).await;
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname";
        on_common_postgres(&format!("{cut} = '{}'", self.name)).await;
    }

    /// Postgres is back.
    pub async fn let_in(&self) {
        on_common_postgres(&format!("alter database {} with allow_connections true", self.name)).await;
    }
}

impl Drop for Database {
    /// On a thread of its own: a drop cannot wait, and whoever drops it stands inside a runtime already.
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

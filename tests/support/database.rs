//! A data base per test, on the Postgres that `tests/run` has started or on one of the test's own.

use std::net::SocketAddr;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::{PostgresServer, new_id};

/// A data base on the common Postgres, dropped with the deployment, or on one of the deployment's own.
pub struct Database {
    name: String,
    pub url: String,
    on_common_postgres: bool,
}

impl Database {
    /// Makes an empty one.
    pub async fn create() -> Self {
        let name = format!("deployment_{}", new_id().replace('-', ""));
        on_common_postgres(&format!("create database {name}")).await;
        let (server, _) = common_postgres().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        Self { url: format!("{server}/{name}"), name, on_common_postgres: true }
    }

    /// Makes an empty one on a server of one's own, with which it goes.
    pub async fn create_on(server: &PostgresServer) -> Self {
        let name = "deployment".to_owned();
        on_postgres(&server.url("postgres"), &format!("create database {name}")).await;
        Self { url: server.url(&name), name, on_common_postgres: false }
    }

    /// Host and port of its server.
    pub fn server(&self) -> String {
        let (_, server) = self.url.split_once('@').unwrap();
        server.split_once('/').unwrap().0.to_owned()
    }

    /// Its address by another way to the same server.
    pub fn url_by_way_of(&self, way: SocketAddr) -> String {
        self.url.replace(&self.server(), &way.to_string())
    }

    /// Cuts every connection to this database and accepts no new one: for its gateways, Postgres is gone.
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
    /// On a thread of its own: a drop cannot wait, and it runs inside a runtime.
    fn drop(&mut self) {
        if !self.on_common_postgres {
            return;
        }
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
    on_postgres(&common_postgres(), statement).await;
}

async fn on_postgres(server: &str, statement: &str) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

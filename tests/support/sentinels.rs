//! Two Redis servers and the Sentinels that watch over them.

use std::collections::HashMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{RedisServer, until};

/// The name under which the Sentinels know the pair.
const NAME: &str = "venue";
/// Time after which a silent server counts as lost.
const LOST_MILLIS: u32 = 700;

/// A primary, its replica, and three Sentinels.
pub struct Sentinels {
    /// The servers: the one that begins as the primary, and its replica.
    pub servers: [RedisServer; 2],
    ports: Vec<u16>,
    children: Vec<Child>,
    _data: TempDir,
}

impl Sentinels {
    /// Starts them all, and waits until the replica is one and the Sentinels know it.
    pub async fn start() -> Self {
        let servers = [RedisServer::start(), RedisServer::start()];
        servers[1].command(&["REPLICAOF", "127.0.0.1", &servers[0].port().to_string()]).await;
        // A Sentinel that looks before that finds no replica, and looks again ten seconds later.
        until("the replica follows", || async { servers[0].command(&["INFO", "replication"]).await.contains("state=online") }).await;
        let data = TempDir::new().unwrap();
        let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let children = ports.iter().map(|port| spawn(*port, servers[0].port(), &data)).collect();
        let deployment = Self { servers, ports, children, _data: data };
        until("the Sentinels know the replica and each other", || async {
            let mut known = true;
            for port in &deployment.ports {
                let told: HashMap<String, String> = ask(*port, &["SENTINEL", "MASTER", NAME]).await.unwrap_or_default();
                let count = |name: &str| told.get(name).map(String::as_str).unwrap_or_default().to_owned();
                known &= (count("num-slaves"), count("num-other-sentinels")) == ("1".to_owned(), "2".to_owned());
            }
            known
        })
        .await;
        deployment
    }

    /// The setting by which a gateway finds them.
    pub fn url(&self) -> String {
        let sentinels: Vec<_> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{NAME}", sentinels.join(","))
    }

    /// Waits until the Sentinels have made this server the primary.
    pub async fn promote(&self, server: usize) {
        let port = self.servers[server].port().to_string();
        until("the Sentinels have another primary", || async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut agreed = true;
            for sentinel in &self.ports {
                let told: Option<(String, String)> = ask(*sentinel, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).await;
                agreed &= told.is_some_and(|(_, at)| at == port);
            }
            agreed
        })
        .await;
    }
}

impl Sentinels {
    /// Waits until this server follows the other one, after it came back.
    pub async fn follows(&self, server: usize) {
        until("the lost server is a replica", || async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            // It may not answer yet: Sentinels cut the connections of a server whose role they change.
            let role: Option<redis::Value> = ask(self.servers[server].port(), &["ROLE"]).await;
            format!("{role:?}").contains("slave")
        })
        .await;
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(port: u16, primary: u16, data: &TempDir) -> Child {
    let program = std::env::var("STAGEDOOR_TEST_REDIS_SERVER").expect("start the tests with tests/run");
    let file = data.path().join(format!("sentinel-{port}.conf"));
    let rules = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor {NAME} 127.0.0.1 {primary} 2\nsentinel down-after-milliseconds {NAME} {LOST_MILLIS}\n\
         sentinel failover-timeout {NAME} 3000\n"
    );
    std::fs::write(&file, rules).unwrap();
    let mut command = Command::new(program);
    command.arg(file).arg("--sentinel").current_dir(data.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

async fn ask<T: redis::FromRedisValue>(port: u16, words: &[&str]) -> Option<T> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).ok()?;
    let mut connection = client.get_multiplexed_async_connection().await.ok()?;
    let (name, arguments) = words.split_first()?;
    redis::cmd(name).arg(arguments).query_async(&mut connection).await.ok()
}

//! A Redis of one test's own, to be killed, emptied, frozen and brought back.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use super::PATIENCE;
use super::gateway::signal;

/// A Redis server that keeps nothing on disk and comes back at the same address.
pub struct RedisServer {
    port: u16,
    child: Child,
}

impl RedisServer {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, child: spawn(port) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a lost machine would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Brings it back, empty, at the same address, after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        self.child = spawn(self.port);
    }

    /// Stops it in the middle of its work: connections stay open and nothing answers.
    pub fn freeze(&self) {
        signal("STOP", self.child.id());
    }

    pub fn thaw(&self) {
        signal("CONT", self.child.id());
    }

    /// Forgets everything.
    pub async fn flush(&self) {
        self.command(&["FLUSHALL"]).await;
    }

    /// What it answers to a command, as text.
    pub async fn command(&self, words: &[&str]) -> String {
        format!("{:?}", self.ask::<redis::Value>(words).await)
    }

    /// The keys of this pattern.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        self.ask(&["KEYS", pattern]).await
    }

    /// The value of a key.
    pub async fn bytes(&self, key: &str) -> Vec<u8> {
        self.ask(&["GET", key]).await
    }

    /// Puts something under a key.
    pub async fn set(&self, key: &str, value: &[u8]) {
        let mut connection = self.connection().await;
        redis::cmd("SET").arg(key).arg(value).exec_async(&mut connection).await.unwrap();
    }

    async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let (name, arguments) = words.split_first().unwrap();
        redis::cmd(name).arg(arguments).query_async(&mut self.connection().await).await.unwrap()
    }

    async fn connection(&self) -> redis::aio::MultiplexedConnection {
        redis::Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16) -> Child {
    let program = std::env::var("STAGEDOOR_TEST_REDIS_SERVER").expect("start the tests with tests/run");
    let mut child = Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (up, ready) = mpsc::channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if line.contains("Ready to accept connections") {
                let _ = up.send(());
            }
        }
    });
    ready.recv_timeout(PATIENCE).expect("Redis did not start");
    child
}

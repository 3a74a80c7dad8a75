//! The cable between gateways and Redis, of one test's own: it can be slow, and it can carry in one direction only.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the gateways to Redis.
    There,
    /// From Redis to the gateways.
    Back,
}

#[derive(Default)]
struct Rules {
    swallowed: Mutex<Option<Direction>>,
    delay_millis: AtomicU64,
    reads: AtomicUsize,
}

/// A cable with a server at its end.
pub struct Cable {
    address: SocketAddr,
    rules: Arc<Rules>,
    serving: JoinHandle<()>,
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Cable {
    /// Lays a cable to the server at this port.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let rules = Arc::<Rules>::default();
        let told = Arc::clone(&rules);
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, port, Arc::clone(&told)));
            }
        });
        Self { address, rules, serving }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on nothing comes through in this direction, and connections stay open; None: all does.
    pub fn swallow(&self, direction: Option<Direction>) {
        *self.rules.swallowed.lock().unwrap() = direction;
    }

    /// From now on each answer comes so much later.
    pub fn delay(&self, delay: Duration) {
        self.rules.delay_millis.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// How many copies were asked for over this cable.
    pub fn reads(&self) -> usize {
        self.rules.reads.load(Ordering::SeqCst)
    }
}

async fn carry(client: TcpStream, port: u16, rules: Arc<Rules>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass(from_client, to_server, Direction::There, &rules) => {}
        () = pass(from_server, to_client, Direction::Back, &rules) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, direction: Direction, rules: &Rules) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if *rules.swallowed.lock().unwrap() == Some(direction) {
            continue;
        }
        if direction == Direction::There {
            let reads = bytes[..count].windows(9).filter(|window| window == b"$3\r\nGET\r\n").count();
            rules.reads.fetch_add(reads, Ordering::SeqCst);
        } else {
            sleep(Duration::from_millis(rules.delay_millis.load(Ordering::SeqCst))).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

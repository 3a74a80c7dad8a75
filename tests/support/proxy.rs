//! The way between gateways and Postgres, of one test's own: it can be made long, and it can lose what is sent on it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use uuid::Uuid;

/// What becomes of a statement that names something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It never arrives: the connection is cut.
    Lost,
    /// It is done, and the connection is cut before that is told.
    AnswerLost,
    /// It is done, and that is never told, on a connection that stays open.
    AnswerKept,
}

#[derive(Default)]
struct Rules {
    delay: Duration,
    /// The statement that has a fate: what it names, and how often that strikes.
    fate: Option<(Uuid, Fate, u32)>,
}

/// A proxy in front of Postgres.
pub struct Proxy {
    address: SocketAddr,
    rules: Arc<Mutex<Rules>>,
    serving: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Proxy {
    /// Opens a way to the server at this address.
    pub async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let rules = Arc::<Mutex<Rules>>::default();
        let told = Arc::clone(&rules);
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), Arc::clone(&told)));
            }
        });
        Self { address, rules, serving }
    }

    /// Where the way begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, whatever Postgres says takes so much longer to arrive.
    pub fn delay(&self, delay: Duration) {
        self.rules.lock().unwrap().delay = delay;
    }

    /// The next statements that name this id share this fate.
    pub fn doom(&self, id: &str, fate: Fate, times: u32) {
        self.rules.lock().unwrap().fate = Some((id.parse().unwrap(), fate, times));
    }

    /// How often the fate has yet to strike.
    pub fn left_to_strike(&self) -> u32 {
        self.rules.lock().unwrap().fate.map_or(0, |(_, _, times)| times)
    }
}

impl Rules {
    /// What becomes of the statement with these bytes.
    fn fate_of(&mut self, bytes: &[u8]) -> Option<Fate> {
        let (id, fate, times) = self.fate.as_mut().filter(|(_, _, times)| *times > 0)?;
        let text = id.to_string();
        let names = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        if !names(id.as_bytes()) && !names(text.as_bytes()) {
            return None;
        }
        *times -= 1;
        Some(*fate)
    }
}

/// What has struck one connection.
type Struck = Mutex<Option<Fate>>;

async fn carry(client: TcpStream, server: String, rules: Arc<Mutex<Rules>>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let struck = Struck::default();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = ask(from_client, to_server, &rules, &struck) => {}
        () = answer(from_server, to_client, &rules, &struck) => {}
    }
}

async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, rules: &Mutex<Rules>, struck: &Struck) {
    let mut bytes = vec![0; 256 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let fate = rules.lock().unwrap().fate_of(&bytes[..count]);
        if fate == Some(Fate::Lost) {
            return;
        }
        if fate.is_some() {
            *struck.lock().unwrap() = fate;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, rules: &Mutex<Rules>, struck: &Struck) {
    let mut bytes = vec![0; 256 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let fate = *struck.lock().unwrap();
        match fate {
            // What Postgres answers is sent when it is committed, not before.
            Some(Fate::AnswerLost | Fate::Lost) => return,
            Some(Fate::AnswerKept) => continue,
            None => {}
        }
        let delay = rules.lock().unwrap().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

//! The way between gateways and a store, of one test's own: it can be made long, it can carry in one direction only, and it can lose what is
//! sent on it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the gateways to the store.
    There,
    /// From the store to the gateways.
    Back,
}

/// What becomes of a statement that names something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It never arrives: the connection is cut.
    Lost,
    /// The request is carried out, and the connection is cut before its answer.
    AnswerLost,
    /// The request is carried out and never answered, on a connection that stays open.
    AnswerKept,
}

#[derive(Default)]
struct Rules {
    delay: Duration,
    /// Where nothing comes through.
    swallowed: Option<Direction>,
    /// What is counted, and how often it was sent.
    counted: Option<(&'static [u8], usize)>,
    /// The statement that has a fate: what it names, and how often that strikes.
    fate: Option<(Uuid, Fate, u32)>,
}

/// A proxy in front of Postgres or Redis.
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

    /// From now on everything that the store sends arrives later by this time.
    pub fn delay(&self, delay: Duration) {
        self.rules.lock().unwrap().delay = delay;
    }

    /// From now on nothing comes through in this direction, and connections stay open; None: all does.
    pub fn swallow(&self, direction: Option<Direction>) {
        self.rules.lock().unwrap().swallowed = direction;
    }

    /// Counts from now on how often this is sent to the store.
    pub fn count(&self, words: &'static [u8]) {
        self.rules.lock().unwrap().counted = Some((words, 0));
    }

    /// How often it was sent.
    pub fn counted(&self) -> usize {
        self.rules.lock().unwrap().counted.map_or(0, |(_, times)| times)
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
        if occurs(bytes, id.as_bytes()) == 0 && occurs(bytes, text.as_bytes()) == 0 {
            return None;
        }
        *times -= 1;
        Some(*fate)
    }

    fn note(&mut self, bytes: &[u8]) {
        if let Some((words, times)) = &mut self.counted {
            *times += occurs(bytes, words);
        }
    }
}

fn occurs(bytes: &[u8], words: &[u8]) -> usize {
    bytes.windows(words.len()).filter(|window| *window == words).count()
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
        let (fate, swallowed) = {
            let mut rules = rules.lock().unwrap();
            rules.note(&bytes[..count]);
            (rules.fate_of(&bytes[..count]), rules.swallowed)
        };
        if swallowed == Some(Direction::There) {
            continue;
        }
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
            // What the store answers is sent when it is committed, not before.
            Some(Fate::AnswerLost | Fate::Lost) => return,
            Some(Fate::AnswerKept) => continue,
            None => {}
        }
        let (delay, swallowed) = {
            let rules = rules.lock().unwrap();
            (rules.delay, rules.swallowed)
        };
        if swallowed == Some(Direction::Back) {
            continue;
        }
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

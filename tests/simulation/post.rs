//! The post between people, gateways and the book: turmoil's datagrams, which come late, out of order, or never.
//!
//! A datagram carries the number of a letter; the letter itself lies in the house. So whatever is sent arrives whole or not at all.

use std::collections::BTreeMap;
use std::io::Result;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use stagedoor::clock::Moment;
use stagedoor::door::request::ScanBody;
use stagedoor::ids::{DeviceId, MembershipId, SessionId};
use stagedoor::ledger::LedgerError;
use stagedoor::ledger::change::Change;
use stagedoor::ledger::entry::{Look, SaleEntry, SaleOutcome, ScanEntry, ScanOutcome, Seen};
use stagedoor::ledger::rows::Altered;
use stagedoor::pos::request::SaleBody;
use tokio::sync::oneshot;
use tokio::time::timeout;
use turmoil::net::UdpSocket;

use super::book::{Rows, SaleRow, ScanRow};
use super::house::House;

/// Where everybody listens.
const PORT: u16 = 7_000;

/// All that is ever sent.
#[derive(Debug)]
pub enum Letter {
    // A gateway asks the book, and is told.
    Look(Box<Look>),
    Seen(Box<Seen>, Option<ScanRow>, Option<SaleRow>),
    Scans(Moment, Arc<Vec<ScanEntry>>),
    ScansDone(Outcome<Vec<ScanOutcome>>),
    Sales(Moment, Arc<Vec<SaleEntry>>),
    SalesDone(Outcome<Vec<SaleOutcome>>),
    Store(Arc<Change>),
    Stored(Outcome<i64>),
    ChangesAfter(i64),
    Changes(Vec<Altered>),
    ReadAll,
    All(Box<Rows>),
    // People ask a gateway, and are answered.
    SignIn(MembershipId, Option<DeviceId>),
    Scan(SessionId, Box<ScanBody>),
    Sell(SessionId, Box<SaleBody>),
    Alter(SessionId, Alteration),
    Answer(Answer),
}

type Outcome<T> = std::result::Result<T, LedgerError>;

/// A change that the administrator wants.
#[derive(Clone, Copy, Debug)]
pub enum Alteration {
    /// Gives a member another role: one that may work at a door, or one that may not.
    Role(MembershipId),
    /// Pins a member, or takes the pin away.
    Pin(MembershipId),
    /// Moves a device to another gate.
    Gate(DeviceId),
    /// Opens or closes the event.
    Event,
    /// Raises the price.
    Price,
    /// Ends the sessions of a member.
    End(MembershipId),
}

/// What people are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    SignedIn(SessionId),
    Admitted(i32),
    Sold(i64),
    Done,
    /// A no that is final for this moment.
    No(String),
    /// 503: nothing was recorded, or it is safe to ask again.
    Later,
}

/// What a host does with a letter.
pub type Desk = Arc<dyn Fn(Letter) -> BoxFuture<'static, Letter> + Send + Sync>;

/// One host's post.
pub struct Post {
    house: Arc<House>,
    socket: UdpSocket,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Letter>>>,
}

impl Post {
    pub async fn open(house: &Arc<House>) -> Arc<Self> {
        let socket = UdpSocket::bind(("0.0.0.0", PORT)).await.unwrap();
        Arc::new(Self { house: Arc::clone(house), socket, waiting: Mutex::default() })
    }

    /// Sends a letter and waits for the one that answers it.
    pub async fn ask(&self, host: &str, letter: Letter, patience: Duration) -> Option<Letter> {
        let number = self.house.number();
        let (reply, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(number, reply);
        self.send((host, PORT), number, false, letter).await;
        let answer = timeout(patience, answer).await;
        self.waiting.lock().unwrap().remove(&number);
        answer.ok()?.ok()
    }

    /// Reads letters for ever: answers go to who waits for them, questions to the desk.
    pub async fn serve(self: Arc<Self>, desk: Option<Desk>) {
        let mut datagram = [0; 17];
        loop {
            let (_, from) = self.socket.recv_from(&mut datagram).await.unwrap();
            let number = u64::from_be_bytes(datagram[1..9].try_into().unwrap());
            let letter = self.house.letter(u64::from_be_bytes(datagram[9..].try_into().unwrap()));
            if datagram[0] == 1 {
                if let Some(waiting) = self.waiting.lock().unwrap().remove(&number) {
                    let _ = waiting.send(letter);
                }
            } else if let Some(desk) = &desk {
                let (post, work) = (Arc::clone(&self), desk(letter));
                tokio::spawn(async move { post.send(from, number, true, work.await).await });
            }
        }
    }

    async fn send(&self, to: impl turmoil::ToSocketAddrs, number: u64, answers: bool, letter: Letter) {
        let mut datagram = [0; 17];
        datagram[0] = u8::from(answers);
        datagram[1..9].copy_from_slice(&number.to_be_bytes());
        datagram[9..].copy_from_slice(&self.house.post(letter).to_be_bytes());
        // Who is not there gets nothing, and nobody is told.
        let _: Result<usize> = self.socket.send_to(&datagram, to).await;
    }
}

//! The mailbox between people, gateways and the ledger: turmoil's datagrams, which come late, out of order, or never.
//!
//! A datagram carries the number of a message; the message itself is kept in the world. So a message arrives whole or not at all.

use std::collections::BTreeMap;
use std::io::Result;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use stagedoor::clock::Moment;
use stagedoor::door::scan::request::ScanBody;
use stagedoor::ids::{DeviceId, MembershipId, SessionId};
use stagedoor::ledger::LedgerError;
use stagedoor::ledger::change::Change;
use stagedoor::ledger::entry::Outcome as Written;
use stagedoor::ledger::look::{Look, Seen};
use stagedoor::ledger::rows::Altered;
use stagedoor::ledger::sale::{SaleEntry, SaleRecorded, SoldOut};
use stagedoor::ledger::scan::{ScanEntry, ScanRecorded};
use stagedoor::pos::sale::request::SaleBody;
use tokio::sync::oneshot;
use tokio::time::timeout;
use turmoil::net::UdpSocket;

use super::ledger::{Rows, SaleRow, ScanRow};
use super::world::World;

/// The port of every host.
const PORT: u16 = 7_000;

/// All that is ever sent.
#[derive(Debug)]
pub enum Message {
    // From a gateway to the ledger, and back.
    Look(Box<Look>),
    Seen(Box<Seen>, Option<ScanRow>, Option<SaleRow>),
    Scans(Moment, Arc<Vec<ScanEntry>>),
    ScansDone(Answered<Vec<Written<ScanRecorded>>>),
    Sales(Moment, Arc<Vec<SaleEntry>>),
    SalesDone(Answered<Vec<Written<SaleRecorded, SoldOut>>>),
    Store(Arc<Change>),
    Stored(Answered<i64>),
    ChangesAfter(i64),
    Changes(Vec<Altered>),
    ReadAll,
    All(Box<Rows>),
    // From people to a gateway, and back.
    SignIn(MembershipId, Option<DeviceId>),
    Scan(SessionId, Box<ScanBody>),
    Sell(SessionId, Box<SaleBody>),
    Alter(SessionId, Alteration),
    Outcome(Outcome),
}

type Answered<T> = std::result::Result<T, LedgerError>;

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
pub enum Outcome {
    SignedIn(SessionId),
    Admitted(i32),
    Sold(i64),
    Done,
    /// A no that is final for this moment.
    No(String),
    /// 503: nothing was recorded, or it is safe to send it again.
    Later,
}

/// What a host does with a message.
pub type Handler = Arc<dyn Fn(Message) -> BoxFuture<'static, Message> + Send + Sync>;

/// One host's mailbox.
pub struct Mailbox {
    world: Arc<World>,
    socket: UdpSocket,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Message>>>,
}

impl Mailbox {
    pub async fn open(world: &Arc<World>) -> Arc<Self> {
        let socket = UdpSocket::bind(("0.0.0.0", PORT)).await.unwrap();
        Arc::new(Self { world: Arc::clone(world), socket, waiting: Mutex::default() })
    }

    /// Sends a message and waits for the one that answers it.
    pub async fn ask(&self, host: &str, message: Message, patience: Duration) -> Option<Message> {
        let number = self.world.number();
        let (reply, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(number, reply);
        self.send((host, PORT), number, false, message).await;
        let answer = timeout(patience, answer).await;
        self.waiting.lock().unwrap().remove(&number);
        answer.ok()?.ok()
    }

    /// Reads messages for ever: answers go to their waiting calls, requests to the handler.
    pub async fn serve(self: Arc<Self>, handler: Option<Handler>) {
        let mut datagram = [0; 17];
        loop {
            let (_, from) = self.socket.recv_from(&mut datagram).await.unwrap();
            let number = u64::from_be_bytes(datagram[1..9].try_into().unwrap());
            let message = self.world.message(u64::from_be_bytes(datagram[9..].try_into().unwrap()));
            if datagram[0] == 1 {
                if let Some(waiting) = self.waiting.lock().unwrap().remove(&number) {
                    let _ = waiting.send(message);
                }
            } else if let Some(handler) = &handler {
                let (mailbox, work) = (Arc::clone(&self), handler(message));
                tokio::spawn(async move { mailbox.send(from, number, true, work.await).await });
            }
        }
    }

    async fn send(&self, to: impl turmoil::ToSocketAddrs, number: u64, answers: bool, message: Message) {
        let mut datagram = [0; 17];
        datagram[0] = u8::from(answers);
        datagram[1..9].copy_from_slice(&number.to_be_bytes());
        datagram[9..].copy_from_slice(&self.world.mailbox(message).to_be_bytes());
        // A message to a host that is down is lost without a notice.
        let _: Result<usize> = self.socket.send_to(&datagram, to).await;
    }
}

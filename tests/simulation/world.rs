//! What all hosts of one simulated evening share: the dice, the time, the messages under way, the disk, and what the laws are judged on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use stagedoor::clock::Moment;
use tokio::time::sleep;
use uuid::Uuid;

use super::laws::Laws;
use super::ledger::Rows;
use super::mailbox::Message;

/// A bug that is put in, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Writers take no lock.
    LockDropped,
    /// The versions are looked at in the statement that takes the lock: its snapshot is older than the lock.
    SnapshotBeforeLock,
    /// A version is not compared: 0 the session's, 1 the membership's, 2 the device's, 3 the event's.
    VersionSkipped(usize),
    /// The ledger answers before the commit is on disk.
    AnsweredBeforeCommit,
    /// A sign-in leaves the session that it displaces open, and no index forbids it.
    DisplacedKept,
    /// Movements are numbered and entries counted on the snapshot, and no constraint forbids a second of the same number.
    NumberedByCare,
    /// The stock is counted without a lock on its row.
    StockUnlocked,
    /// An id that is in the ledger already is written again.
    IdForgotten,
}

pub struct World {
    pub bug: Option<Bug>,
    dice: Mutex<StdRng>,
    numbers: AtomicU64,
    messages: Mutex<BTreeMap<u64, Message>>,
    /// What every transaction sees.
    pub visible: Mutex<Rows>,
    /// What is left after a crash.
    pub disk: Mutex<Rows>,
    pub laws: Mutex<Laws>,
}

impl World {
    pub fn new(seed: u64, bug: Option<Bug>, rows: Rows) -> Arc<Self> {
        Arc::new(Self {
            bug,
            dice: Mutex::new(StdRng::seed_from_u64(seed)),
            numbers: AtomicU64::new(1),
            messages: Mutex::default(),
            disk: Mutex::new(rows.clone()),
            visible: Mutex::new(rows),
            laws: Mutex::default(),
        })
    }

    /// Whether this bug is in.
    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// A number below this one.
    pub fn roll(&self, below: u64) -> u64 {
        self.dice.lock().unwrap().random_range(0..below)
    }

    pub fn one_of<T: Copy>(&self, things: &[T]) -> T {
        things[usize::try_from(self.roll(things.len() as u64)).unwrap()]
    }

    /// A number that was not used before.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// An id that was not used before, and that is the same for the same seed.
    pub fn id<T: From<Uuid>>(&self) -> T {
        T::from(Uuid::from_u128(u128::from(self.number()) << 64 | 0xace))
    }

    /// The time of the evening.
    pub fn now(&self) -> Moment {
        super::ledger::doors() + TimeDelta::from_std(turmoil::sim_elapsed().unwrap_or_default()).unwrap()
    }

    /// Some time passes, so that other tasks may run in between.
    pub async fn dawdle(&self, most_millis: u64) {
        let millis = self.roll(most_millis + 1);
        if millis > 0 {
            sleep(Duration::from_millis(millis)).await;
        }
    }

    pub fn mailbox(&self, message: Message) -> u64 {
        let number = self.number();
        self.messages.lock().unwrap().insert(number, message);
        number
    }

    pub fn message(&self, number: u64) -> Message {
        self.messages.lock().unwrap().remove(&number).expect("a datagram comes once")
    }

    /// A line of the trace, by which two runs of a seed are compared.
    pub fn trace(&self, line: std::fmt::Arguments<'_>) {
        let at = turmoil::sim_elapsed().unwrap_or_default().as_millis();
        self.laws.lock().unwrap().trace.push(format!("{at:>6} {line}"));
    }
}

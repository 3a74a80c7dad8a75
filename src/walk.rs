//! What the walk of a scan and the walk of a sale share: their sources, how closely they look, how they know a request again, and the rooms of the
//! corridor with the time that a request stayed in each.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{authenticate::Gate, clock::Clock, event::warm::Warm, ledger::Book, session::hot::Hot};

/// Where a walk finds what it decides on, and where it writes.
#[derive(Clone)]
pub struct Sources {
    /// Where tokens become callers.
    pub gate: Gate,
    /// The book.
    pub book: Book,
    /// Hot copies of sessions.
    pub hot: Arc<Hot>,
    /// Warm copies of events and tickets.
    pub warm: Arc<Warm>,
}

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// At the nearest copies, if there are any that may be trusted.
    Nearest,
    /// At the nearest copies again: the book has confirmed what they say.
    Confirmed,
    /// At the book.
    Fresh,
}

/// A short digest of what a request means.
pub fn fingerprint(meaning: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(meaning).unwrap_or_default();
    let digest = Sha256::digest(&bytes);
    data_encoding::HEXLOWER.encode(digest.get(..16).unwrap_or_default())
}

/// A room of the corridor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Looking at copies or at the book.
    Facts,
    /// Who is asking.
    Authenticate,
    /// May they.
    Authorise,
    /// Yes or no.
    Decide,
    /// Into the book.
    Commit,
}

/// The time that one request spent in each room.
#[derive(Clone, Debug, Default)]
pub struct Rooms {
    clock: Clock,
    /// Looking.
    pub facts: Duration,
    /// Who is asking.
    pub authenticate: Duration,
    /// May they.
    pub authorise: Duration,
    /// Yes or no.
    pub decide: Duration,
    /// Into the book.
    pub commit: Duration,
}

impl Rooms {
    /// Waits for work that is done in this room.
    pub async fn time<T>(&mut self, room: Room, work: impl Future<Output = T>) -> T {
        let begun = self.clock.mark();
        let done = work.await;
        self.add(room, self.clock.since(begun));
        done
    }

    /// Does work in this room.
    pub fn measure<T>(&mut self, room: Room, work: impl FnOnce() -> T) -> T {
        let begun = self.clock.mark();
        let done = work();
        self.add(room, self.clock.since(begun));
        done
    }

    /// Each room with its time.
    pub fn each(&self) -> [(&'static str, Duration); 5] {
        [
            ("facts", self.facts),
            ("authenticate", self.authenticate),
            ("authorise", self.authorise),
            ("decide", self.decide),
            ("commit", self.commit),
        ]
    }

    fn add(&mut self, room: Room, time: Duration) {
        let total = match room {
            Room::Facts => &mut self.facts,
            Room::Authenticate => &mut self.authenticate,
            Room::Authorise => &mut self.authorise,
            Room::Decide => &mut self.decide,
            Room::Commit => &mut self.commit,
        };
        *total += time;
    }
}

//! What the walk of a scan and the walk of a sale share: their sources, how closely they look, how they know a request again, and the timings of the
//! corridor with the time that a request stayed in each.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{authenticate::Authenticator, clock::Clock, event::warm::Warm, ledger::Ledger, session::hot::Hot};

/// Where a walk finds what it decides on, and where it writes.
#[derive(Clone)]
pub struct Sources {
    /// Where tokens become callers.
    pub authenticator: Authenticator,
    /// The ledger.
    pub ledger: Ledger,
    /// Hot copies of sessions.
    pub hot: Arc<Hot>,
    /// Warm copies of events and tickets.
    pub warm: Arc<Warm>,
}

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// At the nearest copies, if there are any that may be trusted.
    Nearest,
    /// At the nearest copies again: the ledger has confirmed what they say.
    Confirmed,
    /// At the ledger.
    Fresh,
}

/// A short digest of what a request means.
pub fn fingerprint(meaning: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(meaning).unwrap_or_default();
    let digest = Sha256::digest(&bytes);
    data_encoding::HEXLOWER.encode(digest.get(..16).unwrap_or_default())
}

/// A stage of the corridor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looking at copies or at the ledger.
    Facts,
    /// Who is asking.
    Authenticate,
    /// May they.
    Authorise,
    /// Yes or no.
    Decide,
    /// Into the ledger.
    Commit,
}

/// The time that one request spent in each stage.
#[derive(Clone, Debug, Default)]
pub struct Timings {
    clock: Clock,
    /// Looking.
    pub facts: Duration,
    /// Who is asking.
    pub authenticate: Duration,
    /// May they.
    pub authorise: Duration,
    /// Yes or no.
    pub decide: Duration,
    /// Into the ledger.
    pub commit: Duration,
}

impl Timings {
    /// Waits for work that is done in this stage.
    pub async fn time<T>(&mut self, stage: Stage, work: impl Future<Output = T>) -> T {
        let begun = self.clock.mark();
        let done = work.await;
        self.add(stage, self.clock.since(begun));
        done
    }

    /// Does work in this stage.
    pub fn measure<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let begun = self.clock.mark();
        let done = work();
        self.add(stage, self.clock.since(begun));
        done
    }

    /// Each stage with its time.
    pub fn each(&self) -> [(&'static str, Duration); 5] {
        [
            ("facts", self.facts),
            ("authenticate", self.authenticate),
            ("authorise", self.authorise),
            ("decide", self.decide),
            ("commit", self.commit),
        ]
    }

    fn add(&mut self, stage: Stage, time: Duration) {
        let total = match stage {
            Stage::Facts => &mut self.facts,
            Stage::Authenticate => &mut self.authenticate,
            Stage::Authorise => &mut self.authorise,
            Stage::Decide => &mut self.decide,
            Stage::Commit => &mut self.commit,
        };
        *total += time;
    }
}

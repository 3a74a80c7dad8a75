//! A movement of a ticket, as it is written.

use std::collections::{HashMap, HashSet};

use crate::{
    clock::Moment,
    ids::{OrganisationId, ScanId, TicketId},
    ledger::{
        Store,
        entry::{DecidedOn, Entry, Outcome, Values},
        error::LedgerError,
        group_commit::{Batched, GroupWritten},
        kinds::Direction,
    },
};

/// A movement that was authorised.
pub type ScanEntry = Entry<Scan>;

/// A movement of a ticket that was decided on.
#[derive(Clone, Debug)]
pub struct Scan {
    pub id: ScanId,
    pub ticket: TicketId,
    pub direction: Direction,
    /// Entries that it uses: 1 in, 0 or -1 out; the other way round where it takes a movement back.
    pub uses: i32,
    /// Entries that the ticket allows.
    pub allowed: i32,
    pub gate: Option<String>,
    /// When, by the phone's clock.
    pub scanned_at: Option<Moment>,
    /// A digest of the request: the same request again has the same.
    pub fingerprint: String,
    /// The movement that this one takes back.
    pub undoes: Option<ScanId>,
}

impl Scan {
    /// People that it moves inside: 1 in, -1 out.
    pub fn moves(&self) -> i32 {
        self.direction.moves()
    }
}

impl Values for Scan {
    type Basis = DecidedOn;
}

/// A movement that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanRecorded {
    /// Its number among the movements of the ticket, from 1.
    pub seq: i32,
    /// Entries used after it.
    pub used: i32,
    /// How many are inside after it.
    pub inside: i32,
    pub recorded_at: Moment,
}

/// The movements of a batch so far.
#[derive(Default)]
pub struct ScansInBatch {
    ids: HashSet<ScanId>,
    /// The tickets, and whether the movement of each has to be its only one.
    alone: HashMap<TicketId, bool>,
}

impl Batched for ScanEntry {
    type Outcome = Outcome<ScanRecorded>;
    type InBatch = ScansInBatch;

    /// An id once; of one ticket any number of entries, or a single movement of another kind: the batch counts entries by their place
    /// in it.
    fn joins(&self, batch: &mut ScansInBatch) -> bool {
        let alone = self.direction == Direction::Out || self.undoes.is_some();
        let fits = match batch.alone.get(&self.ticket) {
            None => true,
            Some(alone_before) => !alone && !alone_before,
        };
        if !fits || batch.ids.contains(&self.id) {
            return false;
        }
        batch.ids.insert(self.id);
        batch.alone.insert(self.ticket, alone);
        true
    }
}

impl GroupWritten for ScanEntry {
    type Key = OrganisationId;

    fn key(&self) -> OrganisationId {
        self.organisation()
    }

    async fn write(store: &Store, organisation: OrganisationId, at: Moment, batch: &[Self]) -> Result<Vec<Self::Outcome>, LedgerError> {
        match store {
            Store::Postgres(ledger) => ledger.commit_scans(organisation, at, batch).await,
            Store::Sqlite(ledger) => ledger.commit_scans(organisation, at, batch).await,
        }
    }
}

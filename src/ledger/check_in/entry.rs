//! A movement of a party, as it is written.

use crate::{
    clock::Moment,
    ids::{CheckInId, GuestId, OrganisationId},
    ledger::{
        Store,
        entry::{DecidedOn, Entry, Outcome, Values},
        error::LedgerError,
        group_commit::{Batched, GroupWritten},
        rows::Version,
    },
    limits,
};

/// A check-in that was authorised.
pub type CheckInEntry = Entry<CheckIn>;

/// A movement of a party that was decided on.
#[derive(Clone, Debug)]
pub struct CheckIn {
    pub id: CheckInId,
    /// The guest, and the version that it was decided on.
    pub guest: (GuestId, Version),
    /// People; none is all that remain.
    pub people: Option<i32>,
    /// The check-in that it takes back.
    pub undoes: Option<CheckInId>,
    pub gate: Option<String>,
    /// A digest of the request: the same request again has the same.
    pub fingerprint: String,
}

impl Values for CheckIn {
    type Basis = DecidedOn;
}

/// A movement of a party that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedIn {
    /// Its number among the movements of the party, from 1.
    pub seq: i32,
    pub people: i32,
    /// People of the party who are in after it.
    pub arrived: i32,
    pub recorded_at: Moment,
}

impl Batched for CheckInEntry {
    type Outcome = Outcome<CheckedIn>;
    type InBatch = ();

    /// Always: a batch is written one after the other, and each counts from what those before it have written.
    fn joins(&self, (): &mut ()) -> bool {
        true
    }
}

impl GroupWritten for CheckInEntry {
    type Key = OrganisationId;
    const BATCH_MAX: usize = limits::CHECK_INS_BATCH_MAX;

    fn key(&self) -> OrganisationId {
        self.organisation()
    }

    async fn write(store: &Store, organisation: OrganisationId, at: Moment, batch: &[Self]) -> Result<Vec<Self::Outcome>, LedgerError> {
        match store {
            Store::Postgres(ledger) => ledger.commit_check_ins(organisation, at, batch).await,
            Store::Sqlite(ledger) => ledger.commit_in_order(organisation, at, batch).await,
        }
    }
}

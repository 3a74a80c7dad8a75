//! A hold, and its early end, as they are written.

use std::collections::HashSet;

use crate::{
    clock::Moment,
    ids::{HoldId, OrganisationId},
    ledger::{
        Store,
        entry::{DecidedOn, Entry, Outcome, Values},
        error::LedgerError,
        group_commit::{Batched, GroupWritten},
        rows::SaleLine,
        sale::SoldOut,
    },
    limits,
};

/// A hold that was authorised.
pub type HoldEntry = Entry<NewHold>;

/// The release of a hold that was authorised.
pub type ReleaseEntry = Entry<HoldRelease>;

/// A hold that was decided on. Amounts are in minor units of its currency.
#[derive(Clone, Debug)]
pub struct NewHold {
    pub id: HoldId,
    /// ISO 4217.
    pub currency: String,
    pub total_minor: i64,
    /// From when on it keeps nothing.
    pub expires_at: Moment,
    /// A digest of the request: the same request again has the same.
    pub fingerprint: String,
    /// One line per type, with the prices that it keeps.
    pub lines: Vec<SaleLine>,
}

impl Values for NewHold {
    type Basis = DecidedOn;
}

/// A hold that gives its stock back before it expires.
#[derive(Clone, Copy, Debug)]
pub struct HoldRelease(pub HoldId);

impl Values for HoldRelease {
    type Basis = DecidedOn;
}

/// Why the ledger makes no hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldRefused {
    SoldOut(SoldOut),
    /// The device has as many live holds as a till may have.
    TooMany,
}

impl Batched for HoldEntry {
    type Outcome = Outcome<(), HoldRefused>;
    type InBatch = HashSet<HoldId>;

    fn joins(&self, batch: &mut HashSet<HoldId>) -> bool {
        batch.insert(self.id)
    }
}

impl GroupWritten for HoldEntry {
    type Key = OrganisationId;
    const BATCH_MAX: usize = limits::SALES_BATCH_MAX;

    fn key(&self) -> OrganisationId {
        self.organisation()
    }

    async fn write(store: &Store, organisation: OrganisationId, at: Moment, batch: &[Self]) -> Result<Vec<Self::Outcome>, LedgerError> {
        match store {
            Store::Postgres(ledger) => ledger.commit_holds(organisation, at, batch).await,
            Store::Sqlite(ledger) => ledger.commit_in_order(organisation, at, batch).await,
        }
    }
}

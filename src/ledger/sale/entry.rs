//! A sale, as it is written.

use std::collections::HashSet;

use crate::{
    clock::Moment,
    ids::{HoldId, OrganisationId, SaleId, ScanId, TicketId, TicketTypeId},
    ledger::{
        Store,
        entry::{DecidedOn, Entry, Outcome, Values},
        error::LedgerError,
        group_commit::{Batched, GroupWritten},
        kinds::PaymentMethod,
        rows::SaleLine,
    },
    limits,
};

/// A sale that was authorised.
pub type SaleEntry = Entry<NewSale>;

/// A sale that was decided on. Amounts are in minor units of its currency.
#[derive(Clone, Debug)]
pub struct NewSale {
    pub id: SaleId,
    /// ISO 4217.
    pub currency: String,
    pub total_minor: i64,
    pub method: PaymentMethod,
    /// Cash handed over.
    pub tendered_minor: Option<i64>,
    /// Cash given back.
    pub change_minor: Option<i64>,
    /// The card payment's reference.
    pub reference: Option<String>,
    /// A digest of the request: the same request again has the same.
    pub fingerprint: String,
    /// One line per type.
    pub lines: Vec<SaleLine>,
    /// The tickets that it makes.
    pub tickets: Vec<NewTicket>,
    /// The gate at which they are admitted at once.
    pub gate: Option<String>,
    /// The hold that it uses.
    pub hold: Option<HoldId>,
}

/// A ticket that a sale makes.
#[derive(Clone, Debug)]
pub struct NewTicket {
    pub id: TicketId,
    pub ticket_type_id: TicketTypeId,
    /// What its bar code holds.
    pub code: String,
    pub entries_allowed: i32,
    /// The movement that admits it at once.
    pub admission: Option<ScanId>,
}

impl Values for NewSale {
    type Basis = DecidedOn;
}

/// A sale that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleRecorded {
    /// Without gaps in the organisation.
    pub receipt_number: i64,
    pub recorded_at: Moment,
}

/// The quota of a type does not hold what is sold or held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoldOut {
    /// The first type that lacks.
    pub ticket_type: TicketTypeId,
    /// What is left of it.
    pub left: i32,
}

impl Batched for SaleEntry {
    type Outcome = Outcome<SaleRecorded, SoldOut>;
    type InBatch = HashSet<SaleId>;

    fn joins(&self, batch: &mut HashSet<SaleId>) -> bool {
        batch.insert(self.id)
    }
}

impl GroupWritten for SaleEntry {
    type Key = OrganisationId;
    const BATCH_MAX: usize = limits::SALES_BATCH_MAX;

    fn key(&self) -> OrganisationId {
        self.organisation()
    }

    async fn write(store: &Store, organisation: OrganisationId, at: Moment, batch: &[Self]) -> Result<Vec<Self::Outcome>, LedgerError> {
        match store {
            Store::Postgres(ledger) => ledger.commit_sales(organisation, at, batch).await,
            Store::Sqlite(ledger) => ledger.commit_in_order(organisation, at, batch).await,
        }
    }
}

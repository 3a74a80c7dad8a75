//! What is read for many requests together: looks, checks of refusals, counts of attendance.

use std::sync::Arc;

use crate::{
    clock::Moment,
    ids::{EventId, HoldId, Named, OrganisationId, SaleId, ScanId, SessionId, TicketId},
    ledger::{
        Store,
        error::LedgerError,
        group_commit::{Batched, GroupWritten},
        rows::{Attendance, Authority, EventFacts, Movement, RecordedHold, RecordedSale, RecordedScan, Ticket},
    },
};

/// A fresh look: all that an attempt decides on, in one snapshot of the ledger.
#[derive(Clone, Debug)]
pub struct Look {
    /// The caller's session.
    pub session: SessionId,
    pub event: EventId,
    /// The ticket's code, for a scan.
    pub code: Option<String>,
    /// The scan that may be in the ledger already.
    pub scan: Option<ScanId>,
    /// The sale that may be in the ledger already.
    pub sale: Option<SaleId>,
    /// The hold that may be in the ledger already, or that a sale names.
    pub hold: Option<HoldId>,
}

/// What a fresh look has found.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The position of the change log in this snapshot.
    pub as_of: i64,
    /// The caller.
    pub authority: Option<Arc<Authority>>,
    /// The event, if it is of the caller's organisation.
    pub event: Option<Arc<EventFacts>>,
    /// The event that the caller's member is pinned to, if the list has exactly one.
    pub pinned: Option<Named>,
    /// The ticket of this event with this code, and its last movement.
    pub ticket: Option<(Ticket, Option<Movement>)>,
    /// A live event of the organisation that has a ticket with this code.
    pub elsewhere: Option<Named>,
    /// What the ledger has under the scan's id.
    pub scan: Option<RecordedScan>,
    /// What the ledger has under the sale's id.
    pub sale: Option<RecordedSale>,
    /// What the ledger has under the hold's id.
    pub hold: Option<RecordedHold>,
}

impl Batched for Look {
    type Outcome = Box<Seen>;
    type InBatch = ();

    fn joins(&self, (): &mut ()) -> bool {
        true
    }
}

impl GroupWritten for Look {
    type Key = ();

    fn key(&self) {}

    async fn write(store: &Store, (): (), _: Moment, batch: &[Self]) -> Result<Vec<Box<Seen>>, LedgerError> {
        store.look(batch).await
    }
}

/// A refusal that was decided on copies, and what it rests on: the ticket has not moved since, and the scan is not in the ledger. The
/// change log vouches for everything else that the copies say.
#[derive(Clone, Debug)]
pub struct RefusalCheck {
    pub organisation: OrganisationId,
    pub scan: ScanId,
    pub ticket: TicketId,
    /// The number of the ticket's last movement; 0 if there is none.
    pub seq: i32,
}

impl Batched for RefusalCheck {
    /// The position of the change log at which the ledger says the same; none if it says something else.
    type Outcome = Option<i64>;
    type InBatch = ();

    fn joins(&self, (): &mut ()) -> bool {
        true
    }
}

impl GroupWritten for RefusalCheck {
    type Key = ();

    fn key(&self) {}

    async fn write(store: &Store, (): (), _: Moment, batch: &[Self]) -> Result<Vec<Option<i64>>, LedgerError> {
        match store {
            Store::Postgres(ledger) => ledger.confirm(batch).await,
            Store::Sqlite(ledger) => ledger.confirm(batch).await,
        }
    }
}

/// A request for the attendance of an event. All requests that wait share one count.
#[derive(Clone, Copy, Debug)]
pub struct AttendanceCount {
    pub organisation: OrganisationId,
    pub event: EventId,
}

impl Batched for AttendanceCount {
    type Outcome = Attendance;
    type InBatch = ();

    fn joins(&self, (): &mut ()) -> bool {
        true
    }
}

impl GroupWritten for AttendanceCount {
    type Key = (OrganisationId, EventId);
    /// A count takes long: one that failed is not worth the wait for another.
    const IS_RETRIED: bool = false;

    fn key(&self) -> (OrganisationId, EventId) {
        (self.organisation, self.event)
    }

    async fn write(store: &Store, (organisation, event): Self::Key, _: Moment, batch: &[Self]) -> Result<Vec<Attendance>, LedgerError> {
        Ok(vec![store.attendance(organisation, event).await?; batch.len()])
    }
}

//! What is written on the door path: entries for the committer, the ground that they stand on, and what became of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    change::Guard,
    group_commit::Job,
    kinds::{Direction, PaymentMethod},
    rows::{Attendance, Authority, EventFacts, Movement, RecordedHold, RecordedSale, RecordedScan, SaleLine, Ticket, Version},
};
use crate::{
    clock::Moment,
    ids::{DeviceId, EventId, HoldId, MembershipId, Named, OrganisationId, SaleId, ScanId, SessionId, TicketId, TicketTypeId, VoidId},
};

/// The versions that a decision was made on. The ledger writes only while every one of them stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecidedOn {
    /// The session and its version.
    pub session: (SessionId, Version),
    /// The membership and its version.
    pub membership: (MembershipId, Version),
    /// The device and its version.
    pub device: (DeviceId, Version),
    /// The event and its version.
    pub event: (EventId, Version),
}

impl DecidedOn {
    /// The same as guards, for what is not written in batches.
    pub fn guards(&self) -> Vec<Guard> {
        let Self { session, membership, device, event } = *self;
        vec![
            Guard::Session { id: session.0, version: session.1 },
            Guard::Membership { id: membership.0, version: membership.1 },
            Guard::Device { id: device.0, version: device.1 },
            Guard::Event { id: event.0, version: event.1 },
        ]
    }
}

/// A movement of a ticket that was decided on and is to be written.
#[derive(Clone, Debug)]
pub struct ScanEntry {
    /// What it rests on.
    pub decided_on: DecidedOn,
    /// The scan's id.
    pub id: ScanId,
    /// The ticket.
    pub ticket: TicketId,
    /// Which way.
    pub direction: Direction,
    /// Entries that it uses: 1 in, 0 or -1 out; the other way round where it takes a movement back.
    pub uses: i32,
    /// Entries that the ticket allows.
    pub allowed: i32,
    /// Where.
    pub gate: Option<String>,
    /// When, as the phone had it.
    pub scanned_at: Option<Moment>,
    /// What the request meant.
    pub fingerprint: String,
    /// The movement that this one takes back.
    pub undoes: Option<ScanId>,
}

impl ScanEntry {
    /// People that it moves inside: 1 in, -1 out.
    pub fn moves(&self) -> i32 {
        self.direction.moves()
    }
}

/// What became of a movement.
#[derive(Clone, Debug)]
pub enum ScanOutcome {
    /// It is in the ledger.
    Recorded {
        /// Its number.
        seq: i32,
        /// Entries used after it.
        used: i32,
        /// How many are inside after it.
        inside: i32,
        /// When it was recorded.
        recorded_at: Moment,
    },
    /// It is not: its ground has moved, its entries are used up, or its id is known. Look again.
    NotWritten,
}

/// What is in a batch of scans already.
#[derive(Default)]
pub struct ScansSeen {
    ids: HashSet<ScanId>,
    /// The tickets, and whether the movement of each has to be its only one.
    alone: HashMap<TicketId, bool>,
}

impl Job for ScanEntry {
    type Done = ScanOutcome;
    type Seen = ScansSeen;

    /// An id once; of one ticket any number of entries, or a single movement of another kind: the batch counts entries by their place
    /// in it.
    fn joins(&self, seen: &mut ScansSeen) -> bool {
        let alone = self.direction == Direction::Out || self.undoes.is_some();
        let fits = match seen.alone.get(&self.ticket) {
            None => true,
            Some(alone_before) => !alone && !alone_before,
        };
        if !fits || seen.ids.contains(&self.id) {
            return false;
        }
        seen.ids.insert(self.id);
        seen.alone.insert(self.ticket, alone);
        true
    }
}

/// A ticket that a sale makes.
#[derive(Clone, Debug)]
pub struct NewTicket {
    /// Its id.
    pub id: TicketId,
    /// Its type.
    pub ticket_type_id: TicketTypeId,
    /// What its bar code holds.
    pub code: String,
    /// Entries that it allows.
    pub entries_allowed: i32,
    /// The movement that lets it in at once.
    pub admission: Option<ScanId>,
}

/// A sale that was decided on and is to be written.
#[derive(Clone, Debug)]
pub struct SaleEntry {
    /// What it rests on.
    pub decided_on: DecidedOn,
    /// The sale's id.
    pub id: SaleId,
    /// ISO 4217.
    pub currency: String,
    /// The total.
    pub total_minor: i64,
    /// How it is paid.
    pub method: PaymentMethod,
    /// Cash handed over.
    pub tendered_minor: Option<i64>,
    /// Cash given back.
    pub change_minor: Option<i64>,
    /// The card payment's reference.
    pub reference: Option<String>,
    /// What the request meant.
    pub fingerprint: String,
    /// One line per type.
    pub lines: Vec<SaleLine>,
    /// The tickets that it makes.
    pub tickets: Vec<NewTicket>,
    /// The gate at which they are let in at once.
    pub gate: Option<String>,
    /// The hold that it uses.
    pub hold: Option<HoldId>,
}

/// What became of a sale.
#[derive(Clone, Debug)]
pub enum SaleOutcome {
    /// It is in the ledger.
    Recorded {
        /// Its number.
        receipt_number: i64,
        /// When it was recorded.
        recorded_at: Moment,
    },
    /// The quota of a type does not hold it.
    SoldOut {
        /// The first type that lacks.
        ticket_type: TicketTypeId,
        /// What is left of it.
        left: i32,
    },
    /// Its ground has moved, its hold has ended, or its id is known. Look again.
    NotWritten,
}

impl Job for SaleEntry {
    type Done = SaleOutcome;
    type Seen = HashSet<SaleId>;

    fn joins(&self, seen: &mut HashSet<SaleId>) -> bool {
        seen.insert(self.id)
    }
}

/// A hold that was decided on and is to be written.
#[derive(Clone, Debug)]
pub struct HoldEntry {
    /// What it rests on.
    pub decided_on: DecidedOn,
    /// The hold's id.
    pub id: HoldId,
    /// ISO 4217.
    pub currency: String,
    /// The total of its lines.
    pub total_minor: i64,
    /// From when on it keeps nothing.
    pub expires_at: Moment,
    /// What the request meant.
    pub fingerprint: String,
    /// One line per type, with the prices that it keeps.
    pub lines: Vec<SaleLine>,
}

/// What became of a hold.
#[derive(Clone, Debug)]
pub enum HoldOutcome {
    /// Its stock is kept.
    Recorded,
    /// The quota of a type does not hold it.
    SoldOut {
        /// The first type that lacks.
        ticket_type: TicketTypeId,
        /// What is left of it.
        left: i32,
    },
    /// Its device has as many live holds as a till may have.
    TooMany,
    /// Its ground has moved, or its id is known. Look again.
    NotWritten,
}

impl Job for HoldEntry {
    type Done = HoldOutcome;
    type Seen = HashSet<HoldId>;

    fn joins(&self, seen: &mut HashSet<HoldId>) -> bool {
        seen.insert(self.id)
    }
}

/// A void of a sale that was decided on and is to be written.
#[derive(Clone, Debug)]
pub struct VoidEntry {
    /// What it rests on.
    pub decided_on: DecidedOn,
    /// The void's id.
    pub id: VoidId,
    /// The sale.
    pub sale: SaleId,
    /// Why.
    pub reason: String,
    /// What the request meant.
    pub fingerprint: String,
}

/// What became of a void.
#[derive(Clone, Copy, Debug)]
pub enum VoidOutcome {
    /// It is in the ledger.
    Recorded {
        /// When it was recorded.
        recorded_at: Moment,
    },
    /// One of the sale's tickets is inside.
    Inside(TicketId),
    /// Its id is known, or the sale is void already. Look again.
    NotWritten,
}

/// A fresh look: all that a walk decides on, in one snapshot of the ledger.
#[derive(Clone, Debug)]
pub struct Look {
    /// Who asks.
    pub session: SessionId,
    /// For which event.
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

/// What a fresh look has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The position of the log of changes in this snapshot.
    pub as_of: i64,
    /// Who asks.
    pub authority: Option<Arc<Authority>>,
    /// The event, if it is of the caller's organisation.
    pub event: Option<Arc<EventFacts>>,
    /// The event that the caller's member is pinned to, should there be exactly one in the list.
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

impl Job for Look {
    type Done = Box<Seen>;
    type Seen = ();

    fn joins(&self, (): &mut ()) -> bool {
        true
    }
}

/// A refusal that was decided on copies, and what it rests on: that the ticket has not moved since, and that the scan is not in the ledger.
/// What else the copies say, the log of changes vouches for.
#[derive(Clone, Debug)]
pub struct RefusalCheck {
    /// Whose scan.
    pub organisation: OrganisationId,
    /// The scan.
    pub scan: ScanId,
    /// The ticket.
    pub ticket: TicketId,
    /// The number of its last movement; 0 if there is none.
    pub seq: i32,
}

impl Job for RefusalCheck {
    /// The position of the log of changes at which the ledger says the same; None: it has moved on.
    type Done = Option<i64>;
    type Seen = ();

    fn joins(&self, (): &mut ()) -> bool {
        true
    }
}

/// Somebody wants to know the attendance of an event: all who wait are told the same count.
#[derive(Clone, Copy, Debug)]
pub struct Count;

impl Job for Count {
    type Done = Attendance;
    type Seen = ();

    fn joins(&self, (): &mut ()) -> bool {
        true
    }
}

//! Tickets that are stored together, and what they bring with them from another system.

use serde::Serialize;

use super::{
    change::Guard,
    entry::{Entry, Values},
    kinds::TicketStatus,
    rows::Ticket,
};
use crate::{
    clock::Moment,
    ids::{EventId, ScanId, TicketId, TicketTypeId},
};

/// A ticket of an upload.
#[derive(Clone, Debug, Serialize)]
pub struct UploadTicket {
    /// Its id, should it be new.
    pub id: TicketId,
    /// What its bar code holds.
    pub code: String,
    pub ticket_type_id: TicketTypeId,
    /// Whose it is.
    pub holder: Option<String>,
    /// Whether the ticket keeps the name that it has, because the upload states none.
    pub keeps_holder: bool,
    /// Its state.
    pub status: TicketStatus,
    /// Entries that it allows.
    pub entries_allowed: i32,
    /// Whether the upload states the ticket's own window; otherwise the ticket keeps the one that it has.
    pub sets_window: bool,
    /// From when it is admitted.
    pub valid_from: Option<Moment>,
    /// Until when it is admitted.
    pub valid_until: Option<Moment>,
}

impl UploadTicket {
    /// Whether storing it would change the ticket that has its code.
    pub fn changes(&self, known: &Ticket) -> bool {
        let holder = if self.keeps_holder { &known.holder } else { &self.holder };
        let window = if self.sets_window { (self.valid_from, self.valid_until) } else { (known.valid_from, known.valid_until) };
        (known.ticket_type_id, &known.holder, known.status, known.entries_allowed, (known.valid_from, known.valid_until))
            != (self.ticket_type_id, holder, self.status, self.entries_allowed, window)
    }
}

/// A ticket that the ledger has, with as much of its movements as an import needs.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct KnownTicket {
    #[sqlx(flatten)]
    pub ticket: Ticket,
    /// How many movements it has.
    pub movements: i64,
    /// The id of the first.
    pub first: Option<ScanId>,
}

/// Earlier check-ins of a ticket at another system.
#[derive(Clone, Debug, Serialize)]
pub struct Carried {
    /// The ticket's code.
    pub code: String,
    /// The id of the movement that lets it in.
    pub entry_id: ScanId,
    /// The id of the movement that lets it out.
    pub exit_id: ScanId,
    /// Whether it went out last.
    pub is_over: bool,
    /// The gate, if the export states it.
    pub gate: Option<String>,
    /// When it came in, if the export states it.
    pub entered_at: Option<Moment>,
    /// When it went out, if the export states it.
    pub left_at: Option<Moment>,
}

impl Carried {
    /// How many movements carrying it over would write.
    pub fn adds(&self, known: Option<&KnownTicket>) -> u64 {
        match known {
            None | Some(KnownTicket { movements: 0, .. }) => 1 + u64::from(self.is_over),
            Some(KnownTicket { movements: 1, first, .. }) => u64::from(self.is_over && *first == Some(self.entry_id)),
            Some(_) => 0,
        }
    }
}

/// Earlier check-ins of tickets of one event that an import carries over together.
#[derive(Clone, Debug)]
pub struct CarryOver {
    pub event: EventId,
    pub visits: Vec<Carried>,
    pub at: Moment,
}

impl Values for CarryOver {
    /// The versions of the caller's session, membership and device; none for an operator of the database itself.
    type Basis = Vec<Guard>;
}

/// A carry-over that was authorised.
pub type CarryOverEntry = Entry<CarryOver>;

/// Tickets of one event that are stored together. No code occurs twice.
#[derive(Debug)]
pub struct UploadChunk<'t> {
    pub tickets: &'t [UploadTicket],
    /// The event and the right to change it, with the admissions at another system that new tickets come with: both are written in one step.
    pub carried: CarryOverEntry,
}

/// What became of a chunk; the rest stood so already.
#[derive(Clone, Copy, Debug, Default)]
pub struct UploadCount {
    /// Tickets that are new.
    pub created: i64,
    /// Tickets that have changed.
    pub updated: i64,
    /// Entries of another system that were written with them.
    pub carried: i64,
    /// The change's number, or 0.
    pub seq: i64,
}

//! Tickets.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{TicketId, TicketTypeId},
    ledger::{kinds::TicketStatus, rows::Version},
};

/// A row of `tickets`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Ticket {
    pub id: TicketId,
    pub ticket_type_id: TicketTypeId,
    /// What its bar code holds.
    pub code: String,
    /// The holder's name.
    pub holder: Option<String>,
    /// Its state.
    pub status: TicketStatus,
    /// Entries that it allows.
    pub entries_allowed: i32,
    /// From when it is admitted, and until when, if it has a window of its own: it is used instead of its type's.
    pub valid_from: Option<Moment>,
    /// The other end.
    pub valid_until: Option<Moment>,
    /// The event's version at which it last changed; 0 as created.
    pub version: Version,
}

//! The answer when a scan is taken back, the same when the request is repeated.

use serde::Serialize;

use crate::{
    door::scan::answer::{AdmissionView, TicketView},
    ids::ScanId,
    ledger::{
        kinds::Direction,
        rows::{RecordedScan, Reversal},
    },
};

/// A scan that was taken back.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = taken_back)]
pub struct TakeBackAnswer {
    /// The scan's id.
    pub id: ScanId,
    /// A sentence for the person at the door.
    #[schema(example = "Taken back: this ticket was not admitted.")]
    pub message: String,
    /// The ticket, with the entries that are used now.
    pub ticket: TicketView,
    /// The new movement, which takes the scan back.
    pub admission: AdmissionView,
    /// The movement that it takes back.
    pub taken_back: AdmissionView,
    /// Whether this is the first answer again; a header, not a part of the body.
    #[serde(skip)]
    pub replayed: bool,
}

/// The answer, the first time or again.
pub fn taken_back(recorded: &RecordedScan, reversal: Reversal, replayed: bool) -> TakeBackAnswer {
    TakeBackAnswer {
        id: recorded.id,
        message: match recorded.direction {
            Direction::In => "Taken back: this ticket was not admitted.".to_owned(),
            Direction::Out => "Taken back: this ticket has not left.".to_owned(),
        },
        ticket: TicketView::recorded(recorded, reversal.used),
        admission: AdmissionView { seq: reversal.seq, direction: reversal.direction, recorded_at: reversal.recorded_at.into() },
        taken_back: AdmissionView { seq: recorded.seq, direction: recorded.direction, recorded_at: recorded.recorded_at.into() },
        replayed,
    }
}

//! The answer to a check-in that is taken back.

use serde::Serialize;

use crate::{
    authenticate::Caller,
    guestlist::{
        GuestView,
        check_in::{
            answer::{CheckInView, with_arrived},
            commit::Receipt,
        },
    },
    ids::CheckInId,
    ledger::guestlist::{ListedGuest, RecordedCheckIn},
};

/// The answer to a check-in that is taken back.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = check_in_taken_back)]
pub struct TakenBack {
    /// The id of the check-in that was taken back.
    pub id: CheckInId,
    /// The guest, as the party stands after it.
    pub guest: GuestView,
    /// What was recorded.
    pub check_in: CheckInView,
    /// Whether this is the first answer again; a header, not a part of the body.
    #[serde(skip)]
    pub replayed: bool,
}

/// A check-in was taken back.
pub fn taken_back(check_in: &RecordedCheckIn, listed: &ListedGuest, receipt: &Receipt, caller: &Caller) -> TakenBack {
    TakenBack {
        id: check_in.id,
        guest: with_arrived(listed, receipt.written.arrived, listed.guest.party_size),
        check_in: CheckInView::written(receipt, caller, Some(check_in.id)),
        replayed: false,
    }
}

/// A check-in was taken back before.
pub fn taken_back_before(check_in: &RecordedCheckIn, listed: &ListedGuest, undo: &RecordedCheckIn) -> TakenBack {
    TakenBack {
        id: check_in.id,
        guest: with_arrived(listed, undo.arrived, undo.party_size),
        check_in: CheckInView::of(undo),
        replayed: true,
    }
}

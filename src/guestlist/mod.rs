//! Guest lists: who is expected at an event with how many people, found by any part of the name, and checked in one by one or all at once.
//!
//! [`manage`] is the back office's part, [`search`] what both parts see, [`check_in`] a call along the corridor like a scan: what is decided is
//! written only if session, membership, device, event and guest are what they were, and the ledger itself counts the party.
//!
//! Names of guests are shown to those who check them in or manage them, and are in no log.

mod added;
pub mod check_in;
mod fold;
pub mod manage;
pub mod search;
pub mod take_back;

use serde::Serialize;

pub use self::fold::{fold, words};
use crate::{
    authorise::{Denied, Refused},
    clock::Stamp,
    faults::Faults,
    ids::{GuestId, GuestListId, Named},
    ledger::{
        LedgerError, Name,
        guestlist::{ListedGuest, ListedGuestList},
    },
};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The caller is refused.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The caller may not, or there is no such thing for them.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The body breaks a rule.
    #[error("the body is invalid")]
    Invalid(Faults),
    /// The event has a guest list of this name.
    #[error("This event has a guest list of this name.")]
    NameTaken,
    /// The party would be smaller than the number of its people who are in.
    #[error("{0} of this party are in already.")]
    AlreadyArrived(i32),
    /// The ledger.
    #[error(transparent)]
    Ledger(LedgerError),
}

impl From<LedgerError> for GuestError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Taken(Name::GuestList) => Self::NameTaken,
            other => Self::Ledger(other),
        }
    }
}

/// A guest list, and who is on it and in.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = guest_list)]
pub struct GuestListView {
    /// Its id.
    pub id: GuestListId,
    /// Its name.
    #[schema(example = "Friends of the house")]
    pub name: String,
    /// What its manager wrote to it.
    pub note: Option<String>,
    /// Guests on it.
    pub guests: i64,
    /// People that they stand for.
    pub people: i64,
    /// People who are in.
    pub arrived: i64,
}

/// Shows a list.
pub fn view_list(listed: &ListedGuestList) -> GuestListView {
    let ListedGuestList { list, guests, people, arrived } = listed;
    GuestListView { id: list.id, name: list.name.clone(), note: list.note.clone(), guests: *guests, people: *people, arrived: *arrived }
}

/// A guest with their party.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = guest)]
pub struct GuestView {
    /// Its id.
    pub id: GuestId,
    /// The list.
    pub list: Named,
    /// The name.
    #[schema(example = "Zoë Straßer")]
    pub name: String,
    /// Whom they come from.
    pub company: Option<String>,
    /// What their manager wrote to them.
    pub note: Option<String>,
    /// People that the guest stands for, the guest included.
    #[schema(example = 4)]
    pub party_size: i32,
    /// People of the party who are in.
    #[schema(example = 1)]
    pub arrived: i32,
    /// People of the party who are still missing.
    #[schema(example = 3)]
    pub remaining: i32,
    /// When the guest was struck off.
    pub removed_at: Option<Stamp>,
}

/// Shows a guest.
pub fn view_guest(listed: &ListedGuest) -> GuestView {
    let ListedGuest { guest, list_name } = listed;
    GuestView {
        id: guest.id,
        list: Named::new(guest.list_id, list_name),
        name: guest.name.clone(),
        company: guest.company.clone(),
        note: guest.note.clone(),
        party_size: guest.party_size,
        arrived: guest.arrived,
        remaining: guest.remaining(),
        removed_at: guest.removed_at.map(Stamp),
    }
}

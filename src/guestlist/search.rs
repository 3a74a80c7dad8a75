//! What is seen of guest lists, by those who check guests in and those who manage them.

use serde::Serialize;

use super::{GuestError, GuestListView, GuestView, check_in::answer::CheckInView, view_guest, view_list, words};
use crate::{
    authenticate::Caller,
    authorise::{
        Clerk, Mandate, Refused,
        guestlist::{guest_manager, may_see_guests, pinned_elsewhere},
    },
    faults::Faults,
    ids::{EventId, GuestId, GuestListId, Named},
    ledger::{
        Book, LedgerError, Page,
        guestlist::{Arrival, GuestSearch, ListedGuest, ListedGuestList},
    },
    limits,
};

/// A guest, and all that happened to the party.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = guest_with_history)]
pub struct GuestHistory {
    /// The guest.
    #[serde(flatten)]
    pub guest: GuestView,
    /// Check-ins and those taken back, oldest first.
    pub check_ins: Vec<CheckInView>,
}

/// The event, if it is of the caller's organisation: that it is there is asked before what they may do.
async fn event(book: &Book, caller: &Caller, id: EventId) -> Result<(), GuestError> {
    let found = book.event(id).await?.filter(|facts| facts.event.organisation_id == caller.organisation());
    found.map(drop).ok_or(Refused::NotFound.into())
}

async fn pinned(book: &Book, caller: &Caller, event: EventId) -> Result<Option<Named>, LedgerError> {
    match pinned_elsewhere(caller, event) {
        Some(elsewhere) => book.event_named(elsewhere).await,
        None => Ok(None),
    }
}

async fn reader(book: &Book, clerk: Clerk<'_>, id: EventId) -> Result<Caller, GuestError> {
    let caller = clerk.caller().await?;
    event(book, &caller, id).await?;
    may_see_guests(&caller, id, pinned(book, &caller, id).await?.as_ref())?;
    Ok(caller)
}

/// May this caller see the guest lists of this event?
pub async fn may_read(book: &Book, clerk: Clerk<'_>, id: EventId) -> Result<(), GuestError> {
    reader(book, clerk, id).await.map(drop)
}

/// The right to change the guest lists of this event.
pub async fn manager_of_event(book: &Book, clerk: Clerk<'_>, id: EventId) -> Result<Mandate, GuestError> {
    let caller = clerk.caller().await?;
    event(book, &caller, id).await?;
    let pinned = pinned(book, &caller, id).await?;
    Ok(guest_manager(caller, id, pinned.as_ref())?)
}

/// The right to change this guest list.
pub async fn manager_of_list(book: &Book, clerk: Clerk<'_>, id: GuestListId) -> Result<(Mandate, ListedGuestList), GuestError> {
    let caller = clerk.caller().await?;
    let listed = book.guest_list(caller.organisation(), id).await?.ok_or(Refused::NotFound)?;
    let pinned = pinned(book, &caller, listed.list.event_id).await?;
    Ok((guest_manager(caller, listed.list.event_id, pinned.as_ref())?, listed))
}

/// The right to change this guest.
pub async fn manager_of_guest(book: &Book, clerk: Clerk<'_>, id: GuestId) -> Result<(Mandate, ListedGuest), GuestError> {
    let caller = clerk.caller().await?;
    let listed = book.guest(caller.organisation(), id).await?.ok_or(Refused::NotFound)?;
    let pinned = pinned(book, &caller, listed.guest.event_id).await?;
    Ok((guest_manager(caller, listed.guest.event_id, pinned.as_ref())?, listed))
}

/// The guest lists of an event.
pub async fn lists(book: &Book, clerk: Clerk<'_>, id: EventId, page: Page) -> Result<Vec<GuestListView>, GuestError> {
    may_read(book, clerk, id).await?;
    Ok(book.guest_lists(id, page).await?.iter().map(view_list).collect())
}

/// What guests are looked for by.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Parts of the name, in any order.
    pub q: Option<String>,
    /// On this list.
    pub list: Option<GuestListId>,
    /// Of whom so many have arrived.
    pub arrived: Option<Arrival>,
}

/// The guests of an event that are looked for, in the order of their names.
pub async fn guests(book: &Book, clerk: Clerk<'_>, id: EventId, wanted: &Wanted, page: Page) -> Result<Vec<GuestView>, GuestError> {
    let caller = reader(book, clerk, id).await?;
    if let Some(list) = wanted.list {
        let listed = book.guest_list(caller.organisation(), list).await?;
        listed.filter(|listed| listed.list.event_id == id).ok_or(Refused::NotFound)?;
    }
    let search = GuestSearch {
        words: query(wanted.q.as_deref().unwrap_or_default()).map_err(GuestError::Invalid)?,
        list: wanted.list,
        arrival: wanted.arrived,
    };
    Ok(book.guests(caller.organisation(), id, &search, page).await?.iter().map(view_guest).collect())
}

fn query(q: &str) -> Result<Vec<String>, Faults> {
    if q.chars().count() > limits::QUERY_CHARS {
        return Err(Faults::one("/q", format!("must have at most {} characters", limits::QUERY_CHARS)));
    }
    Ok(words(q))
}

/// One guest, struck off or not, with all that happened.
pub async fn guest(book: &Book, clerk: Clerk<'_>, id: GuestId) -> Result<GuestHistory, GuestError> {
    let caller = clerk.caller().await?;
    let listed = book.guest(caller.organisation(), id).await?.ok_or(Refused::NotFound)?;
    let event = listed.guest.event_id;
    may_see_guests(&caller, event, pinned(book, &caller, event).await?.as_ref())?;
    let check_ins = book.check_ins(caller.organisation(), id).await?;
    Ok(GuestHistory { guest: view_guest(&listed), check_ins: check_ins.iter().map(CheckInView::of).collect() })
}

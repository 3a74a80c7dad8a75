//! What members see of guest lists: those who check guests in and those who manage the lists.

use serde::Serialize;

use super::{GuestError, GuestListView, GuestView, check_in::answer::CheckInView, view_guest, view_list, words};
use crate::{
    authenticate::Caller,
    authorise::{
        Mandate, Refused, StaffSession,
        guestlist::{guest_manager, may_see_guests, pinned_elsewhere},
    },
    faults::Faults,
    ids::{EventId, GuestId, GuestListId, Named},
    ledger::{
        Ledger, LedgerError, Page,
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
async fn event(ledger: &Ledger, caller: &Caller, id: EventId) -> Result<(), GuestError> {
    let found = ledger.event(id).await?.filter(|facts| facts.event.organisation_id == caller.organisation());
    found.map(drop).ok_or(Refused::NotFound.into())
}

async fn pinned(ledger: &Ledger, caller: &Caller, event: EventId) -> Result<Option<Named>, LedgerError> {
    match pinned_elsewhere(caller, event) {
        Some(elsewhere) => ledger.event_named(elsewhere).await,
        None => Ok(None),
    }
}

async fn reader(ledger: &Ledger, staff: StaffSession<'_>, id: EventId) -> Result<Caller, GuestError> {
    let caller = staff.caller().await?;
    event(ledger, &caller, id).await?;
    may_see_guests(&caller, id, pinned(ledger, &caller, id).await?.as_ref())?;
    Ok(caller)
}

/// May this caller see the guest lists of this event?
pub async fn may_read(ledger: &Ledger, staff: StaffSession<'_>, id: EventId) -> Result<(), GuestError> {
    reader(ledger, staff, id).await.map(drop)
}

/// The right to change the guest lists of this event.
pub async fn manager_of_event(ledger: &Ledger, staff: StaffSession<'_>, id: EventId) -> Result<Mandate, GuestError> {
    let caller = staff.caller().await?;
    event(ledger, &caller, id).await?;
    let pinned = pinned(ledger, &caller, id).await?;
    Ok(guest_manager(caller, id, pinned.as_ref())?)
}

/// The right to change this guest list.
pub async fn manager_of_list(ledger: &Ledger, staff: StaffSession<'_>, id: GuestListId) -> Result<(Mandate, ListedGuestList), GuestError> {
    let caller = staff.caller().await?;
    let listed = ledger.guest_list(caller.organisation(), id).await?.ok_or(Refused::NotFound)?;
    let pinned = pinned(ledger, &caller, listed.list.event_id).await?;
    Ok((guest_manager(caller, listed.list.event_id, pinned.as_ref())?, listed))
}

/// The right to change this guest.
pub async fn manager_of_guest(ledger: &Ledger, staff: StaffSession<'_>, id: GuestId) -> Result<(Mandate, ListedGuest), GuestError> {
    let caller = staff.caller().await?;
    let listed = ledger.guest(caller.organisation(), id).await?.ok_or(Refused::NotFound)?;
    let pinned = pinned(ledger, &caller, listed.guest.event_id).await?;
    Ok((guest_manager(caller, listed.guest.event_id, pinned.as_ref())?, listed))
}

/// The guest lists of an event.
pub async fn lists(ledger: &Ledger, staff: StaffSession<'_>, id: EventId, page: Page) -> Result<Vec<GuestListView>, GuestError> {
    may_read(ledger, staff, id).await?;
    Ok(ledger.guest_lists(id, page).await?.iter().map(view_list).collect())
}

/// What guests are looked for by.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Parts of the name, in any order.
    pub q: Option<String>,
    /// On this list.
    pub list: Option<GuestListId>,
    /// People of these parties who have arrived.
    pub arrived: Option<Arrival>,
}

/// The guests of an event that are looked for, in the order of their names.
pub async fn guests(
    ledger: &Ledger,
    staff: StaffSession<'_>,
    id: EventId,
    wanted: &Wanted,
    page: Page,
) -> Result<Vec<GuestView>, GuestError> {
    let caller = reader(ledger, staff, id).await?;
    if let Some(list) = wanted.list {
        let listed = ledger.guest_list(caller.organisation(), list).await?;
        listed.filter(|listed| listed.list.event_id == id).ok_or(Refused::NotFound)?;
    }
    let search = GuestSearch {
        words: query(wanted.q.as_deref().unwrap_or_default()).map_err(GuestError::Invalid)?,
        list: wanted.list,
        arrival: wanted.arrived,
    };
    Ok(ledger.guests(caller.organisation(), id, &search, page).await?.iter().map(view_guest).collect())
}

fn query(q: &str) -> Result<Vec<String>, Faults> {
    if q.chars().count() > limits::QUERY_CHARS {
        return Err(Faults::one("/q", format!("must have at most {} characters", limits::QUERY_CHARS)));
    }
    Ok(words(q))
}

/// One guest, struck off or not, with all that happened.
pub async fn guest(ledger: &Ledger, staff: StaffSession<'_>, id: GuestId) -> Result<GuestHistory, GuestError> {
    let caller = staff.caller().await?;
    let listed = ledger.guest(caller.organisation(), id).await?.ok_or(Refused::NotFound)?;
    let event = listed.guest.event_id;
    may_see_guests(&caller, event, pinned(ledger, &caller, event).await?.as_ref())?;
    let check_ins = ledger.check_ins(caller.organisation(), id).await?;
    Ok(GuestHistory { guest: view_guest(&listed), check_ins: check_ins.iter().map(CheckInView::of).collect() })
}

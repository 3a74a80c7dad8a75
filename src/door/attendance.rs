//! Who came and who is inside: for the door's crew and for those who watch over it.

use super::DoorError;
use crate::{
    authenticate::Caller,
    authorise::{self, Clerk, Pin},
    ids::EventId,
    ledger::{Book, rows::Attendance},
};

/// The attendance of an event, as the book has it now. It is told of an event that is over as well.
pub async fn attendance(book: &Book, clerk: Clerk<'_>, event: EventId) -> Result<Attendance, DoorError> {
    let caller = clerk.caller().await?;
    may_count(book, &caller, event).await?;
    Ok(book.attendance(caller.organisation(), event).await?)
}

/// May this caller count who is inside at this event, if there is one?
pub async fn may_count(book: &Book, caller: &Caller, event: EventId) -> Result<(), DoorError> {
    let organisation = caller.organisation();
    let facts = book.event(event).await?.filter(|facts| facts.event.organisation_id == organisation);
    let pinned = match authorise::pin(&caller.authority().membership) {
        Pin::At(only) => book.event_named(only).await?,
        Pin::Unbound | Pin::Nowhere => None,
    };
    Ok(authorise::may_count(caller, facts.map(|facts| facts.event.id), pinned.as_ref())?)
}

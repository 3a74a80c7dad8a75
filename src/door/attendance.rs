//! Who came and who is inside: for the door's crew and for those who watch over it.

use super::DoorError;
use crate::{
    authorise::{self, Clerk, Pin},
    ids::EventId,
    ledger::{Book, rows::Attendance},
};

/// The attendance of an event, as the book has it now. It is told of an event that is over as well.
pub async fn attendance(book: &Book, clerk: Clerk<'_>, event: EventId) -> Result<Attendance, DoorError> {
    let caller = clerk.caller().await?;
    let organisation = caller.organisation();
    let facts = book.event(event).await?.filter(|facts| facts.event.organisation_id == organisation);
    let pinned = match authorise::pin(&caller.authority().membership) {
        Pin::At(only) => book.event_named(only).await?,
        Pin::Unbound | Pin::Nowhere => None,
    };
    authorise::may_count(&caller, facts.map(|facts| facts.event.id), pinned.as_ref())?;
    Ok(book.attendance(organisation, event).await?)
}

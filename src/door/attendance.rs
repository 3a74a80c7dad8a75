//! Who came and who is inside: for the door's crew and for those who watch over it.

use super::DoorError;
use crate::{
    authenticate::Caller,
    authorise::{self, Pin, StaffSession},
    ids::EventId,
    ledger::{Ledger, rows::Attendance},
};

/// The attendance of an event, as the ledger has it now. It is told of an event that is over as well.
pub async fn attendance(ledger: &Ledger, staff: StaffSession<'_>, event: EventId) -> Result<Attendance, DoorError> {
    let caller = staff.caller().await?;
    may_count(ledger, &caller, event).await?;
    Ok(ledger.attendance(caller.organisation(), event).await?)
}

/// May this caller count who is inside at this event, if there is one?
pub async fn may_count(ledger: &Ledger, caller: &Caller, event: EventId) -> Result<(), DoorError> {
    let organisation = caller.organisation();
    let facts = ledger.event(event).await?.filter(|facts| facts.event.organisation_id == organisation);
    let pinned = match authorise::pin(&caller.authority().membership) {
        Pin::At(only) => ledger.event_named(only).await?,
        Pin::Unbound | Pin::Nowhere => None,
    };
    Ok(authorise::may_count(caller, facts.map(|facts| facts.event.id), pinned.as_ref())?)
}

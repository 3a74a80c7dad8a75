//! Who came and who is inside: for the crew at the door and for those who supervise it.

use crate::{
    authenticate::Caller,
    authorise::{self, StaffSession},
    door::DoorError,
    ids::EventId,
    ledger::{Ledger, rows::Attendance},
};

/// The attendance of an event, as the ledger has it now, also of an event that is over.
pub async fn attendance(ledger: &Ledger, staff: StaffSession<'_>, event: EventId) -> Result<Attendance, DoorError> {
    let caller = staff.caller().await?;
    may_count(ledger, &caller, event).await?;
    Ok(ledger.attendance(caller.organisation(), event).await?)
}

/// Whether this caller may see who is inside at this event, if there is one.
pub async fn may_count(ledger: &Ledger, caller: &Caller, event: EventId) -> Result<(), DoorError> {
    let (facts, pinned) = ledger.event_for(&caller.authority().membership, event).await?;
    Ok(authorise::may_count(caller, facts.map(|facts| facts.event.id), pinned.as_ref())?)
}

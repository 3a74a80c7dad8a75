//! A mistaken scan is taken back, from request to answer: facts, decide, commit, answer. A scan's walk once more (see [`super`]).
//!
//! The book is append-only: what is taken back stays in it, and so does the movement that reverses it. It always looks afresh, for it is
//! rare and its answers are final.

pub mod answer;
mod commit;
pub mod decide;
mod facts;

use self::{
    answer::Answer,
    decide::{Back, Question},
    facts::Facts,
};
use super::DoorError;
use crate::{
    authenticate::token::SessionClaims,
    authorise::{self, Act, Permit, Refused},
    ids::ScanId,
    ledger::{
        LedgerError,
        rows::{RecordedScan, Reversal},
    },
    limits,
    walk::{Room, Rooms, Sources},
};

/// Takes a scan back.
pub async fn take_back(sources: &Sources, claims: SessionClaims, scan: ScanId, rooms: &mut Rooms) -> Result<Answer, DoorError> {
    let deadline = sources.gate.clock.deadline(limits::WALK);
    for _ in 0..limits::WALKS {
        let facts = rooms.time(Room::Facts, facts::gather(sources, claims, scan, deadline)).await?;
        match consider(sources, claims, &facts, rooms)? {
            Step::Replay(recorded, reversal) => return Ok(answer::tell(recorded, reversal, true)),
            Step::TakeBack(recorded, back, permit) => {
                match rooms.time(Room::Commit, commit::commit(sources, permit, &facts, recorded, back, deadline)).await {
                    Ok(Some(receipt)) => return Ok(answer::tell(recorded, receipt.reversal(), false)),
                    // Moved, taken back by another, or unknown because the answer was lost: the next look tells.
                    Ok(None) | Err(LedgerError::Moved | LedgerError::Unavailable) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Err(LedgerError::Busy.into())
}

/// Where the walk stands after the judgement.
enum Step<'f> {
    /// It is taken back already.
    Replay(&'f RecordedScan, Reversal),
    /// It is to be, by this movement; and the right to write it.
    TakeBack(&'f RecordedScan, Back, Permit),
}

/// Authenticate, authorise, decide: no waiting, on one set of facts.
fn consider<'f>(sources: &Sources, claims: SessionClaims, facts: &'f Facts, rooms: &mut Rooms) -> Result<Step<'f>, DoorError> {
    let caller = rooms.measure(Room::Authenticate, || sources.gate.admit(facts.authority.clone(), claims))?;
    if let Some(recorded) = &facts.recorded
        && let Some(reversal) = recorded.reversal()
        && recorded.device_id.is_some()
        && recorded.device_id == caller.authority().session.device_id
    {
        return Ok(Step::Replay(recorded, reversal));
    }
    let permit = rooms.measure(Room::Authorise, || authorise::permit(&caller, Act::Scan, facts.event.as_deref(), facts.pinned.as_ref()))?;
    let recorded = facts.recorded.as_ref().ok_or(Refused::NotFound)?;
    let question = Question { recorded, last: facts.last.as_ref(), device: permit.device().id, now: sources.gate.clock.now() };
    let back = rooms.measure(Room::Decide, || decide::decide(&question))?;
    Ok(Step::TakeBack(recorded, back, permit))
}

//! A mistaken scan is taken back, from request to answer: facts, decide, commit, answer. A scan's walk once more (see [`super`]).
//!
//! The ledger is append-only: what is taken back stays in it, and so does the movement that reverses it. It always looks afresh, for it is
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
    attempt::{Sources, Stage, Timings},
    authenticate::token::SessionClaims,
    authorise::{self, Act, Permit, Refused},
    ids::ScanId,
    ledger::{
        LedgerError,
        rows::{RecordedScan, Reversal},
    },
    limits,
};

/// Takes a scan back.
pub async fn take_back(sources: &Sources, claims: SessionClaims, scan: ScanId, timings: &mut Timings) -> Result<Answer, DoorError> {
    let deadline = sources.authenticator.clock.deadline(limits::ATTEMPT_TIMEOUT);
    for _ in 0..limits::ATTEMPTS_MAX {
        let facts = timings.time(Stage::Facts, facts::gather(sources, claims, scan, deadline)).await?;
        match consider(sources, claims, &facts, timings)? {
            Step::Replay(recorded, reversal) => return Ok(answer::tell(recorded, reversal, true)),
            Step::TakeBack(recorded, back, permit) => {
                match timings.time(Stage::Commit, commit::commit(sources, permit, &facts, recorded, back, deadline)).await {
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
fn consider<'f>(sources: &Sources, claims: SessionClaims, facts: &'f Facts, timings: &mut Timings) -> Result<Step<'f>, DoorError> {
    let caller = timings.measure(Stage::Authenticate, || sources.authenticator.admit(facts.authority.clone(), claims))?;
    if let Some(recorded) = &facts.recorded
        && let Some(reversal) = recorded.reversal()
        && recorded.device_id.is_some()
        && recorded.device_id == caller.authority().session.device_id
    {
        return Ok(Step::Replay(recorded, reversal));
    }
    let permit =
        timings.measure(Stage::Authorise, || authorise::permit(&caller, Act::Scan, facts.event.as_deref(), facts.pinned.as_ref()))?;
    let recorded = facts.recorded.as_ref().ok_or(Refused::NotFound)?;
    let question = Question { recorded, last: facts.last.as_ref(), device: permit.device().id, now: sources.authenticator.clock.now() };
    let back = timings.measure(Stage::Decide, || decide::decide(&question))?;
    Ok(Step::TakeBack(recorded, back, permit))
}

//! A hold: stock and prices kept for one sale of one till while a card is charged. The same walk as a sale's, and its early end.

pub mod answer;
mod commit;
pub mod request;

use std::time::Duration;

use self::{answer::Answer, commit::Committed, request::HoldRequest};
use super::{
    PosError,
    decide::{self, Basket},
    facts::{self, Facts, Sought},
    seen,
};
use crate::{
    attempt::{Freshness, Sources, Stage, Timings},
    authenticate::{Caller, token::SessionClaims},
    authorise::{self, Act, Permit, Refused, StaffSession},
    ids::HoldId,
    ledger::{
        LedgerError,
        rows::{EventFacts, RecordedHold},
    },
    limits,
};

/// Holding stock is selling without the payment: whoever may sell may hold, whether or not they take cash.
const ACT: Act = Act::Sell { cash: false, admit: false };

/// A hold that keeps for so long.
pub async fn hold(
    sources: &Sources,
    claims: SessionClaims,
    request: &HoldRequest,
    keeps: Duration,
    timings: &mut Timings,
) -> Result<Answer, PosError> {
    let clock = sources.authenticator.clock;
    let deadline = clock.deadline(limits::ATTEMPT_TIMEOUT);
    let sought = Sought { hold: Some(request.id), sale: None };
    let mut freshness = Freshness::Nearest;
    for _ in 0..limits::ATTEMPTS_MAX {
        let facts = timings.time(Stage::Facts, facts::look(sources, claims, request.event, sought, freshness, deadline)).await?;
        match consider(sources, claims, request, &facts, timings) {
            Ok(Step::Replay(recorded)) => return Ok(answer::replay(recorded)?),
            Ok(Step::Hold(basket, permit, event)) => {
                let expires_at = clock.now() + keeps;
                let committed = commit::commit(sources, permit, request, *basket, event, expires_at, deadline);
                match timings.time(Stage::Commit, committed).await {
                    Ok(Committed::Recorded { expires_at, total }) => return Ok(answer::tell(request.id, expires_at, total)),
                    Ok(Committed::SoldOut { ticket_type, left }) => return Err(PosError::SoldOut { ticket_type, left }),
                    Ok(Committed::TooMany) => return Err(PosError::TooManyHolds),
                    // Moved, known, or unknown because the answer was lost: the next look tells.
                    Ok(Committed::Moved) | Err(LedgerError::Unavailable) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(refusal) if facts.freshness == Freshness::Fresh => return Err(refusal),
            Err(_) => {}
        }
        freshness = Freshness::Fresh;
    }
    Err(LedgerError::Busy.into())
}

/// Where the walk stands after the judgement.
enum Step<'f> {
    /// The hold was made already.
    Replay(&'f RecordedHold),
    /// What it costs, the right to write it, and what it was decided on.
    Hold(Box<Basket>, Permit, &'f EventFacts),
}

fn consider<'f>(
    sources: &Sources,
    claims: SessionClaims,
    request: &HoldRequest,
    facts: &'f Facts,
    timings: &mut Timings,
) -> Result<Step<'f>, PosError> {
    let caller = timings.measure(Stage::Authenticate, || sources.authenticator.admit(facts.authority.clone(), claims))?;
    if let Some(recorded) = &facts.hold {
        let same = is_of(recorded, &caller) && recorded.hold.fingerprint == request.fingerprint();
        return if same { Ok(Step::Replay(recorded)) } else { Err(PosError::IdReused) };
    }
    let permit = timings.measure(Stage::Authorise, || authorise::permit(&caller, ACT, facts.event.as_deref(), facts.pinned.as_ref()))?;
    let event = facts.event.as_deref().ok_or(Refused::NotFound)?;
    let basket = timings.measure(Stage::Decide, || decide::decide_hold(request, event))?;
    Ok(Step::Hold(Box::new(basket), permit, event))
}

fn is_of(recorded: &RecordedHold, caller: &Caller) -> bool {
    caller.authority().session.device_id == Some(recorded.hold.device_id)
}

/// Gives a hold's stock back before its time. One that was released already is released; one that a sale used is gone.
pub async fn release(sources: &Sources, staff: StaffSession<'_>, id: HoldId) -> Result<(), PosError> {
    let ledger = &sources.ledger;
    for _ in 0..limits::ATTEMPTS_MAX {
        let caller = staff.caller().await?;
        let organisation = caller.organisation();
        let found = ledger.hold(organisation, id).await?.ok_or(Refused::NotFound)?;
        let (event, pinned) = seen(ledger, &caller, found.hold.event_id).await?;
        let permit = authorise::permit(&caller, ACT, event.as_ref(), pinned.as_ref())?;
        if !is_of(&found, &caller) {
            return Err(PosError::OtherDevice);
        }
        match (found.hold.used_by, found.hold.released_at) {
            (Some(_), _) => return Err(PosError::HoldGone),
            (None, Some(_)) => return Ok(()),
            (None, None) => match ledger.release_hold(organisation, sources.authenticator.clock.now(), &permit.decided_on(), id).await {
                Ok(true) => return Ok(()),
                // LastUses or released meanwhile, or what it rests on has moved: the next look tells.
                Ok(false) | Err(LedgerError::Moved) => {}
                Err(error) => return Err(error.into()),
            },
        }
    }
    Err(LedgerError::Busy.into())
}

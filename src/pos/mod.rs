//! A sale, from request to answer: request, facts, decide, commit, answer. The same walk as a scan's (see [`crate::door`]).

pub mod answer;
mod commit;
pub mod decide;
pub mod facts;
pub mod hold;
pub mod records;
pub mod request;
pub mod summary;
pub mod void;

use self::{
    answer::Answer,
    commit::Committed,
    decide::{Here, Objection, Quote},
    facts::Facts,
    request::Request,
};
use crate::{
    attempt::{Freshness, Sources, Stage, Timings},
    authenticate::{Caller, NotAuthenticated, token::SessionClaims},
    authorise::{self, Act, Denied, Permit, Refused},
    clock::Moment,
    faults::Faults,
    ids::{EventId, Named, SaleId, TicketId},
    ledger::{
        Ledger, LedgerError,
        kinds::Permission,
        rows::{EventFacts, RecordedSale},
    },
    limits,
    money::Money,
};

/// Why there is no sale.
#[derive(Debug, thiserror::Error)]
pub enum PosError {
    /// The caller is not who they say.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// The caller may not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The body breaks a rule.
    #[error("the body is invalid")]
    Invalid(Faults),
    /// The terminal showed another total.
    #[error("The price has changed: the total is now {0}.")]
    PriceChanged(Money),
    /// The quota of a type does not hold the sale.
    #[error("{} is sold out: {left} left.", .ticket_type.name)]
    SoldOut {
        /// The first type that lacks.
        ticket_type: Named,
        /// What is left of it.
        left: i32,
    },
    /// The hold was used or released.
    #[error("This hold was used or released. Please make a new one.")]
    HoldGone,
    /// The till has as many live holds as it may have.
    #[error("This till holds tickets for too many customers at once. Please sell or release a hold first.")]
    TooManyHolds,
    /// The hold was made by another device.
    #[error("This hold was made on another device.")]
    OtherDevice,
    /// The sale is void already.
    #[error("This sale was voided before.")]
    AlreadyVoided(Moment),
    /// One of the sale's tickets is inside.
    #[error("One of the tickets is inside. It has to leave before the sale can be voided.")]
    AlreadyAdmitted(TicketId),
    /// The id was used for something else, or by another device.
    #[error("This id was used for another request.")]
    IdReused,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<Objection> for PosError {
    fn from(objection: Objection) -> Self {
        match objection {
            Objection::Invalid(faults) => Self::Invalid(faults),
            Objection::PriceChanged(total) => Self::PriceChanged(total),
            Objection::HoldGone => Self::HoldGone,
        }
    }
}

impl From<Denied> for PosError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotAuthenticated(error) => Self::NotAuthenticated(error),
            Denied::Refused(error) => Self::Refused(error),
            Denied::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// A sale.
pub async fn sell(sources: &Sources, claims: SessionClaims, request: &Request, timings: &mut Timings) -> Result<Answer, PosError> {
    let deadline = sources.authenticator.clock.deadline(limits::ATTEMPT_TIMEOUT);
    let mut freshness = Freshness::Nearest;
    for _ in 0..limits::ATTEMPTS_MAX {
        let facts = timings.time(Stage::Facts, facts::gather(sources, claims, request, freshness, deadline)).await?;
        match consider(sources, claims, request, &facts, timings) {
            Ok(Step::Replay(recorded)) => return Ok(answer::tell(recorded, true)?),
            Ok(Step::Sell(quote, permit, event)) => {
                match timings.time(Stage::Commit, commit::commit(sources, permit, request, *quote, event, deadline)).await {
                    Ok(Committed::Recorded(receipt)) => return Ok(answer::tell(receipt.recorded(), false)?),
                    Ok(Committed::SoldOut { ticket_type, left }) => return Err(PosError::SoldOut { ticket_type, left }),
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
    /// The sale is in the ledger already.
    Replay(&'f RecordedSale),
    /// What it costs, the right to write it, and what it was decided on.
    Sell(Box<Quote>, Permit, &'f EventFacts),
}

/// Authenticate, authorise, decide: no waiting, on one set of facts.
fn consider<'f>(
    sources: &Sources,
    claims: SessionClaims,
    request: &Request,
    facts: &'f Facts,
    timings: &mut Timings,
) -> Result<Step<'f>, PosError> {
    let caller = timings.measure(Stage::Authenticate, || sources.authenticator.admit(facts.authority.clone(), claims))?;
    if let Some(recorded) = &facts.recorded {
        return replay(recorded, request, &caller);
    }
    let act = Act::Sell { cash: request.is_cash(), admit: request.admit };
    let permit = timings.measure(Stage::Authorise, || authorise::permit(&caller, act, facts.event.as_deref(), facts.pinned.as_ref()))?;
    let event = facts.event.as_deref().ok_or(Refused::NotFound)?;
    let here = Here { device: permit.device().id, now: sources.authenticator.clock.now(), hold: facts.hold.as_ref() };
    let quote = timings.measure(Stage::Decide, || decide::decide(request, event, here))?;
    Ok(Step::Sell(Box::new(quote), permit, event))
}

fn replay<'f>(recorded: &'f RecordedSale, request: &Request, caller: &Caller) -> Result<Step<'f>, PosError> {
    let same_device = caller.authority().session.device_id == Some(recorded.sale.device_id);
    if same_device && recorded.sale.fingerprint == request.fingerprint() { Ok(Step::Replay(recorded)) } else { Err(PosError::IdReused) }
}

/// A sale of the past: for the device that sold it, or with `sales:view`.
pub async fn find(ledger: &Ledger, caller: Caller, id: SaleId) -> Result<Answer, PosError> {
    let recorded = ledger.sale(caller.organisation(), id).await?.ok_or(Refused::NotFound)?;
    if caller.authority().session.device_id != Some(recorded.sale.device_id) {
        drop(authorise::mandate(caller, Permission::SalesView)?);
    }
    Ok(answer::tell(&recorded, false)?)
}

/// An event of the caller's organisation, and the one event in the caller's list: what a permit is asked with, read from the ledger.
async fn seen(ledger: &Ledger, caller: &Caller, event: EventId) -> Result<(Option<EventFacts>, Option<Named>), LedgerError> {
    let facts = ledger.event(event).await?.filter(|facts| facts.event.organisation_id == caller.organisation());
    let pinned = match caller.authority().membership.events.as_slice() {
        [only] => ledger.event_named(*only).await?,
        _ => None,
    };
    Ok((facts, pinned))
}

//! A scan, from request to answer: request, facts, decide, commit, answer.
//!
//! This page holds the walk and nothing else. It is walked first on the nearest copies. A green light is then made sure by the commit, and
//! a red one by the ledger's word that the ticket has not moved; whoever finds something else there, like any refusal of the caller, walks
//! once more on a fresh look.

pub mod answer;
pub mod attendance;
mod commit;
pub mod decide;
pub mod facts;
pub mod refused;
pub mod request;
pub mod take_back;

use self::{
    answer::Answer,
    decide::{Question, Reason, Verdict},
    facts::Facts,
    request::Request,
    take_back::decide::Objection,
};
use crate::{
    attempt::{Freshness, Sources, Stage, Timings},
    authenticate::{Caller, NotAuthenticated, token::SessionClaims},
    authorise::{self, Act, Denied, Permit, Refused},
    clock::Moment,
    faults::Faults,
    ledger::{
        LedgerError,
        rows::{RecordedScan, Ticket},
    },
    limits,
};

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The caller is not who they say.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// The caller may not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The body breaks a rule.
    #[error("the body is invalid")]
    Invalid(Faults),
    /// The id was used for something else, or by another device.
    #[error("This id was used for another request.")]
    IdReused,
    /// What was scanned is not taken back.
    #[error(transparent)]
    NotTakenBack(#[from] Objection),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<Denied> for DoorError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotAuthenticated(error) => Self::NotAuthenticated(error),
            Denied::Refused(error) => Self::Refused(error),
            Denied::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// A scan.
pub async fn scan(sources: &Sources, claims: SessionClaims, request: &Request, timings: &mut Timings) -> Result<Answer, DoorError> {
    let deadline = sources.authenticator.clock.deadline(limits::ATTEMPT_TIMEOUT);
    // A dry run is sure only if it is fresh: no commit stands behind it.
    let mut freshness = if request.dry_run { Freshness::Fresh } else { Freshness::Nearest };
    for _ in 0..limits::ATTEMPTS_MAX {
        let facts = timings.time(Stage::Facts, facts::gather(sources, claims, request, freshness, deadline)).await?;
        match consider(sources, claims, request, &facts, timings) {
            Ok(Step::Replay(recorded)) => return Ok(answer::replayed(recorded)),
            Ok(Step::Admit(..)) if request.dry_run => return Ok(answer::would_admit(request, &facts)),
            Ok(Step::Admit(ticket, uses, permit)) => {
                match timings.time(Stage::Commit, commit::commit(sources, permit, request, &facts, ticket, uses, deadline)).await {
                    Ok(Some(receipt)) => return Ok(answer::admitted(request, &facts, &receipt)),
                    // Moved, known, or unknown because the answer was lost: the next look tells.
                    Ok(None) | Err(LedgerError::Moved | LedgerError::Unavailable) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(Step::Refuse(reason)) if facts.freshness != Freshness::Nearest => {
                refused::note(sources, request, &facts, reason);
                return Ok(answer::refused(request, &facts, reason));
            }
            // Red on a copy: the ledger confirms it, or does not.
            Ok(Step::Refuse(_)) if timings.time(Stage::Facts, facts::confirm(sources, request, &facts, deadline)).await? => {
                freshness = Freshness::Confirmed;
                continue;
            }
            Err(refusal) if facts.freshness == Freshness::Fresh => return Err(refusal),
            Ok(Step::Refuse(_)) | Err(_) => {}
        }
        freshness = Freshness::Fresh;
    }
    Err(LedgerError::Busy.into())
}

/// Where the walk stands after the judgement.
enum Step<'f> {
    /// The scan is in the ledger already.
    Replay(&'f RecordedScan),
    /// Green, if this ticket's movement that uses so many entries gets into the ledger; and the right to write it.
    Admit(&'f Ticket, i32, Permit),
    /// Red.
    Refuse(Reason),
}

/// Authenticate, authorise, decide: no waiting, on one set of facts.
fn consider<'f>(
    sources: &Sources,
    claims: SessionClaims,
    request: &Request,
    facts: &'f Facts,
    timings: &mut Timings,
) -> Result<Step<'f>, DoorError> {
    let caller = timings.measure(Stage::Authenticate, || sources.authenticator.admit(facts.authority.clone(), claims))?;
    if let Some(recorded) = &facts.recorded {
        return replay(recorded, request, &caller);
    }
    let permit =
        timings.measure(Stage::Authorise, || authorise::permit(&caller, Act::Scan, facts.event.as_deref(), facts.pinned.as_ref()))?;
    if !request.faults.is_empty() {
        return Err(DoorError::Invalid(request.faults.clone()));
    }
    let verdict = timings.measure(Stage::Decide, || decide::decide(&question(request, facts, &permit, sources.authenticator.clock.now())));
    Ok(match (verdict, facts.ticket.as_ref()) {
        (Verdict::Admit { uses }, Some(ticket)) => Step::Admit(ticket, uses, permit),
        (Verdict::Admit { .. }, None) => Step::Refuse(Reason::UnknownTicket),
        (Verdict::Refuse(reason), _) => Step::Refuse(reason),
    })
}

fn replay<'f>(recorded: &'f RecordedScan, request: &Request, caller: &Caller) -> Result<Step<'f>, DoorError> {
    let device = caller.authority().device.as_ref().filter(|device| Some(device.id) == recorded.device_id);
    let same = device.is_some_and(|device| recorded.fingerprint == request.fingerprint(device));
    if same { Ok(Step::Replay(recorded)) } else { Err(DoorError::IdReused) }
}

fn question<'q>(request: &'q Request, facts: &'q Facts, permit: &'q Permit, now: Moment) -> Question<'q> {
    let ticket = facts.ticket.as_ref();
    Question {
        ticket,
        ticket_type: ticket.and_then(|t| facts.event.as_deref()?.ticket_type(t.ticket_type_id)),
        last: facts.last.as_ref(),
        elsewhere: facts.elsewhere.as_ref(),
        direction: request.direction,
        gate: request.gate_at(permit.device()),
        now,
    }
}

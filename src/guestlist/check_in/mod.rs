//! People of a party come in, and a check-in is taken back: the walk of a scan, at the guest list.
//!
//! It is walked on a fresh look at the ledger, for names are looked up by the hundred and not by the hundred thousand: so a refusal needs
//! no second look. What was seen can move before the commit all the same; then nothing is written, and the walk begins anew.

pub mod answer;
mod commit;
pub mod decide;
pub mod request;

use chrono::TimeDelta;

use self::{
    answer::{Answer, TakenBack},
    decide::{Verdict, decide},
    request::Request,
};
use crate::{
    attempt::{Sources, Stage, Timings},
    authenticate::{Caller, NotAuthenticated, token::SessionClaims},
    authorise::{
        Refused,
        guestlist::{self, CheckInOwner, is_same},
    },
    clock::Moment,
    faults::Faults,
    ids::CheckInId,
    ledger::{
        LedgerError,
        guestlist::{CheckInLook, CheckInSeen, RecordedCheckIn},
    },
    limits,
};

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum CheckInError {
    /// The caller is not who they say.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// The caller may not, or there is no such guest.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The body breaks a rule.
    #[error("the body is invalid")]
    Invalid(Faults),
    /// The id was used for something else, or by another device.
    #[error("This id was used for another request.")]
    IdReused,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// People of a party come in.
pub async fn check_in(sources: &Sources, claims: SessionClaims, request: &Request, timings: &mut Timings) -> Result<Answer, CheckInError> {
    let clock = sources.authenticator.clock;
    let deadline = clock.deadline(limits::ATTEMPT_TIMEOUT);
    let look = CheckInLook { session: claims.session, guest: Some(request.guest), check_in: request.id };
    for _ in 0..limits::ATTEMPTS_MAX {
        let seen = timings.time(Stage::Facts, sources.ledger.check_in_look(look)).await?;
        let caller =
            timings.measure(Stage::Authenticate, || sources.authenticator.admit(seen.authority.clone().map(Into::into), claims))?;
        if let Some(recorded) = &seen.check_in {
            return replay(request, &seen, recorded, &caller);
        }
        let permit = timings.measure(Stage::Authorise, || guestlist::check_in(&caller, seen.event.as_ref(), seen.pinned.as_ref()))?;
        let listed = seen.guest.as_ref().ok_or(Refused::NotFound)?;
        if !request.faults.is_empty() {
            return Err(CheckInError::Invalid(request.faults.clone()));
        }
        if let Verdict::Refuse(reason) = timings.measure(Stage::Decide, || decide(&listed.guest, request.people)) {
            return Ok(answer::refused(request, listed, reason));
        }
        if let Some(receipt) = timings.time(Stage::Commit, commit::admit(&sources.ledger, permit, request, &listed.guest, deadline)).await?
        {
            return Ok(answer::admitted(request, listed, &receipt, &caller));
        }
        if clock.is_past(deadline) {
            break;
        }
    }
    Err(LedgerError::Busy.into())
}

fn replay(request: &Request, seen: &CheckInSeen, recorded: &RecordedCheckIn, caller: &Caller) -> Result<Answer, CheckInError> {
    let same = is_same(caller, recorded.device_id, recorded.membership_id)
        && recorded.fingerprint == request.fingerprint(caller.authority().device.as_ref());
    match seen.guest.as_ref() {
        Some(listed) if same => Ok(answer::replayed(listed, recorded)),
        _ => Err(CheckInError::IdReused),
    }
}

/// A check-in is taken back by a new movement, once. Who did so is told again; so is anybody else who may.
pub async fn take_back(sources: &Sources, claims: SessionClaims, id: CheckInId, timings: &mut Timings) -> Result<TakenBack, CheckInError> {
    let clock = sources.authenticator.clock;
    let deadline = clock.deadline(limits::ATTEMPT_TIMEOUT);
    let look = CheckInLook { session: claims.session, guest: None, check_in: id };
    for _ in 0..limits::ATTEMPTS_MAX {
        let seen = timings.time(Stage::Facts, sources.ledger.check_in_look(look)).await?;
        let caller =
            timings.measure(Stage::Authenticate, || sources.authenticator.admit(seen.authority.clone().map(Into::into), claims))?;
        // What took a check-in back is not taken back itself: whoever wants the people in checks them in.
        let check_in = seen.check_in.as_ref().filter(|check_in| check_in.undoes.is_none()).ok_or(Refused::NotFound)?;
        let listed = seen.guest.as_ref().ok_or(Refused::NotFound)?;
        if let Some(undo) = seen.undo.as_ref().filter(|undo| is_same(&caller, undo.device_id, undo.membership_id)) {
            return Ok(answer::taken_back_before(check_in, listed, undo));
        }
        let whose = whose(check_in, &caller, clock.now());
        let permit =
            timings.measure(Stage::Authorise, || guestlist::take_back(&caller, seen.event.as_ref(), seen.pinned.as_ref(), whose))?;
        if let Some(undo) = &seen.undo {
            return Ok(answer::taken_back_before(check_in, listed, undo));
        }
        if let Some(receipt) =
            timings.time(Stage::Commit, commit::take_back(&sources.ledger, clock, permit, check_in, &listed.guest, deadline)).await?
        {
            return Ok(answer::taken_back(check_in, listed, &receipt, &caller));
        }
        if clock.is_past(deadline) {
            break;
        }
    }
    Err(LedgerError::Busy.into())
}

/// A mistake is the own one of whoever made it for a quarter of an hour.
fn whose(check_in: &RecordedCheckIn, caller: &Caller, now: Moment) -> CheckInOwner {
    let recent = now < check_in.recorded_at + TimeDelta::minutes(limits::TAKE_BACK_MINUTES);
    if recent && is_same(caller, check_in.device_id, check_in.membership_id) { CheckInOwner::TheirOwn } else { CheckInOwner::Anothers }
}

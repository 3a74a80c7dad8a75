//! A check-in is taken back by a new movement, once, from request to answer.

pub mod answer;
mod commit;
mod decide;

use std::convert::Infallible;

use tokio::time::Instant;

use self::answer::TakenBack;
use super::check_in::{CheckInError, POLICY, facts};
use crate::{
    attempt::{Attempt, Decision, Found, Freshness, Policy, Sources},
    authenticate::{Caller, token::SessionClaims},
    authorise::{
        Permit, Refused,
        guestlist::{self, CheckInOwner, is_same},
    },
    clock::Moment,
    ids::CheckInId,
    ledger::{
        LedgerError,
        check_in::CheckIn,
        entry::Outcome,
        guestlist::{CheckInSeen, ListedGuest, RecordedCheckIn},
    },
};

/// A request to take a check-in back.
#[derive(Clone, Copy, Debug)]
pub struct TakeBack(pub CheckInId);

/// The check-in and its guest. What took a check-in back is not taken back itself: to let the people in again, they are checked in.
fn found(facts: &CheckInSeen) -> Result<(&RecordedCheckIn, &ListedGuest), Refused> {
    let check_in = facts.check_in.as_ref().filter(|check_in| check_in.undoes.is_none()).ok_or(Refused::NotFound)?;
    Ok((check_in, facts.guest.as_ref().ok_or(Refused::NotFound)?))
}

impl Attempt for TakeBack {
    type Facts = CheckInSeen;
    type Permit = Permit<CheckIn>;
    type Plan = ();
    type Refusal = Infallible;
    type Answer = TakenBack;
    type Error = CheckInError;

    fn policy(&self) -> Policy {
        POLICY
    }

    async fn look(&self, sources: &Sources, claims: SessionClaims, _: Freshness, _: Instant) -> Result<Found<CheckInSeen>, LedgerError> {
        facts::gather(sources, claims, None, self.0).await
    }

    /// The caller who took it back gets the first answer again, whatever the caller may do now.
    fn replay(&self, caller: &Caller, facts: &CheckInSeen) -> Result<Option<TakenBack>, CheckInError> {
        let (check_in, listed) = found(facts)?;
        let own = facts.undo.as_ref().filter(|undo| is_same(caller, undo.device_id, undo.membership_id));
        Ok(own.map(|undo| answer::taken_back_before(check_in, listed, undo)))
    }

    fn authorise(&self, caller: &Caller, facts: &CheckInSeen, now: Moment) -> Result<Permit<CheckIn>, Refused> {
        let owner = facts.check_in.as_ref().map_or(CheckInOwner::Other, |check_in| decide::owner(check_in, caller, now));
        guestlist::to_take_back(caller, facts.event.as_ref(), facts.pinned.as_ref(), owner)
    }

    fn decide(&self, _: &Permit<CheckIn>, facts: &CheckInSeen, _: Moment) -> Result<Decision<(), Infallible, TakenBack>, CheckInError> {
        let (check_in, listed) = found(facts)?;
        Ok(match &facts.undo {
            Some(undo) => Decision::Answer(answer::taken_back_before(check_in, listed, undo)),
            None => Decision::Commit(()),
        })
    }

    fn refuse(&self, _: &Sources, _: &Caller, _: &CheckInSeen, never: Infallible) -> TakenBack {
        match never {}
    }

    async fn commit(
        &self,
        sources: &Sources,
        permit: Permit<CheckIn>,
        facts: &CheckInSeen,
        (): (),
        deadline: Instant,
    ) -> Result<Outcome<TakenBack, CheckInError>, LedgerError> {
        let Ok((check_in, listed)) = found(facts) else { return Ok(Outcome::Moved) };
        let caller = permit.caller().clone();
        let outcome = commit::commit(sources, permit, check_in, &listed.guest, deadline).await?;
        Ok(outcome.map(|receipt| answer::taken_back(check_in, listed, &receipt, &caller)))
    }
}

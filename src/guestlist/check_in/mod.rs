//! People of a party are checked in, from request to answer.
//!
//! Every look is fresh, so a refusal needs no second one. What was found can change before the commit all the same; then nothing is written, and
//! the next attempt looks again.

pub mod answer;
pub(super) mod commit;
pub mod decide;
pub(super) mod facts;
pub mod request;

use std::convert::Infallible;

use tokio::time::Instant;

use self::{answer::CheckInAnswer, decide::Verdict, request::Request};
use crate::{
    attempt::{Attempt, Decision, Found, Freshness, GivesUp, LostCommit, Policy, Sources},
    authenticate::{Caller, NotAuthenticated, token::SessionClaims},
    authorise::{Permit, Refused, guestlist},
    clock::Moment,
    faults::Faults,
    ledger::{LedgerError, check_in::CheckIn, entry::Outcome, guestlist::CheckInSeen},
};

/// Why a check-in has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum CheckInError {
    /// The session, the member or the device is not valid.
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

/// The look and the commit of a check-in each have a time limit of their own, so the attempt itself ends at the deadline.
pub(super) const POLICY: Policy = Policy { first_look: Freshness::Fresh, lost_commit: LostCommit::Fails, gives_up: GivesUp::AtDeadline };

impl Attempt for Request {
    type Facts = CheckInSeen;
    type Permit = Permit<CheckIn>;
    type Plan = ();
    type Refusal = Infallible;
    type Answer = CheckInAnswer;
    type Error = CheckInError;

    fn policy(&self) -> Policy {
        POLICY
    }

    async fn look(&self, sources: &Sources, claims: SessionClaims, _: Freshness, _: Instant) -> Result<Found<CheckInSeen>, LedgerError> {
        facts::gather(sources, claims, Some(self.guest), self.id).await
    }

    fn replay(&self, caller: &Caller, facts: &CheckInSeen) -> Result<Option<CheckInAnswer>, CheckInError> {
        match (&facts.check_in, &facts.guest) {
            (None, _) => Ok(None),
            (Some(recorded), Some(listed)) if decide::is_repeated(self, recorded, caller) => Ok(Some(answer::replayed(listed, recorded))),
            (Some(_), _) => Err(CheckInError::IdReused),
        }
    }

    fn authorise(&self, caller: &Caller, facts: &CheckInSeen, _: Moment) -> Result<Permit<CheckIn>, Refused> {
        guestlist::to_check_in(caller, facts.event.as_ref(), facts.pinned.as_ref())
    }

    fn decide(&self, _: &Permit<CheckIn>, facts: &CheckInSeen, _: Moment) -> Result<Decision<(), Infallible, CheckInAnswer>, CheckInError> {
        let listed = facts.guest.as_ref().ok_or(Refused::NotFound)?;
        if !self.faults.is_empty() {
            return Err(CheckInError::Invalid(self.faults.clone()));
        }
        Ok(match decide::decide(&listed.guest, self.people) {
            Verdict::Admit => Decision::Commit(()),
            // Every look is fresh: a refusal is final at once.
            Verdict::Refuse(reason) => Decision::Answer(answer::refused(self, listed, reason)),
        })
    }

    fn refuse(&self, _: &Sources, _: &Caller, _: &CheckInSeen, never: Infallible) -> CheckInAnswer {
        match never {}
    }

    async fn commit(
        &self,
        sources: &Sources,
        permit: Permit<CheckIn>,
        facts: &CheckInSeen,
        (): (),
        deadline: Instant,
    ) -> Result<Outcome<CheckInAnswer, CheckInError>, LedgerError> {
        let Some(listed) = &facts.guest else { return Ok(Outcome::Moved) };
        let caller = permit.caller().clone();
        let outcome = commit::admit(&sources.ledger, permit, self, &listed.guest, deadline).await?;
        Ok(outcome.map(|receipt| answer::admitted(self, listed, &receipt, &caller)))
    }
}

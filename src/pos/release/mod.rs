//! A hold is released before its time, from request to answer.

mod decide;
mod facts;

use std::convert::Infallible;

use tokio::time::Instant;

use self::facts::Facts;
use super::PosError;
use crate::{
    attempt::{Attempt, Decision, Found, Freshness, GivesUp, LostCommit, Policy, Sources},
    authenticate::{Caller, token::SessionClaims},
    authorise::{self, Permit, Refused},
    clock::Moment,
    ids::HoldId,
    ledger::{
        LedgerError,
        entry::{Entry, Outcome},
        hold::HoldRelease,
    },
};

/// A request to release a hold.
#[derive(Clone, Copy, Debug)]
pub struct Release(pub HoldId);

impl Attempt for Release {
    type Facts = Facts;
    type Permit = Permit<HoldRelease>;
    type Plan = ();
    type Refusal = Infallible;
    type Answer = ();
    type Error = PosError;

    /// A release is one statement with a time limit of its own.
    fn policy(&self) -> Policy {
        Policy { first_look: Freshness::Fresh, lost_commit: LostCommit::Fails, gives_up: GivesUp::AfterLooks }
    }

    async fn look(&self, sources: &Sources, claims: SessionClaims, _: Freshness, _: Instant) -> Result<Found<Facts>, LedgerError> {
        facts::gather(sources, claims, self.0).await
    }

    /// A release has no id of its own: whether it was made before is seen by the hold.
    fn replay(&self, _: &Caller, facts: &Facts) -> Result<Option<()>, PosError> {
        facts.hold.as_ref().ok_or(Refused::NotFound)?;
        Ok(None)
    }

    fn authorise(&self, caller: &Caller, facts: &Facts, _: Moment) -> Result<Permit<HoldRelease>, Refused> {
        authorise::to_release(caller, facts.event.as_ref(), facts.pinned.as_ref())
    }

    fn decide(&self, permit: &Permit<HoldRelease>, facts: &Facts, _: Moment) -> Result<Decision<(), Infallible, ()>, PosError> {
        decide::decide(facts.hold.as_ref().ok_or(Refused::NotFound)?, permit.caller())
    }

    fn refuse(&self, _: &Sources, _: &Caller, _: &Facts, never: Infallible) {
        match never {}
    }

    async fn commit(
        &self,
        sources: &Sources,
        permit: Permit<HoldRelease>,
        _: &Facts,
        (): (),
        _: Instant,
    ) -> Result<Outcome<(), PosError>, LedgerError> {
        Ok(sources.ledger.release_hold(&Entry::new(permit, HoldRelease(self.0))).await?.map(|()| ()))
    }
}

//! A mistaken scan is taken back, from request to answer.
//!
//! The ledger is append-only: what is taken back stays in it, and so does the movement that reverses it. Every look is fresh, because taking
//! back is rare and its answers are final.

pub mod answer;
mod commit;
pub mod decide;
mod facts;

use std::convert::Infallible;

use tokio::time::Instant;

use self::{
    answer::TakeBackAnswer,
    decide::{Back, Question},
    facts::Facts,
};
use super::DoorError;
use crate::{
    attempt::{Attempt, Decision, Found, Freshness, GivesUp, LostCommit, Policy, Sources},
    authenticate::{Caller, token::SessionClaims},
    authorise::{self, Permit, Refused},
    clock::Moment,
    ids::ScanId,
    ledger::{LedgerError, entry::Outcome, scan::Scan},
};

/// A request to take a scan back.
#[derive(Clone, Copy, Debug)]
pub struct TakeBack(pub ScanId);

impl Attempt for TakeBack {
    type Facts = Facts;
    type Permit = Permit<Scan>;
    type Plan = Back;
    type Refusal = Infallible;
    type Answer = TakeBackAnswer;
    type Error = DoorError;

    fn policy(&self) -> Policy {
        Policy { first_look: Freshness::Fresh, lost_commit: LostCommit::LooksAgain, gives_up: GivesUp::AfterLooks }
    }

    async fn look(&self, sources: &Sources, claims: SessionClaims, _: Freshness, deadline: Instant) -> Result<Found<Facts>, LedgerError> {
        facts::gather(sources, claims, self.0, deadline).await
    }

    fn replay(&self, caller: &Caller, facts: &Facts) -> Result<Option<TakeBackAnswer>, DoorError> {
        let device = caller.authority().session.device_id;
        Ok(facts
            .recorded
            .as_ref()
            .and_then(|recorded| decide::taken_back_before(recorded, device).map(|reversal| answer::taken_back(recorded, reversal, true))))
    }

    fn authorise(&self, caller: &Caller, facts: &Facts, _: Moment) -> Result<Permit<Scan>, Refused> {
        authorise::to_scan(caller, facts.event.as_deref(), facts.pinned.as_ref())
    }

    fn decide(&self, permit: &Permit<Scan>, facts: &Facts, now: Moment) -> Result<Decision<Back, Infallible, TakeBackAnswer>, DoorError> {
        let recorded = facts.recorded.as_ref().ok_or(Refused::NotFound)?;
        let device = permit.device().map(|device| device.id);
        Ok(Decision::Commit(decide::decide(&Question { recorded, last: facts.last.as_ref(), device, now })?))
    }

    fn refuse(&self, _: &Sources, _: &Caller, _: &Facts, never: Infallible) -> TakeBackAnswer {
        match never {}
    }

    async fn commit(
        &self,
        sources: &Sources,
        permit: Permit<Scan>,
        facts: &Facts,
        back: Back,
        deadline: Instant,
    ) -> Result<Outcome<TakeBackAnswer, DoorError>, LedgerError> {
        let Some(recorded) = &facts.recorded else { return Ok(Outcome::Moved) };
        let outcome = commit::commit(sources, permit, facts, recorded, back, deadline).await?;
        Ok(outcome.map(|receipt| answer::taken_back(recorded, receipt.reversal(), false)))
    }
}

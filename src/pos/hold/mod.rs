//! A hold, from request to answer: stock and prices are kept for one sale of one till while a card is charged.

pub mod answer;
mod commit;
pub mod decide;
mod facts;
pub mod request;

use std::convert::Infallible;

use tokio::time::Instant;

use self::{answer::HoldAnswer, request::HoldRequest};
use super::{PosError, facts::Facts, sale::decide::Basket};
use crate::{
    attempt::{Attempt, Decision, Found, Freshness, GivesUp, LostCommit, Policy, Sources},
    authenticate::{Caller, token::SessionClaims},
    authorise::{self, Permit, Refused},
    clock::Moment,
    ledger::{LedgerError, entry::Outcome, hold::NewHold},
};

impl Attempt for HoldRequest {
    type Facts = Facts;
    type Permit = Permit<NewHold>;
    type Plan = Box<Basket>;
    type Refusal = Infallible;
    type Answer = HoldAnswer;
    type Error = PosError;

    fn policy(&self) -> Policy {
        Policy { first_look: Freshness::Nearest, lost_commit: LostCommit::LooksAgain, gives_up: GivesUp::AfterLooks }
    }

    async fn look(
        &self,
        sources: &Sources,
        claims: SessionClaims,
        freshness: Freshness,
        deadline: Instant,
    ) -> Result<Found<Facts>, LedgerError> {
        facts::gather(sources, claims, self, freshness, deadline).await
    }

    fn replay(&self, caller: &Caller, facts: &Facts) -> Result<Option<HoldAnswer>, PosError> {
        match &facts.hold {
            None => Ok(None),
            Some(recorded) if decide::is_repeated(self, recorded, caller) => Ok(Some(answer::replayed(recorded)?)),
            Some(_) => Err(PosError::IdReused),
        }
    }

    fn authorise(&self, caller: &Caller, facts: &Facts, _: Moment) -> Result<Permit<NewHold>, Refused> {
        authorise::to_hold(caller, facts.event.as_deref(), facts.pinned.as_ref())
    }

    fn decide(&self, _: &Permit<NewHold>, facts: &Facts, _: Moment) -> Result<Decision<Box<Basket>, Infallible, HoldAnswer>, PosError> {
        let event = facts.event.as_deref().ok_or(Refused::NotFound)?;
        Ok(Decision::Commit(Box::new(decide::decide(self, event)?)))
    }

    fn refuse(&self, _: &Sources, _: &Caller, _: &Facts, never: Infallible) -> HoldAnswer {
        match never {}
    }

    async fn commit(
        &self,
        sources: &Sources,
        permit: Permit<NewHold>,
        facts: &Facts,
        basket: Box<Basket>,
        deadline: Instant,
    ) -> Result<Outcome<HoldAnswer, PosError>, LedgerError> {
        let Some(event) = &facts.event else { return Ok(Outcome::Moved) };
        commit::commit(sources, permit, self, *basket, event, deadline).await
    }
}

//! A sale, from request to answer. The first look is at the nearest copies; the commit makes the decision sure, and a refusal is decided again
//! on a fresh look.

pub mod answer;
mod commit;
pub mod decide;
mod facts;
pub mod request;

use std::convert::Infallible;

use tokio::time::Instant;

use self::{
    answer::SaleAnswer,
    decide::{Here, Quote},
    request::Request,
};
use super::{PosError, facts::Facts};
use crate::{
    attempt::{Attempt, Decision, Found, Freshness, GivesUp, LostCommit, Policy, Sources},
    authenticate::{Caller, token::SessionClaims},
    authorise::{self, Permit, Refused},
    clock::Moment,
    ledger::{LedgerError, entry::Outcome, sale::NewSale},
};

impl Attempt for Request {
    type Facts = Facts;
    type Permit = Permit<NewSale>;
    type Plan = Box<Quote>;
    type Refusal = Infallible;
    type Answer = SaleAnswer;
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

    fn replay(&self, caller: &Caller, facts: &Facts) -> Result<Option<SaleAnswer>, PosError> {
        match &facts.recorded {
            None => Ok(None),
            Some(recorded) if decide::is_repeated(self, recorded, caller) => Ok(Some(answer::of(recorded, true)?)),
            Some(_) => Err(PosError::IdReused),
        }
    }

    fn authorise(&self, caller: &Caller, facts: &Facts, _: Moment) -> Result<Permit<NewSale>, Refused> {
        authorise::to_sell(caller, self.is_cash(), self.admit, facts.event.as_deref(), facts.pinned.as_ref())
    }

    fn decide(
        &self,
        permit: &Permit<NewSale>,
        facts: &Facts,
        now: Moment,
    ) -> Result<Decision<Box<Quote>, Infallible, SaleAnswer>, PosError> {
        let event = facts.event.as_deref().ok_or(Refused::NotFound)?;
        let here = Here { device: permit.device().map(|device| device.id), now, hold: facts.hold.as_ref() };
        Ok(Decision::Commit(Box::new(decide::decide(self, event, here)?)))
    }

    fn refuse(&self, _: &Sources, _: &Caller, _: &Facts, never: Infallible) -> SaleAnswer {
        match never {}
    }

    async fn commit(
        &self,
        sources: &Sources,
        permit: Permit<NewSale>,
        facts: &Facts,
        quote: Box<Quote>,
        deadline: Instant,
    ) -> Result<Outcome<SaleAnswer, PosError>, LedgerError> {
        let Some(event) = &facts.event else { return Ok(Outcome::Moved) };
        Ok(match commit::commit(sources, permit, self, *quote, event, deadline).await? {
            Outcome::Recorded(receipt) => Outcome::Recorded(answer::of(receipt.recorded(), false)?),
            Outcome::Refused(sold_out) => Outcome::Refused(PosError::sold_out(event, sold_out)),
            Outcome::Moved => Outcome::Moved,
        })
    }
}

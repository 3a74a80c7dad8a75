//! A void, from request to answer: a sale is taken back by an entry of its own. Its stock comes back and its tickets are void.

mod answer;
mod commit;
mod decide;
mod facts;
pub mod request;

use std::convert::Infallible;

use tokio::time::Instant;

use self::{facts::Facts, request::VoidRequest};
use super::{PosError, sale::answer::SaleAnswer};
use crate::{
    attempt::{Attempt, Decision, Found, Freshness, GivesUp, LostCommit, Policy, Sources},
    authenticate::{Caller, token::SessionClaims},
    authorise::{self, Permit, Refused},
    clock::Moment,
    ledger::{
        LedgerError,
        entry::Outcome,
        kinds::PaymentMethod,
        void::{NewVoid, StillInside},
    },
};

impl Attempt for VoidRequest {
    type Facts = Facts;
    type Permit = Permit<NewVoid>;
    type Plan = ();
    type Refusal = Infallible;
    type Answer = SaleAnswer;
    type Error = PosError;

    /// A void holds the organisation's lock alone, as any change of an event, and has a time limit of its own.
    fn policy(&self) -> Policy {
        Policy { first_look: Freshness::Fresh, lost_commit: LostCommit::Fails, gives_up: GivesUp::AfterLooks }
    }

    async fn look(&self, sources: &Sources, claims: SessionClaims, _: Freshness, _: Instant) -> Result<Found<Facts>, LedgerError> {
        facts::gather(sources, claims, self).await
    }

    fn replay(&self, caller: &Caller, facts: &Facts) -> Result<Option<SaleAnswer>, PosError> {
        match &facts.recorded {
            None => Ok(None),
            Some((recorded, sale)) if decide::is_repeated(self, recorded, caller) => {
                Ok(Some(answer::replayed(sale.as_ref().ok_or(LedgerError::Broken)?)?))
            }
            Some(_) => Err(PosError::IdReused),
        }
    }

    fn authorise(&self, caller: &Caller, facts: &Facts, _: Moment) -> Result<Permit<NewVoid>, Refused> {
        let cash = facts.sale.as_ref().is_some_and(|recorded| recorded.sale.method == PaymentMethod::Cash);
        authorise::to_void(caller, cash, facts.event.as_ref(), facts.pinned.as_ref())
    }

    fn decide(&self, _: &Permit<NewVoid>, facts: &Facts, _: Moment) -> Result<Decision<(), Infallible, SaleAnswer>, PosError> {
        decide::decide(self, facts.sale.as_ref().ok_or(Refused::NotFound)?)?;
        Ok(Decision::Commit(()))
    }

    fn refuse(&self, _: &Sources, _: &Caller, _: &Facts, never: Infallible) -> SaleAnswer {
        match never {}
    }

    async fn commit(
        &self,
        sources: &Sources,
        permit: Permit<NewVoid>,
        facts: &Facts,
        (): (),
        _: Instant,
    ) -> Result<Outcome<SaleAnswer, PosError>, LedgerError> {
        let Some(sale) = &facts.sale else { return Ok(Outcome::Moved) };
        Ok(match commit::commit(sources, permit, self).await? {
            Outcome::Recorded(at) => Outcome::Recorded(answer::voided(sale, at)?),
            Outcome::Refused(StillInside(ticket)) => Outcome::Refused(PosError::AlreadyAdmitted(ticket)),
            Outcome::Moved => Outcome::Moved,
        })
    }
}

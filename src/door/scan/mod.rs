//! A scan, from request to answer.
//!
//! The first look is at the nearest copies. A green decision is then made sure by the commit, and a red one by the ledger's confirmation that
//! the ticket has not moved. If the ledger says otherwise, and after any refusal of the caller, the scan is considered again on a fresh look.

pub mod answer;
mod commit;
pub mod decide;
pub mod facts;
pub mod request;

use tokio::time::Instant;

use self::{
    answer::ScanAnswer,
    decide::{Admission, Reason},
    facts::Facts,
    request::Request,
};
use super::{DoorError, refused};
use crate::{
    attempt::{Attempt, Decision, Found, Freshness, GivesUp, LostCommit, Policy, Sources},
    authenticate::{Caller, token::SessionClaims},
    authorise::{self, Permit, Refused},
    clock::Moment,
    ledger::{LedgerError, entry::Outcome, scan::Scan},
};

impl Attempt for Request {
    type Facts = Facts;
    type Permit = Permit<Scan>;
    type Plan = Admission;
    type Refusal = Reason;
    type Answer = ScanAnswer;
    type Error = DoorError;

    fn policy(&self) -> Policy {
        Policy {
            // A dry run is sure only if it is fresh: no commit follows it.
            first_look: if self.dry_run { Freshness::Fresh } else { Freshness::Nearest },
            lost_commit: LostCommit::LooksAgain,
            gives_up: GivesUp::AfterLooks,
        }
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

    fn replay(&self, caller: &Caller, facts: &Facts) -> Result<Option<ScanAnswer>, DoorError> {
        match &facts.recorded {
            None => Ok(None),
            Some(recorded) if decide::is_repeated(self, recorded, caller) => Ok(Some(answer::replayed(recorded))),
            Some(_) => Err(DoorError::IdReused),
        }
    }

    fn authorise(&self, caller: &Caller, facts: &Facts, _: Moment) -> Result<Permit<Scan>, Refused> {
        authorise::to_scan(caller, facts.event.as_deref(), facts.pinned.as_ref())
    }

    fn decide(&self, permit: &Permit<Scan>, facts: &Facts, now: Moment) -> Result<Decision<Admission, Reason, ScanAnswer>, DoorError> {
        if !self.faults.is_empty() {
            return Err(DoorError::Invalid(self.faults.clone()));
        }
        Ok(match decide::verdict(self, facts, permit.device(), now) {
            Ok(_) if self.dry_run => Decision::Answer(answer::would_admit(self, facts)),
            Ok(admission) => Decision::Commit(admission),
            Err(reason) => Decision::Refuse(reason),
        })
    }

    async fn confirm(&self, sources: &Sources, found: &Found<Facts>, deadline: Instant) -> Result<bool, LedgerError> {
        facts::confirm(sources, self, found, deadline).await
    }

    fn refuse(&self, sources: &Sources, caller: &Caller, facts: &Facts, reason: Reason) -> ScanAnswer {
        refused::note(sources, caller, self, facts, reason);
        answer::refused(self, caller, facts, reason)
    }

    async fn commit(
        &self,
        sources: &Sources,
        permit: Permit<Scan>,
        facts: &Facts,
        admission: Admission,
        deadline: Instant,
    ) -> Result<Outcome<ScanAnswer, DoorError>, LedgerError> {
        let outcome = commit::commit(sources, permit, self, facts, admission, deadline).await?;
        Ok(outcome.map(|receipt| answer::admitted(self, facts, &receipt)))
    }
}

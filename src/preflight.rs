//! May I? The decision of a scan or a sale alone, for terminals that grey out a button.
//!
//! It rests on the nearest copies, so it may be up to a second behind another gateway; the real calls never are.

use std::convert::Infallible;

use tokio::time::Instant;

use crate::{
    attempt::{Attempt, Decision, Found, Freshness, GivesUp, LostCommit, Policy, Sources, attempt},
    authenticate::{Caller, NotAuthenticated, token::SessionClaims},
    authorise::{self, Act, Refused},
    clock::Moment,
    ids::EventId,
    ledger::{LedgerError, entry::Outcome},
    pos::facts::{Facts, Sought, look},
    string_enum::string_enum,
};

string_enum! {
    /// What the question is about.
    pub enum Action {
        /// Scan a ticket.
        Scan = "scan",
        /// Sell for a card payment.
        SellCard = "sell_card",
        /// Sell for cash.
        SellCash = "sell_cash",
    }
}

impl From<Action> for Act {
    fn from(action: Action) -> Self {
        match action {
            Action::Scan => Self::Scan,
            Action::SellCard => Self::Sell { cash: false, admit: false },
            Action::SellCash => Self::Sell { cash: true, admit: false },
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// The session, the member or the device is not valid.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// The answer is no.
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A question: may the caller do this at this event?
#[derive(Clone, Copy, Debug)]
pub struct Question {
    pub action: Action,
    pub event: EventId,
}

/// Yes, or why not.
pub async fn may(sources: &Sources, claims: SessionClaims, question: Question) -> Result<Result<(), Refused>, PreflightError> {
    match attempt(&question, sources, claims).await.result {
        Ok(()) => Ok(Ok(())),
        Err(PreflightError::Refused(refused)) => Ok(Err(refused)),
        Err(error) => Err(error),
    }
}

impl Attempt for Question {
    type Facts = Facts;
    type Permit = ();
    type Plan = Infallible;
    type Refusal = Infallible;
    type Answer = ();
    type Error = PreflightError;

    fn policy(&self) -> Policy {
        Policy { first_look: Freshness::Nearest, lost_commit: LostCommit::Fails, gives_up: GivesUp::AfterLooks }
    }

    async fn look(
        &self,
        sources: &Sources,
        claims: SessionClaims,
        freshness: Freshness,
        deadline: Instant,
    ) -> Result<Found<Facts>, LedgerError> {
        look(sources, claims, self.event, Sought::default(), freshness, deadline).await
    }

    fn replay(&self, _: &Caller, _: &Facts) -> Result<Option<()>, PreflightError> {
        Ok(None)
    }

    fn authorise(&self, caller: &Caller, facts: &Facts, _: Moment) -> Result<(), Refused> {
        authorise::may(caller, self.action.into(), facts.event.as_deref(), facts.pinned.as_ref())
    }

    fn decide(&self, (): &(), _: &Facts, _: Moment) -> Result<Decision<Infallible, Infallible, ()>, PreflightError> {
        Ok(Decision::Answer(()))
    }

    fn refuse(&self, _: &Sources, _: &Caller, _: &Facts, never: Infallible) {
        match never {}
    }

    async fn commit(
        &self,
        _: &Sources,
        (): (),
        _: &Facts,
        never: Infallible,
        _: Instant,
    ) -> Result<Outcome<(), PreflightError>, LedgerError> {
        match never {}
    }
}

//! May I? The decision of a scan or a sale alone, for terminals that grey out a button.
//!
//! It rests on the nearest copies, so it may be up to a second behind another gateway; the real calls never are.

use crate::{
    attempt::{Freshness, Sources},
    authenticate::{NotAuthenticated, token::SessionClaims},
    authorise::{self, Act, Refused},
    ids::EventId,
    ledger::LedgerError,
    limits,
    pos::facts::{self, Sought},
    string_enum::string_enum,
};

string_enum! {
    /// What somebody wants to know about.
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
pub enum MayError {
    /// The caller is not who they say.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Yes, or why not. A no is confirmed by a fresh look.
pub async fn may(sources: &Sources, claims: SessionClaims, action: Action, event: EventId) -> Result<Result<(), Refused>, MayError> {
    let deadline = sources.authenticator.clock.deadline(limits::ATTEMPT_TIMEOUT);
    let mut freshness = Freshness::Nearest;
    loop {
        let facts = facts::look(sources, claims, event, Sought::default(), freshness, deadline).await?;
        let caller = sources.authenticator.admit(facts.authority, claims);
        let allowed =
            caller.map(|caller| authorise::permit(&caller, action.into(), facts.event.as_deref(), facts.pinned.as_ref()).map(drop));
        match allowed {
            Ok(Ok(())) => return Ok(Ok(())),
            refused if facts.freshness == Freshness::Fresh => return Ok(refused?),
            _ => freshness = Freshness::Fresh,
        }
    }
}

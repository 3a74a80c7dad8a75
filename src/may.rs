//! May I? The decision of a scan or a sale alone, for terminals that grey out a button.
//!
//! It rests on the nearest copies, so it may be up to a second behind another gateway; the real calls never are.

use crate::{
    authenticate::{NotAuthenticated, token::SessionClaims},
    authorise::{self, Act, Refused},
    ids::EventId,
    ledger::LedgerError,
    limits,
    pos::facts::{self, Sought},
    walk::{Sight, Sources},
    words::words,
};

words! {
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
    /// The book.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Yes, or why not. A no is confirmed by a fresh look.
pub async fn may(sources: &Sources, claims: SessionClaims, action: Action, event: EventId) -> Result<Result<(), Refused>, MayError> {
    let deadline = sources.gate.clock.deadline(limits::WALK);
    let mut sight = Sight::Nearest;
    loop {
        let facts = facts::look(sources, claims, event, Sought::default(), sight, deadline).await?;
        let caller = sources.gate.admit(facts.authority, claims);
        let allowed =
            caller.map(|caller| authorise::permit(&caller, action.into(), facts.event.as_deref(), facts.pinned.as_ref()).map(drop));
        match allowed {
            Ok(Ok(())) => return Ok(Ok(())),
            refused if facts.sight == Sight::Fresh => return Ok(refused?),
            _ => sight = Sight::Fresh,
        }
    }
}

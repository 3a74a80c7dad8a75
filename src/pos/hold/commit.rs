//! A basket becomes a hold, or nothing: the permit is used up either way.

use tokio::time::Instant;

use super::request::HoldRequest;
use crate::{
    attempt::Sources,
    authorise::Permit,
    clock::Moment,
    ids::Named,
    ledger::{
        LedgerError,
        entry::{HoldEntry, HoldOutcome},
        rows::EventFacts,
    },
    money::Money,
    pos::decide::Basket,
};

/// What became of a hold.
#[derive(Debug)]
pub enum Committed {
    /// Its stock is kept.
    Recorded {
        /// From when on it no longer is.
        expires_at: Moment,
        /// What it costs.
        total: Money,
    },
    /// The quota of a type does not hold it.
    SoldOut {
        /// The first type that lacks.
        ticket_type: Named,
        /// What is left of it.
        left: i32,
    },
    /// The till has as many live holds as it may have.
    TooMany,
    /// What it rests on has moved, or its id is known. Look again.
    Moved,
}

/// Writes the hold.
pub async fn commit(
    sources: &Sources,
    permit: Permit,
    request: &HoldRequest,
    basket: Basket,
    event: &EventFacts,
    expires_at: Moment,
    deadline: Instant,
) -> Result<Committed, LedgerError> {
    let total = basket.total;
    let entry = HoldEntry {
        decided_on: permit.decided_on(),
        id: request.id,
        currency: basket.currency.code().to_owned(),
        total_minor: total.minor(),
        expires_at,
        fingerprint: request.fingerprint(),
        lines: basket.lines,
    };
    Ok(match sources.ledger.commit_hold(permit.organisation(), entry, deadline).await? {
        HoldOutcome::Recorded => Committed::Recorded { expires_at, total },
        HoldOutcome::SoldOut { ticket_type, left } => Committed::SoldOut { ticket_type: event.named(ticket_type), left },
        HoldOutcome::TooMany => Committed::TooMany,
        HoldOutcome::NotWritten => Committed::Moved,
    })
}

//! A basket becomes a hold: the permit is used up, for any outcome.

use tokio::time::Instant;

use super::{answer, answer::HoldAnswer, request::HoldRequest};
use crate::{
    attempt::Sources,
    authorise::Permit,
    ledger::{
        LedgerError,
        entry::{Entry, Outcome},
        hold::{HoldRefused, NewHold},
        rows::EventFacts,
    },
    pos::{PosError, sale::decide::Basket},
};

/// Writes the hold.
pub async fn commit(
    sources: &Sources,
    permit: Permit<NewHold>,
    request: &HoldRequest,
    basket: Basket,
    event: &EventFacts,
    deadline: Instant,
) -> Result<Outcome<HoldAnswer, PosError>, LedgerError> {
    let total = basket.total;
    let expires_at = sources.authenticator.clock.now() + request.keeps;
    let hold = NewHold {
        id: request.id,
        currency: basket.currency.code().to_owned(),
        total_minor: total.minor(),
        expires_at,
        fingerprint: request.fingerprint(),
        lines: basket.lines,
    };
    Ok(match sources.ledger.commit_hold(Entry::new(permit, hold), deadline).await? {
        Outcome::Recorded(()) => Outcome::Recorded(answer::made(request.id, expires_at, total)),
        Outcome::Refused(HoldRefused::SoldOut(sold_out)) => Outcome::Refused(PosError::sold_out(event, sold_out)),
        Outcome::Refused(HoldRefused::TooMany) => Outcome::Refused(PosError::TooManyHolds),
        Outcome::Moved => Outcome::Moved,
    })
}

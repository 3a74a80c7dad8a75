//! The answer to a hold: until when it keeps its stock, and what it costs.

use serde::Serialize;

use crate::{
    clock::{Moment, Stamp},
    ids::HoldId,
    ledger::{LedgerError, rows::RecordedHold},
    money::{Currency, Money},
};

/// A hold.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = hold)]
pub struct Answer {
    /// Its id.
    pub id: HoldId,
    /// From when on it keeps nothing.
    pub expires_at: Stamp,
    /// The sum of its lines: what the sale that uses it costs.
    #[schema(value_type = String, example = "25.00")]
    pub total: Money,
    /// Whether this is the first answer told again; a header, not a part of the body.
    #[serde(skip)]
    pub replayed: bool,
}

/// Tells a hold that has just been made.
pub fn tell(id: HoldId, expires_at: Moment, total: Money) -> Answer {
    Answer { id, expires_at: expires_at.into(), total, replayed: false }
}

/// Tells a recorded hold again.
pub fn replay(recorded: &RecordedHold) -> Result<Answer, LedgerError> {
    let hold = &recorded.hold;
    let currency = Currency::parse(&hold.currency).map_err(|_| LedgerError::Broken)?;
    Ok(Answer { replayed: true, ..tell(hold.id, hold.expires_at, currency.from_minor(hold.total_minor)) })
}

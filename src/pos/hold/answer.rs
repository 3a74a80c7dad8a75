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
pub struct HoldAnswer {
    /// Its id.
    pub id: HoldId,
    /// From when on it keeps nothing.
    pub expires_at: Stamp,
    /// The sum of its lines: what the sale that uses it costs.
    #[schema(value_type = String, example = "25.00")]
    pub total: Money,
    /// Whether this is the first answer again; a header, not a part of the body.
    #[serde(skip)]
    pub replayed: bool,
}

/// The answer of a hold that has just been made.
pub fn made(id: HoldId, expires_at: Moment, total: Money) -> HoldAnswer {
    HoldAnswer { id, expires_at: expires_at.into(), total, replayed: false }
}

/// The first answer again.
pub fn replayed(recorded: &RecordedHold) -> Result<HoldAnswer, LedgerError> {
    let hold = &recorded.hold;
    let currency = Currency::parse(&hold.currency).map_err(|_| LedgerError::Broken)?;
    Ok(HoldAnswer { replayed: true, ..made(hold.id, hold.expires_at, currency.from_minor(hold.total_minor)) })
}

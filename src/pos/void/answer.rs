//! The answer to a void: the sale, with the time of the void.

use crate::{
    clock::Moment,
    ledger::{LedgerError, rows::RecordedSale},
    pos::sale::answer::{self, SaleAnswer},
};

/// The sale, voided now.
pub fn voided(sale: &RecordedSale, at: Moment) -> Result<SaleAnswer, LedgerError> {
    answer::of(&RecordedSale { voided_at: Some(at), ..sale.clone() }, false)
}

/// The first answer again.
pub fn replayed(sale: &RecordedSale) -> Result<SaleAnswer, LedgerError> {
    Ok(SaleAnswer { replayed: true, ..answer::of(sale, false)? })
}

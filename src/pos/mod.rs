//! The till: tickets are sold ([`sale`]), stock is held for a sale ([`hold`]) and released ([`release`]), sales are voided ([`void`]).

pub mod facts;
pub mod hold;
pub mod release;
pub mod sale;
pub mod void;

use self::sale::decide::Objection;
use crate::{
    authenticate::NotAuthenticated,
    authorise::{Denied, Refused},
    clock::Moment,
    faults::Faults,
    ids::{Named, TicketId},
    ledger::{LedgerError, rows::EventFacts, sale::SoldOut},
    money::Money,
};

/// Why a call at the till is refused.
#[derive(Debug, thiserror::Error)]
pub enum PosError {
    /// The session, the member or the device is not valid.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// The caller may not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The body breaks a rule.
    #[error("the body is invalid")]
    Invalid(Faults),
    /// The terminal showed another total.
    #[error("The price has changed: the total is now {0}.")]
    PriceChanged(Money),
    /// The quota of a type does not hold the sale.
    #[error("{} is sold out: {left} left.", .ticket_type.name)]
    SoldOut {
        /// The first type that lacks.
        ticket_type: Named,
        /// What is left of it.
        left: i32,
    },
    /// The hold was used or released.
    #[error("This hold was used or released. Please make a new one.")]
    HoldGone,
    /// The till has as many live holds as it may have.
    #[error("This till holds tickets for too many customers at once. Please sell or release a hold first.")]
    TooManyHolds,
    /// The hold was made by another device.
    #[error("This hold was made on another device.")]
    OtherDevice,
    /// The sale is void already.
    #[error("This sale was voided before.")]
    AlreadyVoided(Moment),
    /// One of the sale's tickets is inside.
    #[error("One of the tickets is inside. It has to leave before the sale can be voided.")]
    AlreadyAdmitted(TicketId),
    /// The id was used for something else, or by another device.
    #[error("This id was used for another request.")]
    IdReused,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl PosError {
    /// Sold out, with the type's name.
    fn sold_out(event: &EventFacts, SoldOut { ticket_type, left }: SoldOut) -> Self {
        Self::SoldOut { ticket_type: event.named(ticket_type), left }
    }
}

impl From<Objection> for PosError {
    fn from(objection: Objection) -> Self {
        match objection {
            Objection::Invalid(faults) => Self::Invalid(faults),
            Objection::PriceChanged(total) => Self::PriceChanged(total),
            Objection::HoldGone => Self::HoldGone,
        }
    }
}

impl From<Denied> for PosError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotAuthenticated(error) => Self::NotAuthenticated(error),
            Denied::Refused(error) => Self::Refused(error),
            Denied::Ledger(error) => Self::Ledger(error),
        }
    }
}

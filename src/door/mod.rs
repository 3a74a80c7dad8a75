//! The door: tickets are scanned ([`scan`]), and mistaken scans are taken back ([`take_back`]).

pub mod refused;
pub mod scan;
pub mod take_back;

use self::take_back::decide::Objection;
use crate::{
    authenticate::NotAuthenticated,
    authorise::{Denied, Refused},
    faults::Faults,
    ledger::LedgerError,
};

/// Why a call at the door has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The session, the member or the device is not valid.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// The caller may not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The body breaks a rule.
    #[error("the body is invalid")]
    Invalid(Faults),
    /// The id was used for something else, or by another device.
    #[error("This id was used for another request.")]
    IdReused,
    /// The scan is not taken back.
    #[error(transparent)]
    NotTakenBack(#[from] Objection),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<Denied> for DoorError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotAuthenticated(error) => Self::NotAuthenticated(error),
            Denied::Refused(error) => Self::Refused(error),
            Denied::Ledger(error) => Self::Ledger(error),
        }
    }
}

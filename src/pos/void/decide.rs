//! Whether a sale may be voided: a pure function of the sale and the request. That no ticket is inside, the ledger itself checks.

use super::request::VoidRequest;
use crate::{
    authenticate::Caller,
    ledger::rows::{RecordedSale, Void},
    pos::PosError,
};

/// Whether this is the request that the ledger has under its id already: of the same till, with the same meaning.
pub fn is_repeated(request: &VoidRequest, recorded: &Void, caller: &Caller) -> bool {
    caller.authority().session.device_id == Some(recorded.device_id) && recorded.fingerprint == request.fingerprint()
}

pub fn decide(request: &VoidRequest, sale: &RecordedSale) -> Result<(), PosError> {
    request.faults.clone().none_or(()).map_err(PosError::Invalid)?;
    match sale.voided_at {
        Some(at) => Err(PosError::AlreadyVoided(at)),
        None => Ok(()),
    }
}

//! What a hold costs: a pure function of the event and the request.

use super::request::HoldRequest;
use crate::{
    authenticate::Caller,
    ledger::rows::{EventFacts, RecordedHold},
    pos::sale::decide::{Basket, Objection, price},
};

/// Whether this is the request that the ledger has under its id already: of the same till, with the same meaning.
pub fn is_repeated(request: &HoldRequest, recorded: &RecordedHold, caller: &Caller) -> bool {
    is_of(recorded, caller) && recorded.hold.fingerprint == request.fingerprint()
}

/// Whether the hold was made by the caller's till.
pub fn is_of(recorded: &RecordedHold, caller: &Caller) -> bool {
    caller.authority().session.device_id == Some(recorded.hold.device_id)
}

/// Decides on a hold: these lines at the prices of now.
pub fn decide(request: &HoldRequest, event: &EventFacts) -> Result<Basket, Objection> {
    let mut faults = request.faults.clone();
    match price(&request.lines, event, None, &mut faults) {
        Some(basket) if faults.is_empty() => Ok(basket),
        _ => Err(Objection::Invalid(faults)),
    }
}

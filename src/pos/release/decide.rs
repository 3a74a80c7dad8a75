//! Whether a hold may be released: a pure function of the hold and the caller.

use crate::{
    attempt::Decision,
    authenticate::Caller,
    ledger::rows::RecordedHold,
    pos::{PosError, hold::decide::is_of},
};

/// Decides. A hold that was released already stays released; one that a sale has used is gone.
pub fn decide<R>(hold: &RecordedHold, caller: &Caller) -> Result<Decision<(), R, ()>, PosError> {
    if !is_of(hold, caller) {
        return Err(PosError::OtherDevice);
    }
    match (hold.hold.used_by, hold.hold.released_at) {
        (Some(_), _) => Err(PosError::HoldGone),
        (None, Some(_)) => Ok(Decision::Answer(())),
        (None, None) => Ok(Decision::Commit(())),
    }
}

//! Whose check-in is taken back: a pure function of the check-in, the caller and the time.

use chrono::TimeDelta;

use crate::{
    authenticate::Caller,
    authorise::guestlist::{CheckInOwner, is_same},
    clock::Moment,
    ledger::guestlist::RecordedCheckIn,
    limits,
};

/// A caller's mistake is their own to take back for a quarter of an hour.
pub fn owner(check_in: &RecordedCheckIn, caller: &Caller, now: Moment) -> CheckInOwner {
    let recent = now < check_in.recorded_at + TimeDelta::minutes(limits::TAKE_BACK_MINUTES);
    if recent && is_same(caller, check_in.device_id, check_in.membership_id) { CheckInOwner::Caller } else { CheckInOwner::Other }
}

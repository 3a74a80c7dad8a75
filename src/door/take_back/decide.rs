//! Whether a scan may be taken back: a pure function of what was seen and the time.

use chrono::TimeDelta;

use crate::{
    clock::Moment,
    ids::DeviceId,
    ledger::{
        kinds::Direction,
        rows::{Movement, RecordedScan, Reversal},
    },
    limits,
};

/// Why it is not taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// It was made on another device.
    #[error("This was scanned on another device.")]
    OtherDevice,
    /// It is too old; it could be taken back until then.
    #[error("This scan is too old to be taken back.")]
    TooLate(Moment),
    /// The ticket has moved on: its holder has left since, or the entry that it gave back is used again.
    #[error("This ticket has moved since.")]
    MovedSince,
}

/// What the decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The scan, not taken back yet.
    pub recorded: &'q RecordedScan,
    /// The ticket's last movement.
    pub last: Option<&'q Movement>,
    /// The device of the request.
    pub device: Option<DeviceId>,
    /// When.
    pub now: Moment,
}

/// The movement that takes it back: it reverses exactly what the scan did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    /// Which way.
    pub direction: Direction,
    /// Entries that it uses: -1 for an entry, 0 or 1 for an exit.
    pub uses: i32,
}

/// The movement that took the scan back already, if this caller may be answered with it: on the device that made the scan.
pub fn taken_back_before(recorded: &RecordedScan, device: Option<DeviceId>) -> Option<Reversal> {
    recorded.reversal().filter(|_| recorded.device_id.is_some() && recorded.device_id == device)
}

/// Decides. An entry gives back what it used whether or not its type allows re-entry: it never was one.
pub fn decide(question: &Question<'_>) -> Result<Back, Objection> {
    let recorded = question.recorded;
    if recorded.device_id.is_none() || recorded.device_id != question.device {
        return Err(Objection::OtherDevice);
    }
    let until = recorded.recorded_at + TimeDelta::minutes(limits::TAKE_BACK_MINUTES);
    if question.now > until {
        return Err(Objection::TooLate(until));
    }
    let back = Back { direction: recorded.direction.reversed(), uses: -recorded.uses };
    let (used, inside) = question.last.map_or((0, 0), |last| (last.used + back.uses, last.inside + back.direction.moves()));
    let used_up = back.uses > 0 && used > recorded.entries_allowed;
    if used < 0 || inside < 0 || used_up { Err(Objection::MovedSince) } else { Ok(back) }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

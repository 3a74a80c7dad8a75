//! The log of changes, as this gateway has followed it: decides which copies may still be trusted.
//!
//! Every copy (in memory or in Redis) carries the position of the log at which it was read from the ledger. It is trusted if nothing that
//! it holds has changed since, and if this gateway is in step with the log. So a copy needs no invalidation that could be lost, a
//! late write to Redis brings nothing back, and a Redis that was emptied, restored or failed over needs no special care: what it then
//! holds is judged like everything else.

mod reads;

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Instant,
};

use dashmap::DashMap;
use tokio::sync::watch;
use uuid::Uuid;

pub use self::reads::Altered;
pub(super) use self::reads::{changes_after_on, position_on};
use crate::{clock, limits};

/// The signing keys as a thing that changes: they are the ledger's own and no organisation's, and have no id.
pub const SIGNING_KEYS: Uuid = Uuid::nil();

/// What has changed, as far as this gateway knows.
pub struct ChangeLog {
    begun: Instant,
    /// Whether every change is made by this process: then it is always in step.
    alone: bool,
    /// The changes up to this number have been read.
    position: AtomicI64,
    /// Copies older than this are not trusted: what changed before is no longer known one by one.
    floor: AtomicI64,
    /// The number of the last change of each thing since the floor.
    changed: DashMap<Uuid, i64>,
    /// Milliseconds since `begun` at which the log was last read to its end.
    heard: AtomicU64,
    /// The number of the last change that is known, in its turn or not: the changes themselves are read from the ledger.
    last: watch::Sender<i64>,
}

impl ChangeLog {
    /// A log that is read from this position on.
    pub fn new(position: i64, alone: bool) -> Self {
        Self {
            begun: clock::mark(),
            alone,
            position: AtomicI64::new(position),
            floor: AtomicI64::new(position),
            changed: DashMap::new(),
            heard: AtomicU64::new(0),
            last: watch::Sender::new(position),
        }
    }

    /// The position up to which every change is known.
    pub fn position(&self) -> i64 {
        self.position.load(Ordering::Acquire)
    }

    /// These things have changed.
    pub fn note(&self, number: i64, altered: &[Uuid]) {
        if self.changed.len() + altered.len() > limits::CHANGED_REMEMBERED_MAX {
            // The floor rises first: between the two steps too much is mistrusted, never too little.
            self.floor.fetch_max(number, Ordering::AcqRel);
            self.changed.clear();
        }
        for id in altered {
            self.changed.entry(*id).and_modify(|last| *last = number.max(*last)).or_insert(number);
        }
        // The position rises last, so that a reader that finds it risen finds this change as well. A change that was committed before, at
        // the same time, may still be on its way here; then no answer has yet said that it was made.
        if self.alone {
            self.position.fetch_max(number, Ordering::AcqRel);
        }
        self.last.send_if_modified(|last| {
            let later = number > *last;
            *last = number.max(*last);
            later
        });
    }

    /// Wakes whenever there is a later change.
    pub fn last(&self) -> watch::Receiver<i64> {
        self.last.subscribe()
    }

    /// The changes before this number were pruned before they were read: no copy from before them is trusted.
    pub fn missed(&self, before: i64) {
        self.floor.fetch_max(before, Ordering::AcqRel);
    }

    /// The log was read up to this position, by a read that began at `asked`.
    pub fn read_to(&self, position: i64, asked: Instant) {
        self.position.fetch_max(position, Ordering::AcqRel);
        self.heard.fetch_max(self.millis(asked), Ordering::AcqRel);
    }

    /// Whether this gateway knows of every change that is older than [`limits::COPY_TRUST_TIMEOUT`].
    pub fn in_step(&self) -> bool {
        let since = self.millis(clock::mark()).saturating_sub(self.heard.load(Ordering::Acquire));
        self.alone || u128::from(since) < limits::COPY_TRUST_TIMEOUT.as_millis()
    }

    /// Whether a copy that was read at this position is still true about these things.
    pub fn trusts(&self, as_of: i64, things: &[Uuid]) -> bool {
        let unchanged = |id: &Uuid| self.changed.get(id).is_none_or(|last| *last <= as_of);
        self.in_step() && as_of >= self.floor.load(Ordering::Acquire) && things.iter().all(unchanged)
    }

    fn millis(&self, mark: Instant) -> u64 {
        u64::try_from(mark.saturating_duration_since(self.begun).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_trusted_until_one_of_its_things_changes() {
        let log = ChangeLog::new(10, true);
        let (session, member) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(log.trusts(10, &[session, member]));
        assert!(!log.trusts(9, &[session, member]), "older than all that is known");
        log.note(11, &[member]);
        assert!(!log.trusts(10, &[session, member]));
        assert!(log.trusts(10, &[session]));
        assert!(log.trusts(11, &[session, member]), "read with the change");
        log.note(11, &[member]);
        log.note(9, &[member]);
        assert!(log.trusts(11, &[member]), "an old message heard late takes nothing back");
    }

    #[test]
    fn what_cannot_be_remembered_raises_the_floor() {
        let log = ChangeLog::new(0, true);
        for n in 1..=i64::try_from(limits::CHANGED_REMEMBERED_MAX).unwrap_or(i64::MAX) + 1 {
            log.note(n, &[Uuid::from_u128(u128::from(n.unsigned_abs()))]);
        }
        assert!(!log.trusts(5, &[Uuid::from_u128(3)]));
        assert!(log.changed.len() <= limits::CHANGED_REMEMBERED_MAX);
    }

    #[test]
    fn what_was_pruned_before_it_was_read_is_mistrusted() {
        let log = ChangeLog::new(10, true);
        assert!(log.trusts(10, &[Uuid::from_u128(1)]));
        log.missed(500);
        assert!(!log.trusts(499, &[Uuid::from_u128(1)]));
        assert!(log.trusts(500, &[Uuid::from_u128(1)]));
    }

    #[test]
    fn a_log_that_is_out_of_step_trusts_no_copy() {
        let log = ChangeLog::new(0, false);
        let later = log.begun + limits::COPY_TRUST_TIMEOUT * 100;
        assert!(log.in_step(), "it was opened just now");
        log.read_to(3, later);
        assert_eq!(log.position(), 3);
        assert!(log.in_step());
    }
}

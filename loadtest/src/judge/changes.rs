//! Changes under load: from a change's answer on, nothing more is accepted.

use std::time::Duration;

use super::{Judgement, Kind};
use crate::run::{Changed, Evidence};

/// A change, and how soon it held.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What was changed.
    pub name: &'static str,
    /// From the change's answer until the first refusal came back.
    pub first_refusal: Option<Duration>,
    /// What was sent after the change's answer, and accepted.
    pub accepted: u64,
    /// What was sent after it, and refused.
    pub refused: u64,
}

/// Looks at what was sent after each change was answered. What was on its way already may have been before it.
pub fn judge(judgement: &mut Judgement, evidence: &Evidence) {
    judgement.compared("changes under load", evidence.changes.len());
    for changed in &evidence.changes {
        let seen = seen(changed);
        if seen.accepted > 0 {
            judgement.find(Kind::PermissionGone, || format!("{}: {} accepted after the change was answered", seen.name, seen.accepted));
        }
        if seen.refused == 0 {
            judgement.find(Kind::PermissionGone, || format!("{}: nothing was ever refused", seen.name));
        }
        judgement.changes.push(seen);
    }
}

fn seen(changed: &Changed) -> Seen {
    let refusals = changed.tries.iter().filter(|a| !a.accepted && a.answered);
    let first = refusals.filter(|a| a.times.answered >= changed.answered).map(|a| a.times.answered).min();
    let after = || changed.tries.iter().filter(|a| a.times.sent > changed.answered);
    let count = |accepted: bool| u64::try_from(after().filter(|a| a.answered && a.accepted == accepted).count()).unwrap_or(u64::MAX);
    Seen {
        name: changed.name,
        first_refusal: first.map(|at| at.saturating_sub(changed.answered)),
        accepted: count(true),
        refused: count(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Times, Tried};

    fn tried(sent: u64, answered: u64, accepted: bool) -> Tried {
        let times = Times { sent: Duration::from_millis(sent), answered: Duration::from_millis(answered) };
        Tried { times, accepted, answered: true }
    }

    #[test]
    fn what_was_on_its_way_is_not_held_against_the_gateway_and_what_came_later_is() {
        let tries = vec![tried(1, 5, true), tried(9, 12, true), tried(11, 13, true), tried(14, 16, false)];
        let seen = seen(&Changed { name: "a role", answered: Duration::from_millis(10), tries });
        assert_eq!((seen.accepted, seen.refused, seen.first_refusal), (1, 1, Some(Duration::from_millis(6))));
    }
}

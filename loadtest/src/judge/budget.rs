//! Latencies and errors.

use std::time::Duration;

use super::{Judgement, Kind};
use crate::cli::Options;
use crate::run::record::{Tally, millis};
use crate::run::{Evidence, Outcome};

/// Compares with what was allowed.
pub fn judge(judgement: &mut Judgement, options: &Options, evidence: &Evidence, tally: &Tally) {
    // In a closed loop, as many wait as there are devices, and how long says how many there are.
    let none = options.closed || options.budget.iter().any(|budget| budget.call.is_none());
    for budget in options.budget.iter().filter(|_| !none) {
        let Some(some) = budget.call.and_then(|call| tally.by_call.get(&call)) else { continue };
        let found = some.value_at_percentile(budget.percentile);
        if Duration::from_micros(found) > budget.most {
            let call = budget.call.map(|call| call.name()).unwrap_or_default();
            judgement.find(Kind::Latency, || {
                format!("{call}: the {}th percentile is {} ms, and {:?} are allowed", budget.percentile, millis(found), budget.most)
            });
        }
    }
    errors(judgement, options, evidence);
}

fn errors(judgement: &mut Judgement, options: &Options, evidence: &Evidence) {
    let scans = evidence.scans.iter().filter(|sent| failed(&sent.outcome)).count();
    let sales = evidence.sales.iter().filter(|sent| failed(&sent.outcome)).count();
    let sign_ins = evidence.sign_ins.iter().filter(|outcome| failed(outcome)).count();
    let all = evidence.scans.len() + evidence.sales.len() + evidence.sign_ins.len();
    let part = real(scans + sales + sign_ins) / real(all).max(1.0);
    if part > options.errors {
        judgement
            .find(Kind::Errors, || format!("{scans} scans, {sales} sales and {sign_ins} sign-ins had an error or no answer, of {all}"));
    }
}

fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// An error of the gateway's, or no answer. An answer that the load tester has cut off itself is none.
fn failed<T>(outcome: &Outcome<T>) -> bool {
    matches!(outcome, Outcome::Problem(500.., _) | Outcome::Lost | Outcome::Garbled)
}

//! All figures for machines.

use serde_json::{Map, Value, json};

use super::Report;
use super::table::{QUANTILES, per_second};
use crate::run::record::Latencies;

/// The report as JSON. Times are in microseconds.
pub fn json(report: &Report<'_>) -> Value {
    let rows = report.tally.by_verdict.iter().map(|((call, verdict), some)| {
        json!({"call": call.name(), "verdict": verdict, "per_second": per_second(some.len(), report.took), "micros": figures(some)})
    });
    let calls = report
        .tally
        .by_call
        .iter()
        .map(|(call, some)| json!({"call": call.name(), "per_second": per_second(some.len(), report.took), "micros": figures(some)}));
    let intervals = report.tally.intervals.iter().map(|interval| {
        let calls = interval.iter().map(|(call, some)| (call.name().to_owned(), figures(some)));
        Value::Object(calls.collect())
    });
    let findings = report
        .judgement
        .findings
        .iter()
        .map(|(kind, finding)| json!({"kind": kind.name(), "count": finding.count, "examples": finding.examples}));
    let changes = report.judgement.changes.iter().map(|seen| {
        json!({
            "change": seen.name, "first_refusal_micros": seen.first_refusal.map(|d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX)),
            "accepted_after": seen.accepted, "refused_after": seen.refused,
        })
    });
    let compared = report.judgement.compared.iter().map(|(what, count)| ((*what).to_owned(), json!(count)));
    json!({
        "scenario": report.scenario,
        "targets": report.world.targets.iter().map(|target| &target.url).collect::<Vec<_>>(),
        "phones": report.world.phones.len(), "tills": report.world.tills.len(), "seconds": report.took.as_secs_f64(),
        "closed_loop": report.options.closed,
        "calls": calls.collect::<Vec<_>>(), "verdicts": rows.collect::<Vec<_>>(),
        "interval_seconds": report.tally.step.as_secs_f64(), "intervals": intervals.collect::<Vec<_>>(),
        "changes": changes.collect::<Vec<_>>(),
        "judge": {"clean": report.judgement.clean(), "compared": compared.collect::<Map<_, _>>(), "findings": findings.collect::<Vec<_>>()},
    })
}

fn figures(some: &Latencies) -> Value {
    let quantiles = QUANTILES.map(|(name, part)| (name.to_owned(), json!(some.value_at_quantile(part))));
    let others = [("count".to_owned(), json!(some.len())), ("max".to_owned(), json!(some.max()))];
    Value::Object(quantiles.into_iter().chain(others).collect())
}

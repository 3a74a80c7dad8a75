//! The final table.

use std::collections::BTreeSet;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};

use crate::judge::Seen;
use crate::run::record::{Latencies, Tally, millis};

/// Where the distribution is looked at.
pub const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// Latencies by call and verdict.
pub fn table(tally: &Tally, took: Duration) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let heads = ["call", "verdict", "answers", "/s"].into_iter().chain(QUANTILES.map(|(name, _)| name)).chain(["max ms"]);
    table.set_header(heads);
    for (call, all) in &tally.by_call {
        table.add_row(row(call.name(), "all", all, took));
        for ((_, verdict), some) in tally.by_verdict.iter().filter(|((of, _), _)| of == call) {
            table.add_row(row("", verdict, some, took));
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(call: &str, verdict: &str, some: &Latencies, took: Duration) -> impl Iterator<Item = Cell> {
    let rate = per_second(some.len(), took);
    let quantiles = QUANTILES.map(|(_, part)| millis(some.value_at_quantile(part)));
    let first = [call.to_owned(), verdict.to_owned(), some.len().to_string(), format!("{rate:.1}")];
    first.into_iter().chain(quantiles).chain([millis(some.max())]).map(Cell::new).collect::<Vec<_>>().into_iter()
}

/// How many a second.
pub fn per_second(count: u64, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// Changes of one kind, and how soon they held.
pub struct Held {
    /// What was changed.
    pub name: &'static str,
    /// How often.
    pub times: usize,
    /// From a change's answer until the first refusal: the median.
    pub median: Option<Duration>,
    pub longest: Option<Duration>,
    /// What was sent after the answers, and refused.
    pub refused: u64,
    /// What was sent after them, and accepted.
    pub accepted: u64,
}

/// Changes by their kind.
pub fn held(seen: &[Seen]) -> Vec<Held> {
    let names: BTreeSet<&'static str> = seen.iter().map(|seen| seen.name).collect();
    let of = |name: &'static str| {
        let some: Vec<&Seen> = seen.iter().filter(|seen| seen.name == name).collect();
        let mut soon: Vec<Duration> = some.iter().filter_map(|seen| seen.first_refusal).collect();
        soon.sort();
        let sum = |count: fn(&Seen) -> u64| some.iter().map(|seen| count(seen)).sum();
        let (refused, accepted) = (sum(|seen| seen.refused), sum(|seen| seen.accepted));
        Held { name, times: some.len(), median: soon.get(soon.len() / 2).copied(), longest: soon.last().copied(), refused, accepted }
    };
    names.into_iter().map(of).collect()
}

/// A time until something was refused, in milliseconds.
pub fn soon(at: Option<Duration>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| format!("{:.2}", at.as_secs_f64() * 1000.0))
}

/// How soon changes held.
pub fn changes(seen: &[Seen]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["change under load", "times", "first refusal after ms (median, longest)", "refused after", "accepted after"]);
    for held in held(seen) {
        let first = format!("{}, {}", soon(held.median), soon(held.longest));
        table.add_row([held.name.to_owned(), held.times.to_string(), first, held.refused.to_string(), held.accepted.to_string()]);
    }
    table
}

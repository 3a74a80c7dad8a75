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

/// How soon changes held.
pub fn changes(seen: &[Seen]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["change under load", "times", "first refusal after ms (median, longest)", "refused after", "accepted after"]);
    let names: BTreeSet<&str> = seen.iter().map(|seen| seen.name).collect();
    for name in names {
        let some: Vec<&Seen> = seen.iter().filter(|seen| seen.name == name).collect();
        let mut soon: Vec<Duration> = some.iter().filter_map(|seen| seen.first_refusal).collect();
        soon.sort();
        let told = |at: Option<&Duration>| at.map_or_else(|| "never".to_owned(), |at| format!("{:.2}", at.as_secs_f64() * 1000.0));
        let sum = |count: fn(&Seen) -> u64| some.iter().map(|seen| count(seen)).sum::<u64>().to_string();
        let first = format!("{}, {}", told(soon.get(soon.len() / 2)), told(soon.last()));
        table.add_row([name.to_owned(), some.len().to_string(), first, sum(|seen| seen.refused), sum(|seen| seen.accepted)]);
    }
    table
}

//! The progress bar, with the rate and the percentiles of the last moments.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli;
use crate::run::record::millis;
use crate::run::record::{Latencies, Tally, latencies};

/// How much of the past is shown as now.
const NOW: Duration = Duration::from_secs(2);

/// Tells how a run goes, on standard error.
pub struct Progress {
    shown: bool,
    terminal: bool,
}

impl Progress {
    /// As it was asked for.
    pub fn new(how: cli::Progress) -> Self {
        Self { shown: matches!(how, cli::Progress::Auto), terminal: std::io::stderr().is_terminal() }
    }

    /// Says one thing.
    pub fn say(&self, what: &str) {
        if self.shown {
            eprintln!("{what}");
        }
    }

    /// A bar for a phase of so many jobs.
    pub fn phase(&self, name: &'static str, jobs: u64) -> Bar {
        Bar { bar: self.count(name, jobs) }
    }

    /// A bar for so many things.
    pub fn count(&self, name: &'static str, things: u64) -> ProgressBar {
        let target = if self.shown && self.terminal { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(things), target);
        let form = "{prefix:>14.bold} {elapsed:>4} [{bar:32.cyan/blue}] {human_pos}/{human_len}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(name);
        bar
    }
}

/// The bar of a phase.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// Shows the state of the run.
    pub fn show(&self, tally: &Tally, before: u64) {
        self.bar.set_position(tally.answers().saturating_sub(before));
        let mut now: Latencies = latencies();
        let steps = usize::try_from(NOW.as_millis() / tally.step.as_millis().max(1)).unwrap_or(1);
        for interval in tally.intervals.iter().rev().take(steps) {
            for histogram in interval.values() {
                // Both have the same digits and grow by themselves.
                let _ = now.add(histogram);
            }
        }
        let shown = steps.min(tally.intervals.len()).max(1);
        let seconds = tally.step.as_secs_f64() * f64::from(u32::try_from(shown).unwrap_or(1));
        let rate = f64::from(u32::try_from(now.len()).unwrap_or(u32::MAX)) / seconds;
        let at = |part| millis(now.value_at_quantile(part));
        self.bar.set_message(format!("{rate:.0}/s  p50 {}  p99 {}  max {} ms", at(0.5), at(0.99), millis(now.max())));
    }

    /// The phase is over.
    pub fn finish(self) {
        self.bar.finish();
    }
}

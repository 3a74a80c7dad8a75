//! What people see: progress, tables, files.

mod chart;
mod html;
mod json;
mod progress;
mod table;

pub use progress::Progress;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::cli::Options;
use crate::judge::Judgement;
use crate::run::record::Tally;
use crate::world::World;

/// Everything that a run reports.
pub struct Report<'a> {
    /// What was played.
    pub scenario: &'static str,
    /// How.
    pub options: &'a Options,
    /// With whom.
    pub world: &'a World,
    /// What was measured.
    pub tally: &'a Tally,
    /// How long it took.
    pub took: Duration,
    /// What the judge has come to.
    pub judgement: &'a Judgement,
}

impl Report<'_> {
    /// Prints the tables.
    pub fn print(&self) {
        println!("{}", table::table(self.tally, self.took));
        if !self.judgement.changes.is_empty() {
            println!("{}", table::changes(&self.judgement.changes));
        }
        let compared: Vec<String> = self.judgement.compared.iter().map(|(what, count)| format!("{count} {what}")).collect();
        println!("compared: {}", compared.join(", "));
        for (kind, finding) in &self.judgement.findings {
            println!("FOUND {} ({})", kind.name(), finding.count);
            for example in &finding.examples {
                println!("      {example}");
            }
        }
        println!("{}", if self.judgement.clean() { "the judge has found nothing wrong" } else { "NOT RIGHT" });
    }
}

/// Writes the files that were asked for.
pub fn write(report: &Report<'_>) -> anyhow::Result<()> {
    if let Some(file) = &report.options.json {
        keep(file, &serde_json::to_vec_pretty(&json::json(report))?)?;
    }
    if let Some(file) = &report.options.html {
        keep(file, html::page(report)?.as_bytes())?;
    }
    Ok(())
}

fn keep(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(file, bytes).with_context(|| format!("{} cannot be written", file.display()))
}

//! The gateway beside what it cannot be faster than, in one run on one machine.
//!
//! Whatever is compared takes turns, several times, and medians are compared: a machine that is busy with something else for a while is
//! busy for both.

pub mod bare;
mod deployment;
mod door;
mod fill;
mod growth;
mod load;
mod memory;
mod open;
mod overload;
mod pgbench;
mod servers;
mod storm;
mod till;
mod verdict;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use self::deployment::Stores;
use self::verdict::Line;

/// How to measure.
#[derive(Args, Clone)]
pub struct Options {
    /// Only these rows of the table; all of them otherwise.
    #[arg(long, value_enum, value_name = "ROW")]
    pub only: Vec<Row>,
    /// Times that everything is measured; medians are compared.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// Tickets in the ledger for the rows that ask for a million.
    #[arg(long, default_value_t = 1_000_000)]
    pub tickets: u64,
    /// The large ledger of the row growth as large as it shall be: 10,000,000 tickets, 100,000 sessions, 2,000 events. Takes minutes.
    #[arg(long)]
    pub full: bool,
    /// The gateway's program; built if none is named.
    #[arg(long, value_name = "FILE")]
    pub stagedoor: Option<PathBuf>,
    /// Writes all figures down for machines.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// The rows of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Row {
    /// Durable scans/s on Postgres and Redis, against a bare handler.
    ScansShared,
    /// Durable scans/s on the embedded default, against a bare handler.
    ScansEmbedded,
    /// Scans of 3 and 10 times as many callers as the table says, who ask again at once, against those of as many as it says.
    Overload,
    /// `POST /v1/authorise` /s, against a bare handler.
    Authorise,
    /// Scans of tickets that are in already, against a bare handler.
    Refused,
    /// Sales/s, against single-row durable INSERTs of pgbench.
    Sales,
    /// p99 of a scan at 2,000/s, against that of a durable INSERT.
    Latency,
    /// p99 of a scan while people sign in, against without.
    SignIns,
    /// p99 of a scan while a hundred changes are made a second, against without.
    Storm,
    /// The median scan on a large ledger, against a small one.
    Growth,
    /// Memory at rest, of a warm session, of a warm ticket.
    Memory,
    /// From start to ready on an existing ledger.
    Start,
}

impl Options {
    fn wants(&self, row: Row) -> bool {
        self.only.is_empty() || self.only.contains(&row)
    }

    fn length(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or(Duration::from_secs(2))
    }
}

/// Measures the table. Answers whether every row reaches what it has to.
pub async fn bench(options: &Options) -> anyhow::Result<bool> {
    let program = program(options)?;
    eprintln!("starting Postgres and Redis (fsync and synchronous_commit on)");
    let stores = Stores::start()?;
    // What cannot be measured takes nothing from what can: nobody sits beside it.
    let rooms = [
        ("the door", door::measure(options, &stores, &program).await),
        ("overload", overload::measure(options, &stores, &program).await),
        ("the tills", till::measure(options, &stores, &program).await),
        ("the storm", storm::measure(options, &stores, &program).await),
        ("growth", growth::measure(options, &stores, &program).await),
        ("memory and start", memory::measure(options, &stores, &program).await),
    ];
    let mut lines: Vec<Line> = Vec::new();
    let mut whole = true;
    for (name, measured) in rooms {
        match measured {
            Ok(some) => lines.extend(some),
            Err(error) => {
                eprintln!("{name} could not be measured: {error:#}");
                whole = false;
            }
        }
    }
    println!("{}", verdict::table(&lines));
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_vec_pretty(&verdict::json(&lines))?)?;
    }
    Ok(whole && lines.iter().all(Line::reached))
}

/// The gateway's program as it stands in the working copy.
fn program(options: &Options) -> anyhow::Result<PathBuf> {
    if let Some(program) = &options.stagedoor {
        return Ok(program.clone());
    }
    eprintln!("building the gateway");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--release", "--locked", "--package", "stagedoor", "--bin", "stagedoor"];
    let built = std::process::Command::new(cargo).args(arguments).current_dir(&root).status()?;
    anyhow::ensure!(built.success(), "the gateway does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/stagedoor"))
}

/// The one in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
    if figures.len().is_multiple_of(2) { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) } else { at(middle) }
}

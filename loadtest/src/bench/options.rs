//! What to measure, and how long.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

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
    /// Tickets in the ledger for the rows with a million tickets.
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
    /// Scans of 3 and 10 times as many callers as the table says, repeated at once when refused, against those of as many as it says.
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
    /// Whether this row is to be measured.
    pub fn wants(&self, row: Row) -> bool {
        self.only.is_empty() || self.only.contains(&row)
    }

    /// How long each measurement takes.
    pub fn length(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or(Duration::from_secs(2))
    }
}

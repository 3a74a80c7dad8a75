//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bench;
use crate::run::pace::Shape;
use crate::run::record::Call;
use crate::world;

/// The load tester of Stagedoor: it makes an evening's traffic, and judges every answer by the ledger.
///
/// Ends with 0 if all was right, with 1 if the judge found something (and says what), with 2 if it could not be run.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// One of the scenarios.
    #[command(flatten)]
    Play(Play),
    /// Measures the gateway beside what it cannot be faster than; starts Postgres, Redis and gateways of its own.
    Bench(bench::Options),
    /// The bare handler that the bench compares with.
    #[command(hide = true)]
    Bare(bench::bare::Sizes),
}

/// The scenarios.
#[derive(Subcommand)]
pub enum Play {
    /// Everybody signs in, then people come: few at first, a peak, some late.
    DoorsOpen(Options),
    /// Scans at a constant rate, on tickets that come for the first time, come again, are void or unknown.
    Steady(Options),
    /// Sales and scans mixed, until the first types are sold out.
    BoxOffice(Options),
    /// The same ticket at every door in the same instant.
    OneTicketManyDoors(Options),
    /// Many sign in while scans go on.
    SignInStorm(Options),
    /// Pins, roles, permissions, sessions, devices, prices and the event change under load.
    Revocation(Options),
    /// Forged and stale tokens, wrong bodies, the wrong device.
    BadCallers(Options),
    /// Answers get lost, and every request is sent one to three times.
    Retries(Options),
}

/// What every scenario takes.
#[derive(Args, Clone)]
pub struct Options {
    /// A gateway, as http://HOST:PORT; named more than once, devices are spread over them. Without one: the demo's.
    #[arg(long, value_name = "URL")]
    pub target: Vec<String>,
    /// Where the demo has written what is in it; looked for in ./stagedoor-data unless an administrator is named.
    #[arg(long, value_name = "FILE")]
    pub demo: Option<PathBuf>,
    /// The organisation's slug, where there is no demo.
    #[arg(long, value_name = "SLUG", requires = "admin")]
    pub organisation: Option<String>,
    /// An administrator's user name, where there is no demo; their password is taken from LOADTEST_PASSWORD.
    #[arg(long, value_name = "NAME", requires = "organisation")]
    pub admin: Option<String>,

    /// Scanners, each with a connection and a session of its own.
    #[arg(long, value_name = "N")]
    pub phones: Option<usize>,
    /// POS terminals.
    #[arg(long, value_name = "N")]
    pub tills: Option<usize>,
    /// Requests a second; at the peak, where there is one.
    #[arg(long, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
    /// Sign-ins a second, where there are any.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 15.0)]
    pub sign_ins: f64,
    /// For how many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<f64>,
    /// Closed loop: the same requests in the same order, each as soon as a device has its answer. Finds the ceiling.
    #[arg(long)]
    pub closed: bool,
    /// An event and members of the run's own, whatever the demo has.
    #[arg(long)]
    pub own: bool,
    /// A latency that must hold, as scan:p99=50 in milliseconds; may be repeated. `none` for none.
    #[arg(long, value_name = "CALL:PERCENTILE=MILLIS", default_values = ["scan:p99=250", "sale:p99=250"])]
    pub budget: Vec<Budget>,
    /// Errors of the gateway (5xx) and lost answers that are let pass, in parts of all answers.
    #[arg(long, value_name = "PART", default_value_t = 0.0)]
    pub errors: f64,
    /// After how many seconds an answer is given up.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub patience: f64,
    /// The ledger itself (postgres://… or sqlite://…), to be read beside the API. Nothing is written to it.
    #[arg(long, value_name = "URL")]
    pub ledger: Option<String>,

    /// Writes all figures down for machines.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes one page for people, with everything in it.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The progress bar: on a terminal, or a line now and then where there is none, or nothing.
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    pub progress: Progress,
}

/// How progress is shown.
#[derive(Clone, Copy, ValueEnum)]
pub enum Progress {
    /// A bar where standard error is a terminal.
    Auto,
    /// Nothing.
    Off,
}

/// A latency that must hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Of which call; none for no budget at all.
    pub call: Option<Call>,
    /// At which percentile; 100 is the longest of all.
    pub percentile: f64,
    /// How long at the most.
    pub most: Duration,
}

impl std::str::FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self { call: None, percentile: 100.0, most: Duration::MAX });
        }
        let wrong = || format!("{text:?} is no budget; one reads scan:p99=50 or sale:max=200, in milliseconds");
        let (call, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (at, millis) = rest.split_once('=').ok_or_else(wrong)?;
        let calls = [Call::Scan, Call::Sale, Call::Authorise, Call::SignIn, Call::Probe];
        let call = calls.into_iter().find(|known| known.name() == call).ok_or_else(wrong)?;
        let percentile = match at {
            "max" => 100.0,
            _ => at.strip_prefix('p').and_then(|p| p.parse().ok()).filter(|p| (0.0..=100.0).contains(p)).ok_or_else(wrong)?,
        };
        let millis: f64 = millis.parse().map_err(|_| wrong())?;
        let most = Duration::try_from_secs_f64(millis / 1000.0).map_err(|_| wrong())?;
        Ok(Self { call: Some(call), percentile, most })
    }
}

impl Options {
    /// Where the world is looked for.
    pub fn source(&self) -> anyhow::Result<world::Source> {
        let admin = match (&self.organisation, &self.admin) {
            (Some(organisation), Some(username)) => {
                // Not on the command line, where every user of the machine can read it.
                let password = std::env::var("LOADTEST_PASSWORD").context("set LOADTEST_PASSWORD to the administrator's password")?;
                Some(world::Admin { organisation: organisation.clone(), username: username.clone(), password })
            }
            _ => None,
        };
        let usual = PathBuf::from("stagedoor-data/demo.json");
        let demo = self.demo.clone().or_else(|| (admin.is_none() && usual.exists()).then_some(usual));
        Ok(world::Source { targets: self.target.clone(), demo, admin })
    }

    /// When people sign in.
    pub fn sign_in_shape(&self, length: Duration) -> Shape {
        Shape::Constant { rate: self.sign_ins, length }
    }

    /// For how long, unless the scenario's usual.
    pub fn length(&self, usual: f64) -> Duration {
        Duration::try_from_secs_f64(self.seconds.unwrap_or(usual)).unwrap_or(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_names_call_percentile_and_time() {
        let read = "sale:p99.9=12.5".parse::<Budget>().unwrap();
        assert_eq!(read, Budget { call: Some(Call::Sale), percentile: 99.9, most: Duration::from_micros(12_500) });
        assert_eq!("sign-in:max=900".parse::<Budget>().unwrap().percentile, 100.0);
        for wrong in ["scan", "scan:50", "door:p99=5", "scan:p101=5", "scan:p99=soon", "scan:p99=-1"] {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
        }
    }
}

//! More callers than the gateway has room for, against as many as it has: what is done, how long it takes, and how soon the others are refused.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use super::deployment::{Setup, Stores};
use super::fill::RawLedger;
use super::filled::{CONNECTIONS, Filled, SESSIONS, filled, follow};
use super::load::{Load, Measured, closed};
use super::open::p99;
use super::options::{Options, Row};
use super::till;
use super::verdict::{Better, Line};
use crate::world::WorldSize;

const WARM_UP: Duration = Duration::from_millis(700);
/// How many times as many callers, or as many requests a second.
const TIMES: [usize; 2] = [3, 10];
const TILLS: usize = 8;
/// The delay before each flush of a slow Postgres' log, in microseconds: the most that can be set.
const COMMIT_DELAY: u32 = 100_000;
/// Callers of an open loop: so many that waiting for an answer hardly changes its pace.
const CROWD: usize = 4_000;

/// Three lines for each number of callers, on both set-ups, and on a Postgres that is slow.
pub async fn measure(options: &Options, stores: &Stores, program: &Path) -> anyhow::Result<Vec<Line>> {
    if !options.wants(Row::Overload) {
        return Ok(Vec::new());
    }
    let size = WorldSize { phones: SESSIONS, tills: TILLS, quota: Some(1_000_000), ..WorldSize::default() };
    let mut lines = Vec::new();
    for setup in [Setup::Shared, Setup::Embedded] {
        let mut deployment = filled(stores, program, setup, "overload", options.tickets, size).await?;
        lines.extend(
            compare(options, &format!("scans, {}, asking again at once", setup.name()), async |times, _| {
                scans(options, &deployment, times).await
            })
            .await?,
        );
        if setup == Setup::Shared {
            slow_down(&mut deployment).await?;
            lines.extend(
                compare(options, "sales, slow Postgres, open loop", async |times, peak| sales(options, &deployment, times, peak).await)
                    .await?,
            );
        }
    }
    Ok(lines)
}

/// Takes turns: the usual callers, then more of them.
async fn compare(
    options: &Options,
    what: &str,
    measure: impl AsyncFn(usize, f64) -> anyhow::Result<Measured>,
) -> anyhow::Result<Vec<Line>> {
    let mut peak = Figures::default();
    let mut over = TIMES.map(|times| (times, Figures::default()));
    for round in 1..=options.rounds {
        let usual = measure(1, 0.0).await?;
        peak.take(&usual);
        eprint!("{what}, round {round}: {peak}");
        for (times, figures) in &mut over {
            figures.take(&measure(*times, usual.rate).await?);
            eprint!("  {times} times: {figures}");
        }
        eprintln!();
    }
    Ok(over.into_iter().flat_map(|(times, figures)| figures.lines(what, times, &peak)).collect())
}

/// A closed loop of so many times the usual callers; everything that was answered with yes is in the ledger.
async fn scans(options: &Options, filled: &Filled, times: usize) -> anyhow::Result<Measured> {
    let load = Load { connections: CONNECTIONS * times, may_be_busy: true, ..filled.scans().await? };
    let before = filled.admitted().await?;
    let measured = closed(&load, WARM_UP, options.length()).await?;
    let written = filled.admitted().await? - before;
    ensure!(written == measured.answers, "{} were admitted, and {written} stand in the ledger", measured.answers);
    Ok(measured)
}

/// So many times the sales a second that the usual callers make in a closed loop.
async fn sales(options: &Options, filled: &Filled, times: usize, peak: f64) -> anyhow::Result<Measured> {
    let usual = Load { connections: CONNECTIONS, may_be_busy: true, ..till::load(filled).await? };
    let load = if times == 1 { usual } else { Load { connections: CROWD, rate: Some(peak * times as f64), ..usual } };
    let before = till::sold(filled).await?;
    let measured = closed(&load, WARM_UP, options.length()).await?;
    let written = till::sold(filled).await? - before;
    ensure!(written == measured.answers, "{} were sold, and {written} stand in the ledger", measured.answers);
    Ok(measured)
}

/// From now on each of its commits takes its time, and nothing else does.
async fn slow_down(filled: &mut Filled) -> anyhow::Result<()> {
    filled.deployment.close();
    let ledger = RawLedger::open(&filled.deployment.database).await?;
    let name = ledger.text("select current_database()").await?;
    for setting in [format!("commit_delay = {COMMIT_DELAY}"), "commit_siblings = 0".to_owned()] {
        ledger.execute(&format!("alter database {name} set {setting}")).await?;
    }
    ledger.close().await;
    filled.deployment.open().await?;
    follow(&filled.deployment, &mut filled.world).await
}

#[derive(Default)]
struct Figures {
    goodput: Vec<f64>,
    p99: Vec<f64>,
    busy_p99: Vec<f64>,
}

impl Figures {
    fn take(&mut self, measured: &Measured) {
        self.goodput.push(measured.rate);
        self.p99.push(p99(&measured.latencies));
        self.busy_p99.push(p99(&measured.busy));
    }

    fn lines(self, whose: &str, times: usize, peak: &Self) -> [Line; 3] {
        let beside = |figures: &[f64]| Some((format!("{CONNECTIONS} callers"), figures.to_vec()));
        let what = |what: &str| format!("{times} times {whose}: {what}");
        [
            Line {
                what: what("done"),
                unit: "/s",
                figures: self.goodput,
                against: beside(&peak.goodput),
                better: Better::More,
                reach: 0.9,
                aim: 1.0,
            },
            Line {
                what: what("p99 of those"),
                unit: "ms",
                figures: self.p99,
                against: beside(&peak.p99),
                better: Better::Less,
                reach: 2.0,
                aim: 1.5,
            },
            Line {
                what: what("p99 of a refusal"),
                unit: "ms",
                figures: self.busy_p99,
                against: None,
                better: Better::Less,
                reach: 5.0,
                aim: 2.0,
            },
        ]
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = |figures: &[f64]| figures.last().copied().unwrap_or(f64::NAN);
        let [goodput, p99, busy] = [&self.goodput, &self.p99, &self.busy_p99].map(|figures| last(figures));
        write!(f, "{goodput:.0}/s (p99 {p99:.1} ms, of refusals {busy:.1} ms)")
    }
}

//! Scans, refusals and "May I?", against a bare handler.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::deployment::{Setup, Stores};
use super::filled::{Filled, SESSIONS, filled};
use super::load::{Codes, Load, Wanted, closed};
use super::open::p99;
use super::options::{Options, Row};
use super::servers::Listening;
use super::verdict::{Better, Line};
use crate::wire::Target;
use crate::world::WorldSize;

/// What is sent before anything is counted.
const WARM_UP: Duration = Duration::from_millis(700);

/// The four rows of the door.
pub async fn measure(options: &Options, stores: &Stores, program: &Path) -> anyhow::Result<Vec<Line>> {
    let rows = [Row::ScansShared, Row::ScansEmbedded, Row::Authorise, Row::Refused];
    if !rows.iter().any(|row| options.wants(*row)) {
        return Ok(Vec::new());
    }
    let size = WorldSize { phones: SESSIONS, ..WorldSize::default() };
    let mut shared = None;
    if [Row::ScansShared, Row::Authorise, Row::Refused].iter().any(|row| options.wants(*row)) {
        shared = Some(filled(stores, program, Setup::Shared, "door", options.tickets, size).await?);
    }
    let mut embedded = None;
    if [Row::ScansEmbedded, Row::Authorise, Row::Refused].iter().any(|row| options.wants(*row)) {
        embedded = Some(filled(stores, program, Setup::Embedded, "", options.tickets, size).await?);
    }
    let mut deployments: Vec<&mut Filled> = shared.iter_mut().chain(&mut embedded).collect();
    let mut sizes = [0; 3];
    for deployment in &mut deployments {
        sizes = deployment.sizes().await?;
    }
    let bare = bare(sizes)?;
    let bare = Target::parse(&bare.url).await.map(|target| (bare, target))?;
    let deployments: Vec<&Filled> = deployments.into_iter().map(|deployment| &*deployment).collect();
    let mut lines = Vec::new();
    if options.wants(Row::ScansShared) || options.wants(Row::ScansEmbedded) {
        let wanted = |setup| options.wants(if setup == Setup::Shared { Row::ScansShared } else { Row::ScansEmbedded });
        let some: Vec<&Filled> = deployments.iter().copied().filter(|filled| wanted(filled.deployment.setup)).collect();
        lines.extend(compare(options, &bare.1, &some, Kind::Scans).await?);
    }
    if options.wants(Row::Authorise) {
        lines.extend(compare(options, &bare.1, &deployments, Kind::Questions).await?);
    }
    if options.wants(Row::Refused) {
        lines.extend(compare(options, &bare.1, &deployments, Kind::Refusals).await?);
    }
    Ok(lines)
}

/// The bare handler, in a process of its own.
fn bare([scan, refusal, authorise]: [usize; 3]) -> anyhow::Result<Listening> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare");
    for (name, size) in [("--scan", scan), ("--refusal", refusal), ("--authorise", authorise)] {
        command.args([name, &size.to_string()]);
    }
    Listening::start(command)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scans,
    Questions,
    Refusals,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Scans => "durable scans",
            Self::Questions => "may I?",
            Self::Refusals => "scans of admitted tickets",
        }
    }

    fn bounds(self) -> (f64, f64) {
        match self {
            Self::Scans => (0.35, 0.50),
            Self::Questions => (0.80, 0.95),
            Self::Refusals => (0.30, 0.45),
        }
    }

    async fn load(self, filled: &Filled) -> anyhow::Result<Load> {
        match self {
            Self::Scans => filled.scans().await,
            Self::Questions => filled.questions().await,
            Self::Refusals => filled.refusals().await,
        }
    }

    /// The same body to the bare handler.
    async fn bare(self, filled: &Filled, target: &Target) -> anyhow::Result<Load> {
        let load = self.load(filled).await?;
        let path = if self == Self::Refusals { "/refused" } else { load.path };
        Ok(Load { target: target.clone(), path, wanted: Wanted { status: 200, words: "" }, codes: Codes::new(0..1_000_000), ..load })
    }
}

/// Takes turns: the bare handler, then each deployment.
async fn compare(options: &Options, bare: &Target, deployments: &[&Filled], kind: Kind) -> anyhow::Result<Vec<Line>> {
    let first = deployments.first().context("no deployment")?;
    let mut reference = Vec::new();
    let mut figures = vec![Vec::new(); deployments.len()];
    for round in 1..=options.rounds {
        let measured = closed(&kind.bare(first, bare).await?, WARM_UP, options.length()).await?;
        eprint!("{}, round {round}: bare {:.0}/s", kind.name(), measured.rate);
        reference.push(measured.rate);
        for (filled, figures) in deployments.iter().zip(&mut figures) {
            let before = if kind == Kind::Scans { filled.admitted().await? } else { 0 };
            let measured = closed(&kind.load(filled).await?, WARM_UP, options.length()).await?;
            eprint!("  {} {:.0}/s (p99 {:.1} ms)", filled.deployment.setup.name(), measured.rate, p99(&measured.latencies));
            if kind == Kind::Scans {
                let written = filled.admitted().await? - before;
                ensure!(written == measured.answers, "{} were admitted, and {written} stand in the ledger", measured.answers);
            }
            figures.push(measured.rate);
        }
        eprintln!();
    }
    let (reach, aim) = kind.bounds();
    let line = |(filled, figures): (&&Filled, Vec<f64>)| Line {
        what: format!("{}, {}", kind.name(), filled.deployment.setup.name()),
        unit: "/s",
        figures,
        against: Some(("bare handler".to_owned(), reference.clone())),
        better: Better::More,
        reach,
        aim,
    };
    Ok(deployments.iter().zip(figures).map(line).collect())
}

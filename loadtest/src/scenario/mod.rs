//! What can be played: each scenario wishes for a world, and plans what its devices do.

mod draw;
mod steady;

use crate::cli::{Options, Play};
use crate::run::Plan;
use crate::world::{Wishes, World};

/// A scenario, with its options.
pub enum Scenario {
    /// Scans at a constant rate.
    Steady,
}

impl Scenario {
    /// The one that was asked for.
    pub fn of(play: Play) -> (Self, Options) {
        match play {
            Play::Steady(options) => (Self::Steady, options),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Steady => "steady",
        }
    }

    /// What it needs.
    pub fn wishes(&self, options: &Options) -> Wishes {
        match self {
            Self::Steady => steady::wishes(options),
        }
    }

    /// What is done, phase by phase, each with how many jobs it has.
    pub fn phases(&self, options: &Options, world: &World) -> Vec<Phase> {
        match self {
            Self::Steady => vec![steady::plan(options, world)],
        }
    }
}

/// A part of a run.
pub struct Phase {
    /// What is told of it while it lasts.
    pub name: &'static str,
    /// How many jobs it has.
    pub jobs: u64,
    /// What is done.
    pub plan: Plan,
}

impl Phase {
    /// A phase of jobs that stand ready.
    pub fn of(name: &'static str, jobs: Vec<crate::run::Planned>) -> Self {
        Self { name, jobs: u64::try_from(jobs.len()).unwrap_or(u64::MAX), plan: Box::new(jobs.into_iter()) }
    }
}

/// The same evening every time.
fn seeded() -> rand::rngs::StdRng {
    rand::SeedableRng::seed_from_u64(20_26)
}

//! What can be played: each scenario size for a world, and plans what its devices do.

mod bad_callers;
mod box_office;
mod doors_open;
mod draw;
mod one_ticket;
mod retries;
pub mod revocation;
mod sign_in_storm;
mod steady;

use crate::cli::{Options, Play};
use crate::run::{Plan, Planned};
use crate::world::{World, WorldSize};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Everybody signs in, then they come.
    DoorsOpen,
    /// Scans at a constant rate.
    Steady,
    /// Sales and scans.
    BoxOffice,
    /// Every door scans the same ticket in the same instant.
    OneTicketManyDoors,
    /// Sign-ins while scans go on.
    SignInStorm,
    /// Rights change while they are used.
    Revocation,
    /// Forged and stale tokens, wrong bodies.
    BadCallers,
    /// Answers get lost, and requests are sent again.
    Retries,
}

impl Scenario {
    /// The one that was asked for, with its options.
    pub fn of(play: Play) -> (Self, Options) {
        match play {
            Play::DoorsOpen(options) => (Self::DoorsOpen, options),
            Play::Steady(options) => (Self::Steady, options),
            Play::BoxOffice(options) => (Self::BoxOffice, options),
            Play::OneTicketManyDoors(options) => (Self::OneTicketManyDoors, options),
            Play::SignInStorm(options) => (Self::SignInStorm, options),
            Play::Revocation(options) => (Self::Revocation, options),
            Play::BadCallers(options) => (Self::BadCallers, options),
            Play::Retries(options) => (Self::Retries, options),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::DoorsOpen => "doors-open",
            Self::Steady => "steady",
            Self::BoxOffice => "box-office",
            Self::OneTicketManyDoors => "one-ticket-many-doors",
            Self::SignInStorm => "sign-in-storm",
            Self::Revocation => "revocation",
            Self::BadCallers => "bad-callers",
            Self::Retries => "retries",
        }
    }

    /// What it needs.
    pub fn size(self, options: &Options) -> WorldSize {
        let size = match self {
            Self::DoorsOpen => doors_open::size(options),
            Self::Steady => steady::size(options),
            Self::BoxOffice => box_office::size(options),
            Self::OneTicketManyDoors => one_ticket::size(options),
            Self::SignInStorm => sign_in_storm::size(options),
            Self::Revocation => revocation::size(options),
            Self::BadCallers => bad_callers::size(options),
            Self::Retries => retries::size(options),
        };
        WorldSize { own: size.own || options.own, ..size }
    }

    /// What is done, phase by phase.
    pub async fn phases(self, options: &Options, world: &mut World) -> anyhow::Result<Vec<Phase>> {
        Ok(match self {
            Self::DoorsOpen => doors_open::plan(options, world),
            Self::Steady => steady::plan(options, world),
            Self::BoxOffice => box_office::plan(options, world),
            Self::OneTicketManyDoors => one_ticket::plan(options, world),
            Self::SignInStorm => sign_in_storm::plan(options, world),
            Self::Revocation => revocation::plan(options, world),
            Self::BadCallers => bad_callers::plan(options, world).await?,
            Self::Retries => retries::plan(options, world),
        })
    }
}

/// A part of a run.
pub struct Phase {
    /// The text that is shown while it lasts.
    pub name: &'static str,
    /// How many jobs it has.
    pub jobs: u64,
    /// What is done.
    pub plan: Plan,
}

impl Phase {
    /// A phase of these jobs, in the order of their moments.
    fn of(name: &'static str, mut jobs: Vec<Planned>) -> Self {
        jobs.sort_by_key(|planned| planned.at);
        Self { name, jobs: u64::try_from(jobs.len()).unwrap_or(u64::MAX), plan: Box::new(jobs.into_iter()) }
    }
}

/// The same evening every time.
fn seeded() -> rand::rngs::StdRng {
    rand::SeedableRng::seed_from_u64(20_26)
}

//! An evening in its middle: people come one after the other at every door.

use super::{Phase, draw::Crowd};
use crate::cli::Options;
use crate::run::{Planned, Sends, pace::Shape};
use crate::world::{Wishes, World};

const PHONES: usize = 50;
const RATE: f64 = 500.0;
const SECONDS: f64 = 20.0;

fn shape(options: &Options) -> Shape {
    Shape::Constant { rate: options.rate.unwrap_or(RATE), length: options.length(SECONDS) }
}

pub fn wishes(options: &Options) -> Wishes {
    let scans = shape(options).moments().count();
    Wishes { phones: options.phones.unwrap_or(PHONES), tickets: scans, types: 1, own: options.own, ..Wishes::default() }
}

pub fn plan(options: &Options, world: &World) -> Phase {
    let mut crowd = Crowd::of(world, super::seeded());
    let phones = 0..world.phones.len();
    let jobs = shape(options).moments().zip(phones.cycle()).map(|(at, device)| Planned { at, device, job: crowd.next(Sends::default()) });
    Phase::of("scanning", jobs.collect())
}

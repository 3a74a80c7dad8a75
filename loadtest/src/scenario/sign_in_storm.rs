//! A shift begins while the doors are open: many members sign in, and scans must not become slower.

use super::{Phase, draw::Audience, steady::scans};
use crate::cli::Options;
use crate::run::{Job, Planned, pace::Shape};
use crate::world::{World, WorldSize};

const PHONES: usize = 50;
/// Phones on which people sign in, over and over: each sign-in displaces the one before.
const OTHERS: usize = 30;
const RATE: f64 = 500.0;
const SECONDS: f64 = 20.0;

fn shape(options: &Options) -> Shape {
    Shape::Constant { rate: options.rate.unwrap_or(RATE), length: options.length(SECONDS) }
}

fn phones(options: &Options) -> usize {
    options.phones.unwrap_or(PHONES)
}

pub fn size(options: &Options) -> WorldSize {
    let tickets = shape(options).moments().count();
    WorldSize { phones: phones(options), idle_phones: OTHERS, tickets, types: 1, ..WorldSize::default() }
}

pub fn plan(options: &Options, world: &World) -> Vec<Phase> {
    let mut jobs = scans(shape(options), 0..phones(options), &mut Audience::of(world, super::seeded()));
    let others = (phones(options)..world.phones.len()).cycle();
    let moments = options.sign_in_shape(shape(options).length()).moments();
    jobs.extend(moments.zip(others).map(|(at, device)| Planned { at, device, job: Job::SignIn }));
    vec![Phase::of("storm", jobs)]
}

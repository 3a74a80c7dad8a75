//! An evening in its middle: people come one after the other at every door.

use super::{Phase, draw::Audience};
use crate::cli::Options;
use crate::run::{Planned, Sends, pace::Shape};
use crate::world::{World, WorldSize};

const PHONES: usize = 50;
const RATE: f64 = 500.0;
const SECONDS: f64 = 20.0;

fn shape(options: &Options) -> Shape {
    Shape::Constant { rate: options.rate.unwrap_or(RATE), length: options.length(SECONDS) }
}

pub fn size(options: &Options) -> WorldSize {
    WorldSize { phones: options.phones.unwrap_or(PHONES), tickets: shape(options).moments().count(), types: 1, ..WorldSize::default() }
}

pub fn plan(options: &Options, world: &World) -> Vec<Phase> {
    vec![Phase::of("scanning", scans(shape(options), 0..world.phones.len(), &mut Audience::of(world, super::seeded())))]
}

/// Scans at these moments, one phone after the other.
pub fn scans(shape: Shape, phones: std::ops::Range<usize>, audience: &mut Audience) -> Vec<Planned> {
    let moments = shape.moments().zip(phones.cycle());
    moments.map(|(at, device)| Planned { at, device, job: audience.next(Sends::default()) }).collect()
}

//! The doors open: all members sign in, then visitors come, few at first, most of them shortly before the show begins.

use super::{Phase, draw::Audience, steady::scans};
use crate::cli::Options;
use crate::run::{Job, Planned, pace::Shape};
use crate::world::{World, WorldSize};

const PHONES: usize = 50;
const PEAK: f64 = 800.0;
const SECONDS: f64 = 20.0;

fn shape(options: &Options) -> Shape {
    Shape::Arrival { peak: options.rate.unwrap_or(PEAK), length: options.length(SECONDS) }
}

pub fn size(options: &Options) -> WorldSize {
    WorldSize { idle_phones: options.phones.unwrap_or(PHONES), tickets: shape(options).moments().count(), types: 1, ..WorldSize::default() }
}

pub fn plan(options: &Options, world: &World) -> Vec<Phase> {
    let phones = 0..world.phones.len();
    let moments = options.sign_in_shape(std::time::Duration::MAX).moments();
    let sign_ins = phones.clone().zip(moments).map(|(device, at)| Planned { at, device, job: Job::SignIn });
    let sign_ins = Phase::of("signing in", sign_ins.collect());
    vec![sign_ins, Phase::of("doors open", scans(shape(options), phones, &mut Audience::of(world, super::seeded())))]
}

//! One ticket, many doors: a screenshot was passed around, and is shown at all doors in the same instant.

use std::sync::Arc;

use super::Phase;
use crate::cli::Options;
use crate::run::{Expected, Job, Planned, Scan, Sends, pace::Shape};
use crate::world::{World, WorldSize};

const PHONES: usize = 16;
/// Tickets a second.
const RATE: f64 = 20.0;
const SECONDS: f64 = 15.0;

fn shape(options: &Options) -> Shape {
    Shape::Constant { rate: options.rate.unwrap_or(RATE), length: options.length(SECONDS) }
}

pub fn size(options: &Options) -> WorldSize {
    WorldSize { phones: options.phones.unwrap_or(PHONES), tickets: shape(options).moments().count(), types: 1, ..WorldSize::default() }
}

pub fn plan(options: &Options, world: &World) -> Vec<Phase> {
    let mut jobs = Vec::new();
    for (at, ticket) in shape(options).moments().zip(&world.tickets) {
        let code: Arc<str> = Arc::from(ticket.code.as_str());
        jobs.extend((0..world.phones.len()).map(|device| {
            let scan = Scan { code: Arc::clone(&code), expected: Expected::OneEntry, sends: Sends::default() };
            Planned { at, device, job: Job::Scan(scan) }
        }));
    }
    vec![Phase::of("one ticket", jobs)]
}

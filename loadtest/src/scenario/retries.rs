//! Bad Wi-Fi: answers get lost, and every request is sent one to three times with its one id.

use rand::{RngExt, rngs::StdRng};

use super::{Phase, box_office, draw::Audience};
use crate::cli::Options;
use crate::run::{Planned, Sends, pace::Shape};
use crate::world::{World, WorldSize};

const PHONES: usize = 30;
const TILLS: usize = 4;
const RATE: f64 = 200.0;
const SECONDS: f64 = 15.0;
/// Of all requests, so many are sales.
const SALES: f64 = 0.2;

fn shape(options: &Options, part: f64) -> Shape {
    Shape::Constant { rate: options.rate.unwrap_or(RATE) * part, length: options.length(SECONDS) }
}

pub fn size(options: &Options) -> WorldSize {
    WorldSize {
        phones: options.phones.unwrap_or(PHONES),
        tills: options.tills.unwrap_or(TILLS),
        tickets: shape(options, 1.0 - SALES).moments().count(),
        types: box_office::TYPES,
        quota: Some(box_office::QUOTA),
        ..WorldSize::default()
    }
}

pub fn plan(options: &Options, world: &World) -> Vec<Phase> {
    let mut audience = Audience::of(world, super::seeded());
    let mut random = super::seeded();
    let phones = world.phones.len();
    let moments = shape(options, 1.0 - SALES).moments().zip((0..phones).cycle());
    let mut jobs: Vec<Planned> = moments.map(|(at, device)| Planned { at, device, job: audience.next(sends(&mut random)) }).collect();
    let tills = phones..phones + world.tills.len();
    jobs.extend(box_office::sales(shape(options, SALES), tills, world.event.types.len(), sends));
    vec![Phase::of("bad Wi-Fi", jobs)]
}

/// One to three times: the answers of the first ones are lost, or it is sent again although it was answered.
fn sends(random: &mut StdRng) -> Sends {
    match random.random_range(0..6) {
        0 | 1 => Sends::default(),
        2 => Sends { lost: 1, again: 0 },
        3 => Sends { lost: 0, again: 1 },
        4 => Sends { lost: 1, again: 1 },
        _ => Sends { lost: 2, again: 0 },
    }
}

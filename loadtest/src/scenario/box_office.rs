//! The box office: tills sell, some let their buyers in at once, phones scan.

use std::ops::Range;

use rand::{RngExt, rngs::StdRng};
use rust_decimal::Decimal;

use super::{Phase, draw::Audience, steady::scans};
use crate::cli::Options;
use crate::run::{Basket, Job, Planned, Sends, pace::Shape};
use crate::world::{World, WorldSize};

const PHONES: usize = 20;
const TILLS: usize = 8;
const RATE: f64 = 300.0;
const SECONDS: f64 = 20.0;
/// Of all requests, so many are sales.
const SALES: f64 = 0.3;
/// Ticket types.
pub const TYPES: usize = 4;
/// Of each type: enough for most, so that the last buyers find it sold out.
pub const QUOTA: u32 = 500;

fn shape(options: &Options, part: f64) -> Shape {
    Shape::Constant { rate: options.rate.unwrap_or(RATE) * part, length: options.length(SECONDS) }
}

pub fn size(options: &Options) -> WorldSize {
    WorldSize {
        phones: options.phones.unwrap_or(PHONES),
        tills: options.tills.unwrap_or(TILLS),
        tickets: shape(options, 1.0 - SALES).moments().count(),
        types: TYPES,
        quota: Some(QUOTA),
        ..WorldSize::default()
    }
}

pub fn plan(options: &Options, world: &World) -> Vec<Phase> {
    let phones = world.phones.len();
    let mut jobs = Vec::new();
    if phones > 0 {
        jobs.extend(scans(shape(options, 1.0 - SALES), 0..phones, &mut Audience::of(world, super::seeded())));
    }
    let tills = phones..phones + world.tills.len();
    jobs.extend(sales(shape(options, SALES), tills, world.event.types.len(), |_| Sends::default()));
    vec![Phase::of("box office", jobs)]
}

/// Sales at these moments, one till after the other.
pub fn sales(shape: Shape, tills: Range<usize>, types: usize, mut sends: impl FnMut(&mut StdRng) -> Sends) -> Vec<Planned> {
    let mut random = super::seeded();
    let moments = shape.moments().zip(tills.cycle());
    moments
        .map(|(at, device)| {
            let mut basket = basket(&mut random, types);
            basket.sends = sends(&mut random);
            Planned { at, device, job: Job::Sell(basket) }
        })
        .collect()
}

/// The basket of a buyer: often one kind, sometimes two, sometimes the same kind on two lines.
fn basket(random: &mut StdRng, types: usize) -> Basket {
    let lines = random.random_range(1..=2);
    let lines = (0..lines).map(|_| (random.random_range(0..types.max(1)), random.random_range(1..=4))).collect();
    let cash = random.random_range(0..2) == 0;
    let cash_over = cash.then(|| Decimal::new(random.random_range(0..2_000), 2));
    Basket { lines, cash_over, admit: random.random_range(0..5) == 0, sends: Sends::default() }
}

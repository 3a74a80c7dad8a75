//! Which code comes next to a door.

use std::sync::Arc;

use rand::{RngExt, rngs::StdRng};

use crate::run::{Expected, Job, Scan, Sends, words};
use crate::world::World;

/// Of a hundred people at a door, so many hold a ticket that was scanned before…
const AGAIN: u32 = 8;
/// … so many one that is void, blocked, unpaid or refunded…
const ODD: u32 = 2;
/// … and so many something that is no ticket at all.
const UNKNOWN: u32 = 2;
/// The terminal asks before one in so many of them whether it may, to grey out a button.
const ASKED: u32 = 3;

/// A audience: it hands out tickets, most of them for the first time.
pub struct Audience {
    fresh: Vec<Arc<str>>,
    shown: usize,
    odd: Vec<(Arc<str>, &'static str)>,
    random: StdRng,
    unknown: u64,
}

impl Audience {
    /// The audience of a world. The same seed gives the same audience.
    pub fn of(world: &World, random: StdRng) -> Self {
        let fresh = world.tickets.iter().map(|ticket| Arc::from(ticket.code.as_str())).collect();
        let odd = world.odd.iter().map(|(code, reason)| (Arc::from(code.as_str()), words::keep(reason))).collect();
        Self { fresh, shown: 0, odd, random, unknown: 0 }
    }

    /// The next visitor at a door.
    pub fn next(&mut self, sends: Sends) -> Job {
        let drawn = self.random.random_range(0..100);
        let (code, expected) = match drawn {
            _ if drawn < UNKNOWN => self.something_else(),
            _ if drawn < UNKNOWN + ODD && !self.odd.is_empty() => self.odd_one(),
            _ if drawn < UNKNOWN + ODD + AGAIN && self.shown > 0 => self.again(),
            _ if drawn >= 100 - ASKED => return Job::Authorise,
            _ => self.first_time(),
        };
        Job::Scan(Scan { code, expected, sends })
    }

    /// A ticket that comes for the first time; when there are none left, one that was there before.
    fn first_time(&mut self) -> (Arc<str>, Expected) {
        match self.fresh.get(self.shown) {
            Some(code) => {
                self.shown += 1;
                (Arc::clone(code), Expected::OneEntry)
            }
            None => self.again(),
        }
    }

    fn again(&mut self) -> (Arc<str>, Expected) {
        let place = self.random.random_range(0..self.shown.max(1));
        match self.fresh.get(place) {
            Some(code) => (Arc::clone(code), Expected::OneEntry),
            None => self.something_else(),
        }
    }

    fn odd_one(&mut self) -> (Arc<str>, Expected) {
        let place = self.random.random_range(0..self.odd.len().max(1));
        match self.odd.get(place) {
            Some((code, reason)) => (Arc::clone(code), Expected::Refused(reason)),
            None => self.something_else(),
        }
    }

    fn something_else(&mut self) -> (Arc<str>, Expected) {
        self.unknown += 1;
        (Arc::from(format!("https://example.org/menu?table={}", self.unknown)), Expected::Refused("unknown_ticket"))
    }
}

//! Holds: stock and prices that are kept for one sale.

mod entry;
mod postgres;
pub(super) mod reads;
pub mod rows;
pub(super) mod sqlite;

pub use self::entry::{HoldEntry, HoldRefused, HoldRelease, NewHold, ReleaseEntry};

//! Voids: sales that are taken back by an entry of their own.

mod entry;
mod postgres;
mod reads;
pub mod rows;
mod sqlite;

pub use self::entry::{NewVoid, StillInside, VoidEntry, VoidOutcome};

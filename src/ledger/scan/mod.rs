//! Scans: movements of tickets, in and out, and those that take one back.

mod entry;
pub(super) mod postgres;
mod reads;
pub mod rows;
mod sqlite;

pub use self::entry::{Scan, ScanEntry, ScanRecorded};

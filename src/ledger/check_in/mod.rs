//! Check-ins: movements of parties on the guest list, and those that take one back.

mod entry;
mod postgres;
mod sqlite;

pub use self::entry::{CheckIn, CheckInEntry, CheckedIn};

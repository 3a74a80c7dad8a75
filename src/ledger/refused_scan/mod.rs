//! Refused scans, recorded beside the ledger.

pub(super) mod log;
mod postgres;
mod reads;
pub mod rows;
mod sqlite;

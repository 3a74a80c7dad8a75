//! Refused scans, recorded beside the ledger.

pub(super) mod log;
mod postgres;
pub mod rows;
mod sqlite;

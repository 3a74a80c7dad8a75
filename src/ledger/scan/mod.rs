//! Scans: movements of tickets, in and out.

pub(super) mod postgres;
mod sqlite;

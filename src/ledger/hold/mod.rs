//! Holds: stock and prices that are kept for one sale.

mod postgres;
pub(super) mod sqlite;

//! Tickets.

mod reads;
pub mod rows;

//! Organisations, users, and the memberships that join them.

mod reads;
pub mod rows;

//! Events and their ticket types.

pub(super) mod reads;
pub mod rows;

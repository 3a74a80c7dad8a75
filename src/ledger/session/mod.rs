//! Sessions, and what a request is authorised by.

pub(super) mod reads;
pub mod rows;

pub use self::reads::SessionFilter;

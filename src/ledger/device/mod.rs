//! Devices.

mod reads;
pub mod rows;

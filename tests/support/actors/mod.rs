//! The people and their devices: what they do at a door, named as they would name it.

mod admin;
mod desk;
mod member;
mod phone;
mod till;

pub use admin::{Admin, new_event};
pub use desk::{Desk, words};
pub use member::{Device, Member};
pub use phone::{Phone, scan_of};
pub use till::{Till, hold_of, sale_of};

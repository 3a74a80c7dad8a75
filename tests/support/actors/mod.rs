//! The people and their devices: what they do at a door, named as they would name it.

mod admin;
mod member;
mod phone;
mod signed_in;
mod till;

pub use admin::{Admin, new_event};
pub use member::{Device, Member};
pub use phone::{Phone, scan_of};
pub use signed_in::{SignedIn, words};
pub use till::{Till, hold_of, sale_of};

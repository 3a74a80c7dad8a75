//! Sessions: signing in, being displaced, signing out, and the hot copies that make a check cheap.
//!
//! The rule (features D2, S2, S3): a device has one session; a member has one at a desk (POS or backstage), the newest, and any number
//! on scanners. The ledger enforces it with two partial unique indexes; here it is only put into words.

pub mod copy;
pub mod end;
pub mod hot;
pub mod password;
pub mod redis;
pub mod sign_in;
pub mod throttle;
pub mod view;

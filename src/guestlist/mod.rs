//! Guest lists: who is expected without a ticket. So far, how their names are compared.

mod fold;

pub use self::fold::{fold, words};

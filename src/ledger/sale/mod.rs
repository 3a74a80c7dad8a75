//! Sales.

mod entry;
mod postgres;
pub(super) mod reads;
pub mod rows;
mod sqlite;

pub use self::entry::{NewSale, NewTicket, SaleEntry, SaleRecorded, SoldOut};

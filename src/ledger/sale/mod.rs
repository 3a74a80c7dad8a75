//! Sales.

mod entry;
mod postgres;
mod sqlite;

pub use self::entry::{NewSale, NewTicket, SaleEntry, SaleRecorded, SoldOut};

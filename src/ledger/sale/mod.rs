//! Sales.

mod postgres;
mod sqlite;

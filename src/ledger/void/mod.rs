//! Voids: sales that are taken back.

mod postgres;
mod sqlite;

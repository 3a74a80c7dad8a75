//! The load tester beside real gateways: it agrees with one that is right, on both set-ups, and notices each way of being wrong.
//!
//! Start it with `tests/run`, which builds the gateway and starts Postgres and Redis.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that meets what it did not expect shall stop there and say so"
)]

mod gateway;
mod sabotage;
mod scenarios;

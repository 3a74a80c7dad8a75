//! The black-box suite: real gateways, real stores, the HTTP contract word for word. Start it with `tests/run`.
//!
//! One module per subject; `support` holds the deployment that the tests play in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::print_stderr,
    missing_docs,
    reason = "a test that meets what it did not expect shall stop there and say so"
)]

mod support;

mod append_only;
mod broken;
mod commands;
mod devices;
mod door;
mod evening;
mod events;
mod faults;
mod graceful;
mod guests;
mod hostile;
mod imports;
mod ledger;
mod operations;
mod overload;
mod pos;
mod precedence;
mod races;
mod redis_faults;
mod sessions;
mod simulation;
mod stream;
mod team;
mod tenants;

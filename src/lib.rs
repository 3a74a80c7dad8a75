//! Stagedoor: the gateway between the people who let an audience in and the ledger of what happened.
//!
//! The map, in the order in which a request walks:
//!
//! | room | what it makes |
//! |---|---|
//! | [`http`] | bytes into requests, and answers into bytes |
//! | [`authenticate`] | a token into a `Caller`: who is asking |
//! | [`authorise`] | a caller, an act and an event into a `Permit`: may they |
//! | [`door`], [`pos`] | a scan, a sale: request, facts, decide, commit, answer |
//! | [`ledger`] | the ledger: what is true, written once and kept |
//!
//! Beside the corridor: [`session`] signs people in and keeps hot copies, [`event`] keeps events and their tickets, [`guestlist`] those
//! who come without one, [`device`] enrols phones and terminals, [`team`] says who may do what, [`preflight`] answers questions, [`stream`] tells
//! terminals at once what has changed.
//! What all of them stand on: [`ids`], [`money`], [`faults`], `shapes`, [`attempt`], [`clock`] (the only place that asks the time) and
//! [`limits`] (every limit in one table).
//! [`gateway`] opens the timings, [`handover`] lets the listening socket outlive the process, [`control_socket`] is how a command reaches one that runs, [`config`] has every setting, [`demo`] fills an
//! organisation to try it all.

pub mod attempt;
pub mod authenticate;
pub mod authorise;
pub mod clock;
pub mod config;
pub mod control_socket;
pub mod demo;
pub mod device;
pub mod door;
pub mod event;
pub mod faults;
pub mod gateway;
pub mod guestlist;
pub mod handover;
pub mod http;
pub mod ids;
pub mod ledger;
pub mod limits;
pub mod money;
mod openapi_schemas;
pub mod pos;
pub mod preflight;
mod private_file;
pub mod reports;
pub mod session;
pub mod stream;
mod string_enum;
pub mod team;

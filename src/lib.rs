//! Stagedoor: the gateway between the people who admit an audience and the ledger of admissions and sales.
//!
//! The modules, in the order in which a request meets them:
//!
//! | module | what it makes |
//! |---|---|
//! | [`http`] | requests from bytes, and bytes from answers |
//! | [`authenticate`] | a `Caller` from a token |
//! | [`authorise`] | a `Permit` from a caller, an act and an event |
//! | [`attempt`] | an answer: look, consider, commit, and again when something has changed |
//! | [`door`], [`pos`], [`guestlist`] | the calls along that corridor: scans, sales, holds, voids, check-ins |
//! | [`ledger`] | what is true, written once and kept |
//!
//! Beside them: [`session`] signs members in and keeps hot copies of sessions, [`event`] keeps events and tickets, [`device`] enrols phones and
//! terminals, [`team`] manages members, [`preflight`] answers whether a call would be allowed, [`reports`] reads back what happened, [`stream`]
//! sends terminals what has changed. Everything stands on [`ids`], [`money`], [`faults`], [`clock`] (the only module that reads the time) and
//! [`limits`] (every limit in one table). [`gateway`] opens all of it, [`handover`] passes the listening socket to the next process,
//! [`control_socket`] lets a command reach the running gateway, [`config`] has every setting, [`demo`] fills an organisation to try out.
//!
//! Longer pages: [`docs`].

pub mod attempt;
pub mod authenticate;
pub mod authorise;
pub mod clock;
pub mod config;
pub mod control_socket;
pub mod demo;
pub mod device;
pub mod docs;
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

//! The handlers: each takes bytes apart, asks one room, and puts the answer together. No rule is decided here.

pub mod devices;
pub mod door;
pub mod events;
pub mod guests;
pub mod imports;
pub mod operations;
pub mod preflight;
pub mod records;
pub mod sales;
pub mod scans;
pub mod sessions;
pub mod stream;
pub mod team;

use axum::{
    Json,
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::attempt::Timings;

/// An answer with the header that says that it was told before.
fn told(status: StatusCode, body: &impl Serialize, replayed: bool) -> Response {
    let mut response = (status, Json(body)).into_response();
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

/// The answer of a walk: the same with the times for the log.
fn walked(status: StatusCode, body: &impl Serialize, replayed: bool, timings: Timings) -> Response {
    let mut response = told(status, body, replayed);
    response.extensions_mut().insert(timings);
    response
}

/// A refusal of a walk, with the times for the log.
fn refused(problem: super::problem::Problem, timings: Timings) -> Response {
    let mut response = problem.into_response();
    response.extensions_mut().insert(timings);
    response
}

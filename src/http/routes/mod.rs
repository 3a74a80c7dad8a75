//! The handlers: each parses its request, calls one module, and makes the response. No rule is decided here.

pub mod attendance;
pub mod devices;
pub mod events;
pub mod guests;
pub mod imports;
pub mod operations;
pub mod preflight;
pub mod refused_scans;
pub mod sales;
pub mod sales_reports;
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

/// JSON, with `Idempotent-Replayed: true` if the response is that of an earlier request.
fn replayable(status: StatusCode, body: &impl Serialize, replayed: bool) -> Response {
    let mut response = (status, Json(body)).into_response();
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

/// The same, with the times of the corridor's stages for log and metrics.
fn timed(status: StatusCode, body: &impl Serialize, replayed: bool, timings: Timings) -> Response {
    let mut response = replayable(status, body, replayed);
    response.extensions_mut().insert(timings);
    response
}

/// A problem with the same times.
fn timed_problem(problem: super::problem::Problem, timings: Timings) -> Response {
    let mut response = problem.into_response();
    response.extensions_mut().insert(timings);
    response
}

//! `/v1/scans`

use axum::{extract::State, http::StatusCode, response::Response};

use super::{timed, timed_problem};
use crate::{
    attempt::{Timed, attempt},
    door::{
        scan::{
            answer::ScanAnswer,
            request::{Request, ScanBody},
        },
        take_back::{TakeBack, answer::TakeBackAnswer},
    },
    http::{
        body::JsonBody,
        extract::{Bearer, Id},
        problem::Problem,
        state::AppState,
    },
    ids::ScanId,
};

/// Scan a ticket.
///
/// Needs `entry:scan` and a session on a device. The same id again finds the first answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/scans", tag = "door", request_body = ScanBody,
    responses((status = 200, description = "Done.", body = ScanAnswer), Problem)
)]
pub async fn scan(State(state): State<AppState>, bearer: Bearer, JsonBody(body): JsonBody<ScanBody>) -> Result<Response, Problem> {
    let staff = state.staff(&bearer).await?;
    let body = body.after(|| staff.caller()).await?;
    let request = Request::parse(body);
    let Timed { result, timings } = attempt(&request, &state.sources, staff.claims()).await;
    match result {
        Ok(answer) => {
            if !answer.replayed {
                state.metrics.record_verdict(answer.verdict.as_str(), answer.reason.map_or("", |reason| reason.as_str()));
            }
            Ok(timed(StatusCode::OK, &answer, answer.replayed, timings))
        }
        Err(error) => Ok(timed_problem(error.into(), timings)),
    }
}

/// Take a scan back.
///
/// Needs `entry:scan` and a session on the device that made the scan, within 15 minutes by the server's clock. A mistaken movement is
/// reversed by a new one: an entry that is taken back gives back what it used whether or not the ticket type allows re-entry, and its
/// ticket may be admitted again under a new id; an exit that is taken back counts the person in again. For a scan that was refused there
/// is nothing to take back (404). Repeated, it gets the first answer, with `Idempotent-Replayed: true`.
///
/// `other_device` (403): it was made on another device. `take_back_too_late` (409, with `until`): it is too old. `moved_since` (409): the
/// person has left since, or the entry that an exit gave back is used again.
#[utoipa::path(
    delete, path = "/v1/scans/{id}", tag = "door", params(("id" = uuid::Uuid, Path, description = "The scan.")),
    responses((status = 200, description = "Done.", body = TakeBackAnswer), Problem)
)]
pub async fn take_back(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<Response, Problem> {
    let staff = state.staff(&bearer).await?;
    let Timed { result, timings } = attempt(&TakeBack(ScanId(id)), &state.sources, staff.claims()).await;
    match result {
        Ok(answer) => Ok(timed(StatusCode::OK, &answer, answer.replayed, timings)),
        Err(error) => Ok(timed_problem(error.into(), timings)),
    }
}

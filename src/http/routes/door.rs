//! `/v1/events/{id}/attendance` and `/v1/events/{id}/refused-scans`: who is inside, and who was turned away.

use axum::{Json, extract::State};

use crate::{
    door::attendance,
    http::{
        parts::{Bearer, Id},
        problem::{Problem, ProblemView},
        state::House,
    },
    ids::EventId,
    ledger::rows::Attendance,
};

/// Who came, and who is inside.
///
/// Needs `entry:scan`; a door operator asks for the pinned event. No ticket is counted twice: each is admitted once however often it came
/// and went, and belongs to the gate at which it first came in. What was taken back counts for nothing. All numbers are of one moment.
#[utoipa::path(
    get, path = "/v1/events/{id}/attendance", tag = "door", params(("id" = uuid::Uuid, Path, description = "The event.")),
    responses((status = 200, description = "Done.", body = Attendance), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn attendance(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<Json<Attendance>, Problem> {
    let clerk = house.clerk(&bearer).await?;
    Ok(Json(attendance::attendance(&house.book, clerk, EventId(id)).await?))
}

//! `/v1/events/{id}/attendance`

use axum::{Json, extract::State};

use crate::{
    http::{
        extract::{Bearer, Id},
        problem::Problem,
        state::AppState,
    },
    ids::EventId,
    ledger::rows::Attendance,
    reports::attendance,
};

/// How many people came, and how many are inside.
///
/// Needs `entry:scan`; a door operator, for the pinned event. No ticket is counted twice: each is admitted once, however often it came
/// and went, and counts at the gate at which it first came in. What was taken back does not count. All numbers are of one instant.
#[utoipa::path(
    get, path = "/v1/events/{id}/attendance", tag = "door", params(("id" = uuid::Uuid, Path, description = "The event.")),
    responses((status = 200, description = "Done.", body = Attendance), Problem)
)]
pub async fn attendance(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<Json<Attendance>, Problem> {
    let staff = state.staff(&bearer).await?;
    Ok(Json(attendance::attendance(&state.ledger, staff, EventId(id)).await?))
}

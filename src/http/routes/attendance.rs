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

/// Who came, and who is inside.
///
/// Needs `entry:scan`; a door operator asks for the pinned event. No ticket is counted twice: each is admitted once however often it came
/// and went, and belongs to the gate at which it first came in. What was taken back counts for nothing. All numbers are of one moment.
#[utoipa::path(
    get, path = "/v1/events/{id}/attendance", tag = "door", params(("id" = uuid::Uuid, Path, description = "The event.")),
    responses((status = 200, description = "Done.", body = Attendance), Problem)
)]
pub async fn attendance(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<Json<Attendance>, Problem> {
    let staff = state.staff(&bearer).await?;
    Ok(Json(attendance::attendance(&state.ledger, staff, EventId(id)).await?))
}

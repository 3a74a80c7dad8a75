//! `/v1/authorise`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    http::{
        body::JsonBody,
        extract::Bearer,
        problem::{Code, Problem},
        state::AppState,
    },
    ids::EventId,
    preflight::{self, Action, Question},
};

/// A question.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = may_i)]
pub struct MayBody {
    /// What.
    action: Action,
    /// At which event.
    event: uuid::Uuid,
}

/// Yes, or no and why.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = may_i_answer)]
pub struct MayAnswer {
    /// Yes or no.
    allowed: bool,
    /// The code that the real call would answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    /// One sentence that may be shown to the person at the door.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The members that the code adds.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    members: Map<String, Value>,
}

/// May I?
///
/// The decision alone, for terminals that grey out a button. It may be up to one second behind a change made on another gateway; the
/// real calls never are.
#[utoipa::path(
    post, path = "/v1/authorise", tag = "door", request_body = MayBody,
    responses((status = 200, description = "Done.", body = MayAnswer), Problem)
)]
pub async fn may(State(state): State<AppState>, bearer: Bearer, JsonBody(body): JsonBody<MayBody>) -> Result<Json<MayAnswer>, Problem> {
    let staff = state.staff(&bearer).await?;
    let body = body.after(|| staff.caller()).await?;
    Ok(Json(match preflight::may(&state.sources, staff.claims(), Question { action: body.action, event: EventId(body.event) }).await? {
        Ok(()) => MayAnswer { allowed: true, code: None, detail: None, members: Map::new() },
        Err(refused) => {
            let Problem { code, detail, members, .. } = refused.into();
            MayAnswer { allowed: false, code: Some(code), detail: Some(detail), members }
        }
    }))
}

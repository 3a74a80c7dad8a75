//! `/v1/team`

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;

use crate::{
    http::{
        body::JsonBody,
        extract::{Bearer, Id, List, PageQuery, QueryParams},
        problem::Problem,
        state::AppState,
    },
    ids::UserId,
    ledger::kinds::{Permission, Role},
    openapi_schemas::Cursor,
    team::{
        self, MemberView,
        change::{self, MemberChange, NewMember},
    },
};

/// Whom to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TeamQuery {
    /// A part of the name, user name or address.
    q: Option<String>,
    /// A role.
    role: Option<Role>,
    /// Items at the most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<String>,
}

/// The team.
///
/// Needs `team:view`.
#[utoipa::path(
    get, path = "/v1/team", tag = "team", params(TeamQuery),
    responses((status = 200, description = "Done.", body = List<MemberView>), Problem)
)]
pub async fn list(
    State(state): State<AppState>,
    bearer: Bearer,
    QueryParams(query): QueryParams<TeamQuery>,
) -> Result<Json<List<MemberView>>, Problem> {
    let staff = state.staff(&bearer).await?;
    let parsed = query.and_then(|TeamQuery { q, role, limit, cursor }| Ok((q, role, PageQuery { limit, cursor }.page()?)));
    let (q, role, page) = parsed.after(|| staff.mandate(Permission::TeamView)).await?;
    let members = team::list(&state.ledger, staff, role, q.as_deref().unwrap_or_default(), page).await?;
    let List { items, next_cursor } = List::of(members, page, |(_, membership)| *membership);
    Ok(Json(List { items: items.into_iter().map(|(view, _)| view).collect(), next_cursor }))
}

/// Add a member.
///
/// Needs `team:manage`.
#[utoipa::path(
    post, path = "/v1/team", tag = "team", request_body = NewMember,
    responses((status = 201, description = "Done.", body = MemberView), Problem)
)]
pub async fn add(
    State(state): State<AppState>,
    bearer: Bearer,
    JsonBody(body): JsonBody<NewMember>,
) -> Result<(StatusCode, Json<MemberView>), Problem> {
    let staff = state.staff(&bearer).await?;
    let new = body.after(|| staff.mandate(Permission::TeamManage)).await?;
    Ok((StatusCode::CREATED, Json(change::add(&state.team, staff, new).await?)))
}

/// Change a member's role, single permissions, or suspend them.
///
/// Needs `team:manage`. In force for every later write on every gateway.
#[utoipa::path(
    patch, path = "/v1/team/{user}", tag = "team", params(("user" = uuid::Uuid, Path, description = "The person.")), request_body = MemberChange,
    responses((status = 200, description = "Done.", body = MemberView), Problem)
)]
pub async fn patch(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(user): Id,
    JsonBody(body): JsonBody<MemberChange>,
) -> Result<Json<MemberView>, Problem> {
    let staff = state.staff(&bearer).await?;
    let wanted = body.after(|| staff.mandate(Permission::TeamManage)).await?;
    Ok(Json(change::patch(&state.team, staff, UserId(user), wanted).await?))
}

/// The events of a member.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = member_events)]
pub struct EventsBody {
    /// A viewer's grants; a door operator's pin, if it is exactly one.
    events: Vec<uuid::Uuid>,
}

/// Set the events of a member.
///
/// Needs `team:manage`. Two pins are stored, and are no pin.
#[utoipa::path(
    put, path = "/v1/team/{user}/events", tag = "team", params(("user" = uuid::Uuid, Path, description = "The person.")), request_body = EventsBody,
    responses((status = 200, description = "Done.", body = MemberView), Problem)
)]
pub async fn set_events(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(user): Id,
    JsonBody(body): JsonBody<EventsBody>,
) -> Result<Json<MemberView>, Problem> {
    let staff = state.staff(&bearer).await?;
    let body = body.after(|| staff.mandate(Permission::TeamManage)).await?;
    Ok(Json(change::set_events(&state.team, staff, UserId(user), &body.events).await?))
}

/// Remove a member.
///
/// Needs `team:manage`. Touches this organisation only.
#[utoipa::path(
    delete, path = "/v1/team/{user}", tag = "team", params(("user" = uuid::Uuid, Path, description = "The person.")),
    responses((status = 204, description = "Done."), Problem)
)]
pub async fn remove(State(state): State<AppState>, bearer: Bearer, Id(user): Id) -> Result<StatusCode, Problem> {
    let staff = state.staff(&bearer).await?;
    change::remove(&state.team, staff, UserId(user)).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `/v1/sessions`

use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::Deserialize;

use crate::{
    http::{
        body::JsonBody,
        extract::{Bearer, Deferred, Id, List, PageQuery, QueryParams},
        layers::InFlight,
        problem::Problem,
        state::AppState,
    },
    ids::{DeviceId, SessionId, UserId},
    ledger::{SessionFilter, kinds::SessionKind},
    openapi_schemas::Cursor,
    session::{
        end::{self, EndScope, Ended},
        sign_in::{self, SignInRequest, SignedIn},
        view::{ListedSession, SessionView},
    },
};

/// Sign in.
///
/// With a device token as bearer the session is of the device's kind; without one it is `backstage`. On a POS device and backstage it
/// ends the member's earlier session there, on any device it ends that device's earlier session.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions", request_body = SignInRequest, security((), ("token" = [])),
    responses((status = 201, description = "Done.", body = SignedIn), Problem)
)]
pub async fn sign_in(
    State(state): State<AppState>,
    in_flight: Option<Extension<InFlight>>,
    bearer: Bearer,
    JsonBody(body): JsonBody<SignInRequest>,
) -> Result<(StatusCode, Json<SignedIn>), Problem> {
    let device = match &bearer.0 {
        Some(token) => Some(state.authenticator.device(token).await?),
        None => None,
    };
    let address = in_flight.and_then(|Extension(in_flight)| in_flight.address()).map_or_else(String::new, |address| address.to_string());
    let signed_in = sign_in::sign_in(&state.sign_in, device, body.get()?, &address).await?;
    Ok((StatusCode::CREATED, Json(signed_in)))
}

/// Who am I?
///
/// Answered from the ledger, not from a copy.
#[utoipa::path(
    get, path = "/v1/sessions/current", tag = "sessions",
    responses((status = 200, description = "Done.", body = SessionView), Problem)
)]
pub async fn current(State(state): State<AppState>, bearer: Bearer) -> Result<Json<SessionView>, Problem> {
    let caller = state.staff(&bearer).await?.caller().await?;
    Ok(Json(SessionView::of(&state.ledger, caller.authority()).await?))
}

/// Sign out.
#[utoipa::path(
    delete, path = "/v1/sessions/current", tag = "sessions",
    responses((status = 204, description = "Done."), Problem)
)]
pub async fn sign_out(State(state): State<AppState>, bearer: Bearer) -> Result<StatusCode, Problem> {
    let staff = state.staff(&bearer).await?;
    end::sign_out(&state.ledger, state.clock, staff).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which sessions.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SessionQuery {
    /// Of this user only.
    user: Option<uuid::Uuid>,
    /// On this device only.
    device: Option<uuid::Uuid>,
    /// Of this kind only.
    kind: Option<SessionKind>,
    /// `true`: those that are signed in now. `false`: those that are over, signed out or ended.
    #[param(default = true)]
    live: Option<bool>,
    /// Items at the most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<String>,
}

/// Who is signed in?
///
/// Needs `team:manage`; `devices:manage` is enough for a device's, and one's own (`user` is oneself) need no permission. Live
/// sessions unless `live=false` asks for those that are over; oldest first.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions", params(SessionQuery),
    responses((status = 200, description = "Done.", body = List<ListedSession>), Problem)
)]
pub async fn list(
    State(state): State<AppState>,
    bearer: Bearer,
    QueryParams(query): QueryParams<SessionQuery>,
) -> Result<Json<List<ListedSession>>, Problem> {
    let staff = state.staff(&bearer).await?;
    let query = query.after(|| staff.caller()).await?;
    let page = Deferred::from(PageQuery { limit: query.limit, cursor: query.cursor }.page());
    let filter = SessionFilter {
        user: query.user.map(UserId),
        device: query.device.map(DeviceId),
        kind: query.kind,
        live: query.live.unwrap_or(true),
        at: state.clock.now(),
    };
    let page = page.after(|| end::may_list(staff, filter)).await?;
    let mut views = Vec::new();
    for authority in end::list(&state.ledger, staff, filter, page).await? {
        views.push(ListedSession::of(&state.ledger, &authority).await?);
    }
    Ok(Json(List::of(views, page, |view| view.session.id.0)))
}

/// Which sessions are to end. One of the three is named.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EndQuery {
    /// Those of this user.
    user: Option<uuid::Uuid>,
    /// Those on this device.
    device: Option<uuid::Uuid>,
    /// `true`: those of the whole organisation.
    all: Option<bool>,
    /// `true`: all of them but the one that asks.
    #[param(default = false)]
    keep_current: Option<bool>,
}

/// End all sessions of a user, of a device or of the organisation.
///
/// Needs `team:manage`; `devices:manage` is enough for a device's, and one's own (`user` is oneself) need no permission. Ends them in one
/// step on every gateway, the one that asks included unless `keep_current=true`; each answers `session_ended` from then on.
#[utoipa::path(
    delete, path = "/v1/sessions", tag = "sessions", params(EndQuery),
    responses((status = 200, description = "Done.", body = Ended), Problem)
)]
pub async fn end_many(
    State(state): State<AppState>,
    bearer: Bearer,
    QueryParams(query): QueryParams<EndQuery>,
) -> Result<Json<Ended>, Problem> {
    let parsed = query.and_then(|query| {
        let scope =
            EndScope::of(query.user.map(UserId), query.device.map(DeviceId), query.all.unwrap_or(false)).map_err(Problem::invalid)?;
        Ok((scope, query.keep_current.unwrap_or(false)))
    });
    let staff = state.staff(&bearer).await?;
    let (scope, keep_current) = parsed.after(|| end::may_end(staff)).await?;
    Ok(Json(end::end_many(&state.ledger, state.clock, staff, scope, keep_current).await?))
}

/// End a session.
///
/// Needs `team:manage`, or ends one of one's own.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "sessions", params(("id" = uuid::Uuid, Path, description = "The session.")),
    responses((status = 204, description = "Done."), Problem)
)]
pub async fn end(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<StatusCode, Problem> {
    let staff = state.staff(&bearer).await?;
    end::end_one(&state.ledger, state.clock, staff, SessionId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

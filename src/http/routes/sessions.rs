//! `/v1/sessions`

use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::Deserialize;

use crate::{
    http::{
        body::Sent,
        layers::Client,
        parts::{Asked, Bearer, Id, List, PageQuery},
        problem::{Problem, ProblemView},
        state::House,
    },
    ids::{SessionId, UserId},
    session::{
        end,
        sign_in::{self, SignInRequest, SignedIn},
        view::SessionView,
    },
};

/// Sign in.
///
/// With a device token as bearer the session is of the device's kind; without one it is `backstage`. On a POS device and backstage it
/// ends the member's earlier session there, on any device it ends that device's earlier session.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions", request_body = SignInRequest, security((), ("token" = [])),
    responses((status = 201, description = "Done.", body = SignedIn), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn sign_in(
    State(house): State<House>,
    client: Option<Extension<Client>>,
    bearer: Bearer,
    sent: Sent<SignInRequest>,
) -> Result<(StatusCode, Json<SignedIn>), Problem> {
    let device = match &bearer.0 {
        Some(token) => Some(house.gate.device(token).await?),
        None => None,
    };
    let address = client.map_or_else(String::new, |Extension(Client(address))| address.to_string());
    let signed_in = sign_in::sign_in(&house.entrance, device, sent.read()?, &address).await?;
    Ok((StatusCode::CREATED, Json(signed_in)))
}

/// Who am I?
///
/// Answered from the book, not from a copy.
#[utoipa::path(
    get, path = "/v1/sessions/current", tag = "sessions",
    responses((status = 200, description = "Done.", body = SessionView), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn current(State(house): State<House>, bearer: Bearer) -> Result<Json<SessionView>, Problem> {
    let caller = house.clerk(&bearer).await?.caller().await?;
    Ok(Json(SessionView::of(&house.book, caller.authority()).await?))
}

/// Sign out.
#[utoipa::path(
    delete, path = "/v1/sessions/current", tag = "sessions",
    responses((status = 204, description = "Done."), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn sign_out(State(house): State<House>, bearer: Bearer) -> Result<StatusCode, Problem> {
    let clerk = house.clerk(&bearer).await?;
    end::sign_out(&house.book, house.clock, clerk).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose sessions.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SessionQuery {
    /// The user; all of the organisation if absent.
    user: Option<uuid::Uuid>,
    /// Items at the most.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Who is signed in?
///
/// Needs `team:manage`, or asks for one's own sessions.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions", params(SessionQuery),
    responses((status = 200, description = "Done.", body = List<SessionView>), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn list(State(house): State<House>, bearer: Bearer, asked: Asked<SessionQuery>) -> Result<Json<List<SessionView>>, Problem> {
    let (clerk, query) = house.clerk_with(&bearer, asked.read()).await?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor }.page()?;
    let mut views = Vec::new();
    for authority in end::list(&house.book, clerk, query.user.map(UserId), page).await? {
        views.push(SessionView::of(&house.book, &authority).await?);
    }
    Ok(Json(List::of(views, page, |view| view.id.0)))
}

/// End a session.
///
/// Needs `team:manage`, or ends one of one's own.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "sessions", params(("id" = uuid::Uuid, Path, description = "The session.")),
    responses((status = 204, description = "Done."), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn end(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<StatusCode, Problem> {
    let clerk = house.clerk(&bearer).await?;
    end::end_one(&house.book, house.clock, clerk, SessionId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

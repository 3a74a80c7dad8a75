//! `/v1/events/{id}/guest-lists`, `/v1/guest-lists`, `/v1/guests` and `/v1/check-ins`

use axum::{
    Json,
    extract::{Request as HttpRequest, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{timed, timed_problem};
use crate::{
    attempt::{Timed, attempt},
    guestlist::{
        GuestListView, GuestView,
        check_in::{
            answer::CheckInAnswer,
            request::{CheckInBody, Request},
        },
        manage::{self, Added, GuestBodyChange, GuestListChange, GuestsBody, NewGuestList},
        search::{self, GuestHistory, Wanted},
        take_back::{TakeBack, answer::TakenBack},
    },
    http::{
        body::{self, JsonBody},
        extract::{Bearer, Id, List, PageQuery, QueryParams},
        problem::Problem,
        state::AppState,
    },
    ids::{CheckInId, EventId, GuestId, GuestListId},
    ledger::guestlist::Arrival,
    limits,
    openapi_schemas::Cursor,
};

/// The guest lists of an event.
///
/// Needs `guestlist:checkin` or `guestlist:manage`, and the pin where there is one. Each with the number of its guests, of their people, and of those who are in.
#[utoipa::path(
    get, path = "/v1/events/{id}/guest-lists", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The event."), PageQuery),
    responses((status = 200, description = "Done.", body = List<GuestListView>), Problem)
)]
pub async fn lists(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(event): Id,
    QueryParams(query): QueryParams<PageQuery>,
) -> Result<Json<List<GuestListView>>, Problem> {
    let staff = state.staff(&bearer).await?;
    let page = query.and_then(|query| query.page()).after(|| search::may_read(&state.ledger, staff, EventId(event))).await?;
    let lists = search::lists(&state.ledger, staff, EventId(event), page).await?;
    Ok(Json(List::of(lists, page, |list| list.id.0)))
}

/// Make a guest list.
///
/// Needs `guestlist:manage`.
#[utoipa::path(
    post, path = "/v1/events/{id}/guest-lists", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The event.")), request_body = NewGuestList,
    responses((status = 201, description = "Done.", body = GuestListView), Problem)
)]
pub async fn create_list(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(event): Id,
    JsonBody(body): JsonBody<NewGuestList>,
) -> Result<(StatusCode, Json<GuestListView>), Problem> {
    let staff = state.staff(&bearer).await?;
    let new = body.after(|| search::manager_of_event(&state.ledger, staff, EventId(event))).await?;
    let made = manage::create_list(&state.ledger, state.clock, staff, EventId(event), &new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a guest list.
///
/// Needs `guestlist:manage`.
#[utoipa::path(
    patch, path = "/v1/guest-lists/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest list.")), request_body = GuestListChange,
    responses((status = 200, description = "Done.", body = GuestListView), Problem)
)]
pub async fn patch_list(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(id): Id,
    JsonBody(body): JsonBody<GuestListChange>,
) -> Result<Json<GuestListView>, Problem> {
    let staff = state.staff(&bearer).await?;
    let change = body.after(|| search::manager_of_list(&state.ledger, staff, GuestListId(id))).await?;
    Ok(Json(manage::patch_list(&state.ledger, staff, GuestListId(id), &change).await?))
}

/// Remove a guest list.
///
/// Needs `guestlist:manage`. Its guests are removed with it; check-ins stay in the ledger.
#[utoipa::path(
    delete, path = "/v1/guest-lists/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest list.")),
    responses((status = 204, description = "Done."), Problem)
)]
pub async fn strike_list(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<StatusCode, Problem> {
    let staff = state.staff(&bearer).await?;
    manage::strike_list(&state.ledger, state.clock, staff, GuestListId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put guests on a list.
///
/// Needs `guestlist:manage`. Up to 1,000 guests, upserted by id, so that it is safe to repeat. A guest without an id is known by list, name
/// and company: the same call again doubles nothing. For a second guest of the same name send ids, or both in one call.
#[utoipa::path(
    post, path = "/v1/guest-lists/{id}/guests", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest list.")), request_body = GuestsBody,
    responses((status = 200, description = "Done.", body = Added), Problem)
)]
pub async fn add(State(state): State<AppState>, bearer: Bearer, Id(id): Id, request: HttpRequest) -> Result<Json<Added>, Problem> {
    let staff = state.staff(&bearer).await?;
    // Checked before a large body is received.
    let (_, listed) = search::manager_of_list(&state.ledger, staff, GuestListId(id)).await?;
    let (parts, sent) = request.into_parts();
    if body::media_type(&parts.headers).as_deref() != Some("application/json") {
        return Err(body::unsupported_media_type());
    }
    let arrived = state.uploads.receive(listed.list.organisation_id, sent, limits::UPLOAD_JSON_BYTES, limits::UPLOAD_READ_TIMEOUT).await?;
    let guests: GuestsBody = body::parse(&arrived.bytes().await?)?;
    Ok(Json(manage::add(&state.ledger, state.clock, staff, GuestListId(id), &guests).await?))
}

/// Whom to look for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GuestQuery {
    /// Any parts of the name, in any order and in any script; accents and case do not count. The first eight words do.
    #[param(max_length = 200)]
    q: Option<String>,
    /// A guest list.
    list: Option<Uuid>,
    /// How much of the party has arrived.
    #[param(inline)]
    arrived: Option<Arrival>,
    /// Items at the most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<String>,
}

impl GuestQuery {
    fn parse(self) -> Result<(Wanted, crate::ledger::Page), Problem> {
        let page = PageQuery { limit: self.limit, cursor: self.cursor }.page()?;
        Ok((Wanted { q: self.q, list: self.list.map(GuestListId), arrived: self.arrived }, page))
    }
}

/// Search the guests of an event.
///
/// Needs `guestlist:checkin` or `guestlist:manage`, and the pin where there is one. In the order of their names.
#[utoipa::path(
    get, path = "/v1/events/{id}/guests", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The event."), GuestQuery),
    responses((status = 200, description = "Done.", body = List<GuestView>), Problem)
)]
pub async fn search(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(event): Id,
    QueryParams(query): QueryParams<GuestQuery>,
) -> Result<Json<List<GuestView>>, Problem> {
    let staff = state.staff(&bearer).await?;
    let (wanted, page) = query.and_then(GuestQuery::parse).after(|| search::may_read(&state.ledger, staff, EventId(event))).await?;
    let guests = search::guests(&state.ledger, staff, EventId(event), &wanted, page).await?;
    Ok(Json(List::of(guests, page, |guest| guest.id.0)))
}

/// A guest, and all that happened to the party.
///
/// Needs `guestlist:checkin` or `guestlist:manage`, and the pin where there is one.
#[utoipa::path(
    get, path = "/v1/guests/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest.")),
    responses((status = 200, description = "Done.", body = GuestHistory), Problem)
)]
pub async fn one(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<Json<GuestHistory>, Problem> {
    let staff = state.staff(&bearer).await?;
    Ok(Json(search::guest(&state.ledger, staff, GuestId(id)).await?))
}

/// Change a guest.
///
/// Needs `guestlist:manage`. A party that would be smaller than the number of its people who are in: 409 `already_arrived`, with `arrived`.
#[utoipa::path(
    patch, path = "/v1/guests/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest.")), request_body = GuestBodyChange,
    responses((status = 200, description = "Done.", body = GuestView), Problem)
)]
pub async fn patch(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(id): Id,
    JsonBody(body): JsonBody<GuestBodyChange>,
) -> Result<Json<GuestView>, Problem> {
    let staff = state.staff(&bearer).await?;
    let change = body.after(|| search::manager_of_guest(&state.ledger, staff, GuestId(id))).await?;
    Ok(Json(manage::patch(&state.ledger, staff, GuestId(id), &change).await?))
}

/// Remove a guest.
///
/// Needs `guestlist:manage`. The guest is no longer found or checked in; check-ins stay in the ledger.
#[utoipa::path(
    delete, path = "/v1/guests/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest.")),
    responses((status = 204, description = "Done."), Problem)
)]
pub async fn strike(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<StatusCode, Problem> {
    let staff = state.staff(&bearer).await?;
    manage::strike(&state.ledger, state.clock, staff, GuestId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Check in a party, or a part of it.
///
/// Needs `guestlist:checkin` and a live event; a device is welcome and not needed. More people than remain are an answer, not an error:
/// `party_complete` or `too_many`. The same id again finds the first answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/guests/{id}/check-ins", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest.")), request_body = CheckInBody,
    responses((status = 200, description = "Done.", body = CheckInAnswer), Problem)
)]
pub async fn check_in(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(id): Id,
    JsonBody(body): JsonBody<CheckInBody>,
) -> Result<Response, Problem> {
    let staff = state.staff(&bearer).await?;
    let body = body.after(|| staff.caller()).await?;
    let request = Request::parse(GuestId(id), &body);
    let Timed { result, timings } = attempt(&request, &state.sources, staff.claims()).await;
    match result {
        Ok(answer) => Ok(timed(StatusCode::OK, &answer, answer.replayed, timings)),
        Err(error) => Ok(timed_problem(error.into(), timings)),
    }
}

/// Take a check-in back.
///
/// With `guestlist:checkin` for the member who made it, on the same device and within 15 minutes; with `guestlist:manage` always. By a new
/// movement, once; repeated, it gets the first answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    delete, path = "/v1/check-ins/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The check-in.")),
    responses((status = 200, description = "Done.", body = TakenBack), Problem)
)]
pub async fn take_back(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<Response, Problem> {
    let staff = state.staff(&bearer).await?;
    let Timed { result, timings } = attempt(&TakeBack(CheckInId(id)), &state.sources, staff.claims()).await;
    match result {
        Ok(answer) => Ok(timed(StatusCode::OK, &answer, answer.replayed, timings)),
        Err(error) => Ok(timed_problem(error.into(), timings)),
    }
}

//! `/v1/events`

use crate::{
    event::{
        EventView, TicketTypeView,
        catalogue::{self, EventChange, NewEvent, NewTicketType, TicketTypeChange},
        upload::{self, UploadBody, Uploaded},
    },
    http::{
        body::{self, JsonBody},
        extract::{Bearer, Id, List, PageQuery, QueryParams, TwoIds},
        problem::Problem,
        state::AppState,
    },
    ids::{EventId, TicketTypeId},
    ledger::kinds::Permission,
    limits,
};
use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};

/// The events that the caller may act on, with ticket types, prices and stock.
///
/// Needs `events:view`. A viewer sees the granted events, a door operator the pinned one.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", params(PageQuery),
    responses((status = 200, description = "Done.", body = List<EventView>), Problem)
)]
pub async fn list(
    State(state): State<AppState>,
    bearer: Bearer,
    QueryParams(query): QueryParams<PageQuery>,
) -> Result<Json<List<EventView>>, Problem> {
    let staff = state.staff(&bearer).await?;
    let page = query.and_then(|query| query.page()).after(|| staff.mandate(Permission::EventsView)).await?;
    let events = catalogue::list(&state.ledger, staff, page).await?;
    Ok(Json(List::of(events, page, |event| event.id.0)))
}

/// An event.
///
/// Needs `events:view`.
#[utoipa::path(
    get, path = "/v1/events/{id}", tag = "events", params(("id" = uuid::Uuid, Path, description = "The event.")),
    responses((status = 200, description = "Done.", body = EventView), Problem)
)]
pub async fn one(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<Json<EventView>, Problem> {
    let staff = state.staff(&bearer).await?;
    Ok(Json(catalogue::one(&state.ledger, staff, EventId(id)).await?))
}

/// Make an event.
///
/// Needs `events:manage`.
#[utoipa::path(
    post, path = "/v1/events", tag = "events", request_body = NewEvent,
    responses((status = 201, description = "Done.", body = EventView), Problem)
)]
pub async fn create(
    State(state): State<AppState>,
    bearer: Bearer,
    JsonBody(body): JsonBody<NewEvent>,
) -> Result<(StatusCode, Json<EventView>), Problem> {
    let staff = state.staff(&bearer).await?;
    let new = body.after(|| staff.mandate(Permission::EventsManage)).await?;
    Ok((StatusCode::CREATED, Json(catalogue::create(&state.ledger, state.clock, staff, new).await?)))
}

/// Change an event.
///
/// Needs `events:manage`. In force for every later scan and sale on every gateway.
#[utoipa::path(
    patch, path = "/v1/events/{id}", tag = "events", params(("id" = uuid::Uuid, Path, description = "The event.")), request_body = EventChange,
    responses((status = 200, description = "Done.", body = EventView), Problem)
)]
pub async fn patch(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(id): Id,
    JsonBody(body): JsonBody<EventChange>,
) -> Result<Json<EventView>, Problem> {
    let staff = state.staff(&bearer).await?;
    let wanted = body.after(|| catalogue::manageable(&state.ledger, staff, EventId(id))).await?;
    Ok(Json(catalogue::patch(&state.ledger, state.clock, staff, EventId(id), &wanted).await?))
}

/// Make a ticket type.
///
/// Needs `events:manage`.
#[utoipa::path(
    post, path = "/v1/events/{id}/ticket-types", tag = "events", params(("id" = uuid::Uuid, Path, description = "The event.")), request_body = NewTicketType,
    responses((status = 201, description = "Done.", body = TicketTypeView), Problem)
)]
pub async fn create_type(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(id): Id,
    JsonBody(body): JsonBody<NewTicketType>,
) -> Result<(StatusCode, Json<TicketTypeView>), Problem> {
    let staff = state.staff(&bearer).await?;
    let new = body.after(|| catalogue::manageable(&state.ledger, staff, EventId(id))).await?;
    Ok((StatusCode::CREATED, Json(catalogue::create_type(&state.ledger, state.clock, staff, EventId(id), &new).await?)))
}

/// Change a ticket type.
///
/// Needs `events:manage`.
#[utoipa::path(
    patch, path = "/v1/events/{id}/ticket-types/{type}", tag = "events", request_body = TicketTypeChange,
    params(("id" = uuid::Uuid, Path, description = "The event."), ("type" = uuid::Uuid, Path, description = "The ticket type.")),
    responses((status = 200, description = "Done.", body = TicketTypeView), Problem)
)]
pub async fn patch_type(
    State(state): State<AppState>,
    bearer: Bearer,
    path: TwoIds,
    JsonBody(body): JsonBody<TicketTypeChange>,
) -> Result<Json<TicketTypeView>, Problem> {
    let TwoIds(event, id) = path;
    let staff = state.staff(&bearer).await?;
    let wanted = body.after(|| catalogue::manageable(&state.ledger, staff, EventId(event))).await?;
    Ok(Json(catalogue::patch_type(&state.ledger, state.clock, staff, EventId(event), TicketTypeId(id), &wanted).await?))
}

/// Upload tickets.
///
/// Needs `events:manage`. JSON (up to 1,000 tickets) or CSV with a heading line; upserted by code, so that it is safe to repeat.
#[utoipa::path(
    post, path = "/v1/events/{id}/tickets", tag = "events", params(("id" = uuid::Uuid, Path, description = "The event.")),
    request_body(content((UploadBody = "application/json"), (String = "text/csv"))),
    responses((status = 200, description = "Done.", body = Uploaded), Problem)
)]
pub async fn upload(State(state): State<AppState>, bearer: Bearer, Id(event): Id, request: Request) -> Result<Json<Uploaded>, Problem> {
    let staff = state.staff(&bearer).await?;
    // Checked before a large body is received.
    let (_, facts) = catalogue::manageable(&state.ledger, staff, EventId(event)).await?;
    let (parts, sent) = request.into_parts();
    let receive = async |most| state.uploads.receive(facts.event.organisation_id, sent, most, limits::UPLOAD_READ_TIMEOUT).await;
    let uploaded = match body::media_type(&parts.headers).as_deref() {
        Some("application/json") => {
            let arrived = receive(limits::UPLOAD_JSON_BYTES).await?;
            upload::json(&state.ledger, state.clock, staff, EventId(event), body::parse(&arrived.bytes().await?)?).await?
        }
        Some("text/csv") => {
            let arrived = receive(limits::UPLOAD_BYTES).await?;
            upload::csv(&state.ledger, state.clock, staff, EventId(event), &arrived.bytes().await?).await?
        }
        _ => return Err(body::unsupported_media_type()),
    };
    Ok(Json(uploaded))
}

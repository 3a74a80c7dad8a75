//! `/v1/events/{id}/guest-lists`, `/v1/guest-lists`, `/v1/guests` and `/v1/check-ins`

use axum::{
    Json,
    extract::{Request as HttpRequest, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{refused, walked};
use crate::{
    guestlist::{
        GuestListView, GuestView,
        check_in::{
            self,
            answer::{Answer, TakenBack},
            request::{CheckInBody, Request},
        },
        manage::{self, Added, GuestBodyChange, GuestListChange, GuestsBody, NewGuestList},
        search::{self, GuestHistory, Wanted},
    },
    http::{
        body::{self, Sent},
        parts::{Asked, Bearer, Id, List, PageQuery},
        problem::{Problem, ProblemView},
        state::House,
    },
    ids::{CheckInId, EventId, GuestId, GuestListId},
    ledger::guestlist::Arrival,
    limits,
    shapes::Cursor,
    walk::Rooms,
};

/// The guest lists of an event.
///
/// Needs `guestlist:checkin` or `guestlist:manage`, and the pin where there is one. Each with its guests, the people that they stand for, and who is in.
#[utoipa::path(
    get, path = "/v1/events/{id}/guest-lists", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The event."), PageQuery),
    responses((status = 200, description = "Done.", body = List<GuestListView>), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn lists(
    State(house): State<House>,
    bearer: Bearer,
    Id(event): Id,
    asked: Asked<PageQuery>,
) -> Result<Json<List<GuestListView>>, Problem> {
    let clerk = house.clerk(&bearer).await?;
    let page = match asked.read().and_then(|query| query.page()) {
        Ok(page) => page,
        Err(problem) => {
            search::may_read(&house.book, clerk, EventId(event)).await?;
            return Err(problem);
        }
    };
    let lists = search::lists(&house.book, clerk, EventId(event), page).await?;
    Ok(Json(List::of(lists, page, |list| list.id.0)))
}

/// Make a guest list.
///
/// Needs `guestlist:manage`.
#[utoipa::path(
    post, path = "/v1/events/{id}/guest-lists", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The event.")), request_body = NewGuestList,
    responses((status = 201, description = "Done.", body = GuestListView), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn create_list(
    State(house): State<House>,
    bearer: Bearer,
    Id(event): Id,
    sent: Sent<NewGuestList>,
) -> Result<(StatusCode, Json<GuestListView>), Problem> {
    let clerk = house.clerk(&bearer).await?;
    let _mandate = search::manager_of_event(&house.book, clerk, EventId(event)).await?;
    let made = manage::create_list(&house.book, house.clock, clerk, EventId(event), &sent.read()?).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a guest list.
///
/// Needs `guestlist:manage`.
#[utoipa::path(
    patch, path = "/v1/guest-lists/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest list.")), request_body = GuestListChange,
    responses((status = 200, description = "Done.", body = GuestListView), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn patch_list(
    State(house): State<House>,
    bearer: Bearer,
    Id(id): Id,
    sent: Sent<GuestListChange>,
) -> Result<Json<GuestListView>, Problem> {
    let clerk = house.clerk(&bearer).await?;
    let _list = search::manager_of_list(&house.book, clerk, GuestListId(id)).await?;
    Ok(Json(manage::patch_list(&house.book, clerk, GuestListId(id), &sent.read()?).await?))
}

/// Strike a guest list off.
///
/// Needs `guestlist:manage`. Its guests are struck off with it; who came stays in the book.
#[utoipa::path(
    delete, path = "/v1/guest-lists/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest list.")),
    responses((status = 204, description = "Done."), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn strike_list(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<StatusCode, Problem> {
    let clerk = house.clerk(&bearer).await?;
    manage::strike_list(&house.book, house.clock, clerk, GuestListId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put guests on a list.
///
/// Needs `guestlist:manage`. Up to 1,000 guests, upserted by id, so that it is safe to repeat. A guest without an id is known by list, name
/// and company: the same call again doubles nothing; who means a second guest of the same name sends ids, or both in one call.
#[utoipa::path(
    post, path = "/v1/guest-lists/{id}/guests", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest list.")), request_body = GuestsBody,
    responses((status = 200, description = "Done.", body = Added), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn add(State(house): State<House>, bearer: Bearer, Id(id): Id, request: HttpRequest) -> Result<Json<Added>, Problem> {
    let clerk = house.clerk(&bearer).await?;
    // Before so many bytes are taken in, it is known from whom and for what.
    let (_, listed) = search::manager_of_list(&house.book, clerk, GuestListId(id)).await?;
    let (parts, sent) = request.into_parts();
    if body::media_type(&parts.headers).as_deref() != Some("application/json") {
        return Err(body::unsupported());
    }
    let arrived = house.uploads.receive(listed.list.organisation_id, sent, limits::UPLOAD_JSON_BYTES, limits::UPLOAD_READ).await?;
    let guests: GuestsBody = body::parse(&arrived.bytes().await?)?;
    Ok(Json(manage::add(&house.book, house.clock, clerk, GuestListId(id), &guests).await?))
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
    fn means(self) -> Result<(Wanted, crate::ledger::Page), Problem> {
        let page = PageQuery { limit: self.limit, cursor: self.cursor }.page()?;
        Ok((Wanted { q: self.q, list: self.list.map(GuestListId), arrived: self.arrived }, page))
    }
}

/// Search the guests of an event.
///
/// Needs `guestlist:checkin` or `guestlist:manage`, and the pin where there is one. In the order of their names.
#[utoipa::path(
    get, path = "/v1/events/{id}/guests", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The event."), GuestQuery),
    responses((status = 200, description = "Done.", body = List<GuestView>), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn search(
    State(house): State<House>,
    bearer: Bearer,
    Id(event): Id,
    asked: Asked<GuestQuery>,
) -> Result<Json<List<GuestView>>, Problem> {
    let clerk = house.clerk(&bearer).await?;
    let (wanted, page) = match asked.read().and_then(GuestQuery::means) {
        Ok(means) => means,
        Err(problem) => {
            search::may_read(&house.book, clerk, EventId(event)).await?;
            return Err(problem);
        }
    };
    let guests = search::guests(&house.book, clerk, EventId(event), &wanted, page).await?;
    Ok(Json(List::of(guests, page, |guest| guest.id.0)))
}

/// A guest, and all that happened to the party.
///
/// Needs `guestlist:checkin` or `guestlist:manage`, and the pin where there is one.
#[utoipa::path(
    get, path = "/v1/guests/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest.")),
    responses((status = 200, description = "Done.", body = GuestHistory), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn one(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<Json<GuestHistory>, Problem> {
    let clerk = house.clerk(&bearer).await?;
    Ok(Json(search::guest(&house.book, clerk, GuestId(id)).await?))
}

/// Change a guest.
///
/// Needs `guestlist:manage`. A party that would be smaller than who of it is in: 409 `already_arrived`, with `arrived`.
#[utoipa::path(
    patch, path = "/v1/guests/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest.")), request_body = GuestBodyChange,
    responses((status = 200, description = "Done.", body = GuestView), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn patch(
    State(house): State<House>,
    bearer: Bearer,
    Id(id): Id,
    sent: Sent<GuestBodyChange>,
) -> Result<Json<GuestView>, Problem> {
    let clerk = house.clerk(&bearer).await?;
    let _guest = search::manager_of_guest(&house.book, clerk, GuestId(id)).await?;
    Ok(Json(manage::patch(&house.book, clerk, GuestId(id), &sent.read()?).await?))
}

/// Strike a guest off.
///
/// Needs `guestlist:manage`. The guest is found and checked in no more; who came stays in the book.
#[utoipa::path(
    delete, path = "/v1/guests/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest.")),
    responses((status = 204, description = "Done."), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn strike(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<StatusCode, Problem> {
    let clerk = house.clerk(&bearer).await?;
    manage::strike(&house.book, house.clock, clerk, GuestId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Check in a party, or a part of it.
///
/// Needs `guestlist:checkin` and a live event; a device is welcome and not needed. More people than remain are an answer, not an error:
/// `party_complete` or `too_many`. The same id again finds the first answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/guests/{id}/check-ins", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The guest.")), request_body = CheckInBody,
    responses((status = 200, description = "Done.", body = Answer), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn check_in(State(house): State<House>, bearer: Bearer, Id(id): Id, sent: Sent<CheckInBody>) -> Result<Response, Problem> {
    let (clerk, body) = house.clerk_with(&bearer, sent.read()).await?;
    let request = Request::parse(GuestId(id), &body);
    let mut rooms = Rooms::default();
    match check_in::check_in(&house.sources, clerk.claims(), &request, &mut rooms).await {
        Ok(answer) => Ok(walked(StatusCode::OK, &answer, answer.replayed, rooms)),
        Err(error) => Ok(refused(error.into(), rooms)),
    }
}

/// Take a check-in back.
///
/// For whoever made it, on the same device and within 15 minutes, with `guestlist:checkin`; for anybody with `guestlist:manage`. By a new
/// movement, once; again, it is the first answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    delete, path = "/v1/check-ins/{id}", tag = "guest lists", params(("id" = uuid::Uuid, Path, description = "The check-in.")),
    responses((status = 200, description = "Done.", body = TakenBack), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn take_back(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<Response, Problem> {
    let clerk = house.clerk(&bearer).await?;
    let mut rooms = Rooms::default();
    match check_in::take_back(&house.sources, clerk.claims(), CheckInId(id), &mut rooms).await {
        Ok(answer) => Ok(walked(StatusCode::OK, &answer, answer.replayed, rooms)),
        Err(error) => Ok(refused(error.into(), rooms)),
    }
}

//! `/v1/sales` and `/v1/holds`

use axum::{Json, extract::State, http::StatusCode, response::Response};

use super::{refused, told, walked};
use crate::{
    http::{
        body::Sent,
        parts::{Bearer, Id},
        problem::{Problem, ProblemView},
        state::House,
    },
    ids::{HoldId, SaleId},
    pos::{
        self,
        answer::Answer,
        hold::{
            self,
            request::{HoldBody, HoldRequest},
        },
        request::{Request, SaleBody},
        void::{
            self,
            request::{VoidBody, VoidRequest},
        },
    },
    walk::Rooms,
};

/// Sell tickets.
///
/// Needs a session on a POS device and `pos:door` (at the pinned event) or `pos:boxoffice` (at any live event), and `pos:cash` when paid
/// in cash. All lines or nothing. The same id again finds the first answer, with `Idempotent-Replayed: true`. A sale that names a live
/// `hold` has its stock and its prices; one whose hold has expired is sold as though it named none, but at no other total.
#[utoipa::path(
    post, path = "/v1/sales", tag = "point of sale", request_body = SaleBody,
    responses((status = 201, description = "Done.", body = Answer), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn sell(State(house): State<House>, bearer: Bearer, sent: Sent<SaleBody>) -> Result<Response, Problem> {
    let (clerk, body) = house.clerk_with(&bearer, sent.read()).await?;
    let request = Request::parse(body);
    let mut rooms = Rooms::default();
    match pos::sell(&house.sources, clerk.claims(), &request, &mut rooms).await {
        Ok(answer) => {
            if !answer.replayed {
                house.metrics.sale();
            }
            Ok(walked(StatusCode::CREATED, &answer, answer.replayed, rooms))
        }
        Err(error) => Ok(refused(error.into(), rooms)),
    }
}

/// A sale.
///
/// For the device that sold it, or with `sales:view`.
#[utoipa::path(
    get, path = "/v1/sales/{id}", tag = "point of sale", params(("id" = uuid::Uuid, Path, description = "The sale.")),
    responses((status = 200, description = "Done.", body = Answer), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn one(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<Json<Answer>, Problem> {
    let caller = house.clerk(&bearer).await?.caller().await?;
    Ok(Json(pos::find(&house.book, caller, SaleId(id)).await?))
}

/// Hold stock.
///
/// Needs what a sale needs but for cash. Keeps stock and prices for two minutes, for one sale of this till: hold, charge the card, sell.
/// All lines or nothing. The same id again finds the first answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/holds", tag = "point of sale", request_body = HoldBody,
    responses((status = 201, description = "Done.", body = hold::answer::Answer), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn hold(State(house): State<House>, bearer: Bearer, sent: Sent<HoldBody>) -> Result<Response, Problem> {
    let (clerk, body) = house.clerk_with(&bearer, sent.read()).await?;
    let request = HoldRequest::parse(&body);
    let mut rooms = Rooms::default();
    match hold::hold(&house.sources, clerk.claims(), &request, house.hold, &mut rooms).await {
        Ok(answer) => Ok(walked(StatusCode::CREATED, &answer, answer.replayed, rooms)),
        Err(error) => Ok(refused(error.into(), rooms)),
    }
}

/// Release a hold.
///
/// For the till that made it. Its stock is free at once; one that was released or has expired may be released again.
#[utoipa::path(
    delete, path = "/v1/holds/{id}", tag = "point of sale", params(("id" = uuid::Uuid, Path, description = "The hold.")),
    responses((status = 204, description = "Done."), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn release(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<StatusCode, Problem> {
    let clerk = house.clerk(&bearer).await?;
    hold::release(&house.sources, clerk, HoldId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Void a sale.
///
/// For whoever may sell it, on any POS device: a new entry in the book. Its stock comes back and its tickets are void; refused with
/// `already_admitted` while one of them is inside. The same id again finds the first answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/sales/{id}/void", tag = "point of sale", params(("id" = uuid::Uuid, Path, description = "The sale.")), request_body = VoidBody,
    responses((status = 200, description = "Done.", body = Answer), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn void(State(house): State<House>, bearer: Bearer, Id(id): Id, sent: Sent<VoidBody>) -> Result<Response, Problem> {
    let (clerk, body) = house.clerk_with(&bearer, sent.read()).await?;
    let request = VoidRequest::parse(SaleId(id), &body);
    let answer = void::void(&house.sources, clerk, &request).await?;
    Ok(told(StatusCode::OK, &answer, answer.replayed))
}

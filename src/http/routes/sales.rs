//! `/v1/sales`

use axum::{Json, extract::State, http::StatusCode, response::Response};

use super::{refused, walked};
use crate::{
    http::{
        body::Sent,
        parts::{Bearer, Id},
        problem::{Problem, ProblemView},
        state::House,
    },
    ids::SaleId,
    pos::{
        self,
        answer::Answer,
        request::{Request, SaleBody},
    },
    walk::Rooms,
};

/// Sell tickets.
///
/// Needs a session on a POS device and `pos:door` (at the pinned event) or `pos:boxoffice` (at any live event), and `pos:cash` when paid
/// in cash. All lines or nothing. The same id again finds the first answer, with `Idempotent-Replayed: true`.
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

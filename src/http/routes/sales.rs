//! `/v1/sales` and `/v1/holds`

use axum::{Json, extract::State, http::StatusCode, response::Response};

use super::{replayable, timed, timed_problem};
use crate::{
    attempt::{Timed, attempt},
    http::{
        body::JsonBody,
        extract::{Bearer, Id},
        problem::Problem,
        state::AppState,
    },
    ids::{HoldId, SaleId},
    pos::{
        hold::{
            answer::HoldAnswer,
            request::{HoldBody, HoldRequest},
        },
        release::Release,
        sale::{
            answer::SaleAnswer,
            request::{Request, SaleBody},
        },
        void::request::{VoidBody, VoidRequest},
    },
    reports,
};

/// Sell tickets.
///
/// Needs a session on a POS device and `pos:door` (at the pinned event) or `pos:boxoffice` (at any live event), and `pos:cash` when paid
/// in cash. All lines or nothing. The same id again finds the first answer, with `Idempotent-Replayed: true`. A sale that names a live
/// `hold` has its stock and its prices; one whose hold has expired is sold as though it named none, but at no other total.
#[utoipa::path(
    post, path = "/v1/sales", tag = "point of sale", request_body = SaleBody,
    responses((status = 201, description = "Done.", body = SaleAnswer), Problem)
)]
pub async fn sell(State(state): State<AppState>, bearer: Bearer, JsonBody(body): JsonBody<SaleBody>) -> Result<Response, Problem> {
    let staff = state.staff(&bearer).await?;
    let body = body.after(|| staff.caller()).await?;
    let request = Request::parse(body);
    let Timed { result, timings } = attempt(&request, &state.sources, staff.claims()).await;
    match result {
        Ok(answer) => {
            if !answer.replayed {
                state.metrics.record_sale();
            }
            Ok(timed(StatusCode::CREATED, &answer, answer.replayed, timings))
        }
        Err(error) => Ok(timed_problem(error.into(), timings)),
    }
}

/// A sale.
///
/// For the device that sold it, or with `sales:view`.
#[utoipa::path(
    get, path = "/v1/sales/{id}", tag = "point of sale", params(("id" = uuid::Uuid, Path, description = "The sale.")),
    responses((status = 200, description = "Done.", body = SaleAnswer), Problem)
)]
pub async fn one(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<Json<SaleAnswer>, Problem> {
    let caller = state.staff(&bearer).await?.caller().await?;
    Ok(Json(reports::sales::one(&state.ledger, caller, SaleId(id)).await?))
}

/// Hold stock.
///
/// Needs what a sale needs but for cash. Keeps stock and prices for two minutes, for one sale of this till: hold, charge the card, sell.
/// All lines or nothing. The same id again finds the first answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/holds", tag = "point of sale", request_body = HoldBody,
    responses((status = 201, description = "Done.", body = HoldAnswer), Problem)
)]
pub async fn hold(State(state): State<AppState>, bearer: Bearer, JsonBody(body): JsonBody<HoldBody>) -> Result<Response, Problem> {
    let staff = state.staff(&bearer).await?;
    let body = body.after(|| staff.caller()).await?;
    let request = HoldRequest::parse(&body, state.hold);
    let Timed { result, timings } = attempt(&request, &state.sources, staff.claims()).await;
    match result {
        Ok(answer) => Ok(timed(StatusCode::CREATED, &answer, answer.replayed, timings)),
        Err(error) => Ok(timed_problem(error.into(), timings)),
    }
}

/// Release a hold.
///
/// For the till that made it. Its stock is free at once; one that was released or has expired may be released again.
#[utoipa::path(
    delete, path = "/v1/holds/{id}", tag = "point of sale", params(("id" = uuid::Uuid, Path, description = "The hold.")),
    responses((status = 204, description = "Done."), Problem)
)]
pub async fn release(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<StatusCode, Problem> {
    let staff = state.staff(&bearer).await?;
    attempt(&Release(HoldId(id)), &state.sources, staff.claims()).await.result?;
    Ok(StatusCode::NO_CONTENT)
}

/// Void a sale.
///
/// For a member who may sell it, on any POS device: a new entry in the ledger. Its stock comes back and its tickets are void; refused with
/// `already_admitted` while one of them is inside. The same id again finds the first answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/sales/{id}/void", tag = "point of sale", params(("id" = uuid::Uuid, Path, description = "The sale.")), request_body = VoidBody,
    responses((status = 200, description = "Done.", body = SaleAnswer), Problem)
)]
pub async fn void(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(id): Id,
    JsonBody(body): JsonBody<VoidBody>,
) -> Result<Response, Problem> {
    let staff = state.staff(&bearer).await?;
    let body = body.after(|| staff.caller()).await?;
    let request = VoidRequest::parse(SaleId(id), &body);
    let answer = attempt(&request, &state.sources, staff.claims()).await.result?;
    Ok(replayable(StatusCode::OK, &answer, answer.replayed))
}

//! `/v1/devices`

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    device::{
        ListedDevice,
        enrol::{self, CodeView, EnrolBody, Enrolled},
        manage::{self, NewDevice},
    },
    http::{
        body::Sent,
        parts::{Asked, Bearer, Id, List, PageQuery},
        problem::{Problem, ProblemView},
        state::House,
    },
    ids::DeviceId,
    ledger::words::Permission,
};

/// Add a device.
///
/// Needs `devices:manage`. Answers a code that enrols the device, once, within 15 minutes.
#[utoipa::path(
    post, path = "/v1/devices", tag = "devices", request_body = NewDevice,
    responses((status = 201, description = "Done.", body = CodeView), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn add(State(house): State<House>, bearer: Bearer, sent: Sent<NewDevice>) -> Result<(StatusCode, Json<CodeView>), Problem> {
    let (clerk, new) = house.manager_with(&bearer, Permission::DevicesManage, sent.read()).await?;
    Ok((StatusCode::CREATED, Json(manage::add(&house.book, house.clock, clerk, new).await?)))
}

/// Enrol a device.
///
/// The code is all it takes; the answer holds the device's token.
#[utoipa::path(
    post, path = "/v1/devices/enrol", tag = "devices", request_body = EnrolBody, security(()),
    responses((status = 201, description = "Done.", body = Enrolled), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn enrol(State(house): State<House>, sent: Sent<EnrolBody>) -> Result<(StatusCode, Json<Enrolled>), Problem> {
    Ok((StatusCode::CREATED, Json(enrol::enrol(&house.book, &house.tokens, house.clock, sent.read()?).await?)))
}

/// The devices of the organisation.
///
/// Needs `devices:manage`.
#[utoipa::path(
    get, path = "/v1/devices", tag = "devices", params(PageQuery),
    responses((status = 200, description = "Done.", body = List<ListedDevice>), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn list(State(house): State<House>, bearer: Bearer, asked: Asked<PageQuery>) -> Result<Json<List<ListedDevice>>, Problem> {
    let (clerk, query) = house.manager_with(&bearer, Permission::DevicesManage, asked.read()).await?;
    let page = query.page()?;
    let devices = manage::list(&house.book, clerk, page).await?;
    Ok(Json(List::of(devices, page, |listed| listed.device.id.0)))
}

/// A device.
///
/// Needs `devices:manage`.
#[utoipa::path(
    get, path = "/v1/devices/{id}", tag = "devices", params(("id" = uuid::Uuid, Path, description = "The device.")),
    responses((status = 200, description = "Done.", body = ListedDevice), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn one(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<Json<ListedDevice>, Problem> {
    let clerk = house.clerk(&bearer).await?;
    Ok(Json(manage::one(&house.book, clerk, DeviceId(id)).await?))
}

/// A fresh code for the same device.
///
/// Needs `devices:manage`. The old token dies when the code is used.
#[utoipa::path(
    post, path = "/v1/devices/{id}/enrolment", tag = "devices", params(("id" = uuid::Uuid, Path, description = "The device.")),
    responses((status = 201, description = "Done.", body = CodeView), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn renew(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<(StatusCode, Json<CodeView>), Problem> {
    let clerk = house.clerk(&bearer).await?;
    Ok((StatusCode::CREATED, Json(manage::renew(&house.book, house.clock, clerk, DeviceId(id)).await?)))
}

/// Revoke a device.
///
/// Needs `devices:manage`. Its session and its token answer `device_revoked` from then on, on every gateway.
#[utoipa::path(
    delete, path = "/v1/devices/{id}", tag = "devices", params(("id" = uuid::Uuid, Path, description = "The device.")),
    responses((status = 204, description = "Done."), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn revoke(State(house): State<House>, bearer: Bearer, Id(id): Id) -> Result<StatusCode, Problem> {
    let clerk = house.clerk(&bearer).await?;
    manage::revoke(&house.book, house.clock, clerk, DeviceId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

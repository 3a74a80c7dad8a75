//! `/v1/devices`

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    authenticate::NotAuthenticated,
    device::{
        ListedDevice,
        batch::{self, Batch, NewBatch},
        enrol::{self, CodeView, EnrolBody, Enrolled},
        manage::{self, NewDevice},
        report::{self, Report, Reported},
        sheet::{self, SheetForm},
    },
    http::{
        body::JsonBody,
        extract::{Bearer, Id, List, PageQuery, QueryParams},
        problem::Problem,
        state::AppState,
    },
    ids::DeviceId,
    ledger::kinds::Permission,
};

/// Add a device.
///
/// Needs `devices:manage`. Answers a code that enrols the device, once, within 15 minutes.
#[utoipa::path(
    post, path = "/v1/devices", tag = "devices", request_body = NewDevice,
    responses((status = 201, description = "Done.", body = CodeView), Problem)
)]
pub async fn add(
    State(state): State<AppState>,
    bearer: Bearer,
    JsonBody(body): JsonBody<NewDevice>,
) -> Result<(StatusCode, Json<CodeView>), Problem> {
    let staff = state.staff(&bearer).await?;
    let new = body.after(|| staff.mandate(Permission::DevicesManage)).await?;
    Ok((StatusCode::CREATED, Json(manage::add(&state.ledger, state.clock, staff, new).await?)))
}

/// The form of the answer.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SheetQuery {
    /// `html`: one page to print on A4, as `Accept: text/html` asks for as well.
    sheet: Option<SheetForm>,
}

/// Add many devices at once, with a sheet of codes to print.
///
/// Needs `devices:manage`. Adds all of them or none; each has a code that enrols it, once, within `valid_minutes`. Asked for
/// `text/html`, it answers one page with everything in it: a card for each device, with its QR code. The codes are in this one answer
/// and nowhere else. The same `id` again makes no further devices: those that are not enrolled yet get fresh codes, the codes of
/// the earlier answer no longer work, and the answer has `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/devices/batch", tag = "devices", params(SheetQuery), request_body = NewBatch,
    responses(
        (status = 201, description = "Done.", content((Batch = "application/json"), (String = "text/html"))),
        Problem
    )
)]
pub async fn add_batch(
    State(state): State<AppState>,
    bearer: Bearer,
    headers: HeaderMap,
    QueryParams(query): QueryParams<SheetQuery>,
    JsonBody(body): JsonBody<NewBatch>,
) -> Result<Response, Problem> {
    let staff = state.staff(&bearer).await?;
    let both = body.and_then(|new| Ok((new, query.get()?)));
    let (new, SheetQuery { sheet }) = both.after(|| staff.mandate(Permission::DevicesManage)).await?;
    let made = batch::add(&state.ledger, state.clock, staff, new).await?;
    let form = sheet.unwrap_or_else(|| accepted_form(&headers));
    let mut response = match form {
        SheetForm::Html => (StatusCode::CREATED, Html(sheet::page(&made))).into_response(),
        SheetForm::Json => (StatusCode::CREATED, Json(&made)).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if form == SheetForm::Html {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"));
    }
    if made.replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The form that `Accept` prefers: the first one named that exists; JSON if none does.
fn accepted_form(headers: &HeaderMap) -> SheetForm {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    let form = named.filter_map(|range| match range {
        "text/html" => Some(SheetForm::Html),
        "application/json" | "*/*" => Some(SheetForm::Json),
        _ => None,
    });
    form.into_iter().next().unwrap_or(SheetForm::Json)
}

/// Report what has changed on this device.
///
/// With the device's token: an app that was updated reports its new version without a new enrolment. What is not named stays.
#[utoipa::path(
    patch, path = "/v1/devices/current", tag = "devices", request_body = Report,
    responses((status = 200, description = "Done.", body = Reported), Problem)
)]
pub async fn report(State(state): State<AppState>, bearer: Bearer, JsonBody(body): JsonBody<Report>) -> Result<Json<Reported>, Problem> {
    let token = bearer.0.as_deref().ok_or(NotAuthenticated::TokenMissing)?;
    let report = body.after(|| state.authenticator.device(token)).await?;
    Ok(Json(report::report(&state.ledger, &state.authenticator, token, report).await?))
}

/// Enrol a device.
///
/// The code is all it takes; the answer holds the device's token.
#[utoipa::path(
    post, path = "/v1/devices/enrol", tag = "devices", request_body = EnrolBody, security(()),
    responses((status = 201, description = "Done.", body = Enrolled), Problem)
)]
pub async fn enrol(State(state): State<AppState>, JsonBody(body): JsonBody<EnrolBody>) -> Result<(StatusCode, Json<Enrolled>), Problem> {
    Ok((StatusCode::CREATED, Json(enrol::enrol(&state.ledger, &state.tokens, state.clock, body.get()?).await?)))
}

/// The devices of the organisation.
///
/// Needs `devices:manage`.
#[utoipa::path(
    get, path = "/v1/devices", tag = "devices", params(PageQuery),
    responses((status = 200, description = "Done.", body = List<ListedDevice>), Problem)
)]
pub async fn list(
    State(state): State<AppState>,
    bearer: Bearer,
    QueryParams(query): QueryParams<PageQuery>,
) -> Result<Json<List<ListedDevice>>, Problem> {
    let staff = state.staff(&bearer).await?;
    let page = query.and_then(|query| query.page()).after(|| staff.mandate(Permission::DevicesManage)).await?;
    let devices = manage::list(&state.ledger, staff, page).await?;
    Ok(Json(List::of(devices, page, |listed| listed.device.id.0)))
}

/// A device.
///
/// Needs `devices:manage`.
#[utoipa::path(
    get, path = "/v1/devices/{id}", tag = "devices", params(("id" = uuid::Uuid, Path, description = "The device.")),
    responses((status = 200, description = "Done.", body = ListedDevice), Problem)
)]
pub async fn one(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<Json<ListedDevice>, Problem> {
    let staff = state.staff(&bearer).await?;
    Ok(Json(manage::one(&state.ledger, staff, DeviceId(id)).await?))
}

/// A fresh code for the same device.
///
/// Needs `devices:manage`. The old token dies when the code is used.
#[utoipa::path(
    post, path = "/v1/devices/{id}/enrolment", tag = "devices", params(("id" = uuid::Uuid, Path, description = "The device.")),
    responses((status = 201, description = "Done.", body = CodeView), Problem)
)]
pub async fn renew(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<(StatusCode, Json<CodeView>), Problem> {
    let staff = state.staff(&bearer).await?;
    Ok((StatusCode::CREATED, Json(manage::renew(&state.ledger, state.clock, staff, DeviceId(id)).await?)))
}

/// Revoke a device.
///
/// Needs `devices:manage`. Its session and its token answer `device_revoked` from then on, on every gateway.
#[utoipa::path(
    delete, path = "/v1/devices/{id}", tag = "devices", params(("id" = uuid::Uuid, Path, description = "The device.")),
    responses((status = 204, description = "Done."), Problem)
)]
pub async fn revoke(State(state): State<AppState>, bearer: Bearer, Id(id): Id) -> Result<StatusCode, Problem> {
    let staff = state.staff(&bearer).await?;
    manage::revoke(&state.ledger, state.clock, staff, DeviceId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

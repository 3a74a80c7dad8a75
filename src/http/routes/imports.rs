//! `/v1/events/{id}/imports`

use axum::{
    Json,
    extract::{Request, State},
};
use serde::Deserialize;

use crate::{
    event::{
        catalogue,
        import::{report::Report, store::Import},
    },
    http::{
        body,
        extract::{Bearer, Id, QueryParams},
        problem::Problem,
        state::AppState,
    },
    ids::EventId,
    limits,
};

/// The media types of exports. The format is detected from the content.
const MEDIA_TYPES: [&str; 6] = [
    "text/csv",
    "text/tab-separated-values",
    "application/json",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/gzip",
    "application/octet-stream",
];

/// How to import.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// `true`: report what would be done, and write nothing.
    #[param(default = false)]
    dry_run: Option<bool>,
}

/// Import tickets from another system's export.
///
/// Needs `events:manage`. The file is the body, as pretix writes it: a check-in list with codes, valid check-in codes, or order data, as CSV,
/// Excel file or JSON, packed with gzip or not. Ticket types are matched by name or made (with quota 0), tickets are upserted by code, so
/// that it is safe to repeat; tickets' own windows of validity and earlier check-ins are carried over. A file without ticket codes is
/// refused with the reason and imports nothing.
#[utoipa::path(
    post, path = "/v1/events/{id}/imports", tag = "events", params(("id" = uuid::Uuid, Path, description = "The event."), ImportQuery),
    request_body(content(
        (String = "text/csv"), (String = "text/tab-separated-values"), (serde_json::Value = "application/json"),
        (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), (Vec<u8> = "application/gzip"),
        (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, description = "Done.", body = Report), Problem)
)]
pub async fn import(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(event): Id,
    QueryParams(query): QueryParams<ImportQuery>,
    request: Request,
) -> Result<Json<Report>, Problem> {
    let event = EventId(event);
    let staff = state.staff(&bearer).await?;
    // Checked before a large body is received.
    let (_, facts) = catalogue::manageable(&state.ledger, staff, event).await?;
    let query = query.get()?;
    let (parts, sent) = request.into_parts();
    if !body::media_type(&parts.headers).is_some_and(|media_type| MEDIA_TYPES.contains(&media_type.as_str())) {
        return Err(body::unsupported_media_type());
    }
    let arrived = state.uploads.receive(facts.event.organisation_id, sent, limits::IMPORT_BYTES, limits::IMPORT_READ_TIMEOUT).await?;
    let import = Import::by_staff(&state.ledger, state.clock, event, staff, query.dry_run.unwrap_or(false));
    Ok(Json(import.make(arrived.file()?).await?))
}

//! `/v1/events/{id}/refused-scans`

use axum::{Json, extract::State};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    clock::Moment,
    door::{
        refused::{self, RefusedScanView},
        scan::decide::Reason,
    },
    event::catalogue,
    faults::Faults,
    http::{
        extract::{Bearer, Id, List, PageQuery, QueryParams},
        problem::Problem,
        state::AppState,
    },
    ids::{DeviceId, EventId},
    ledger::{Page, rows::RefusalFilter},
    openapi_schemas::{Cursor, Name},
};

/// Which refused scans to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RefusedQuery {
    /// Refused for this reason.
    #[param(value_type = Option<Reason>, inline)]
    reason: Option<String>,
    /// On the device with this id.
    #[param(value_type = Option<Uuid>)]
    device: Option<String>,
    /// At this gate.
    #[param(inline, value_type = Option<Name>)]
    gate: Option<String>,
    /// Refused at this moment or later.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<String>,
    /// Refused before this moment.
    #[param(value_type = Option<DateTime<Utc>>)]
    until: Option<String>,
    /// Items at the most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<String>,
}

impl RefusedQuery {
    /// What it asks for.
    fn parse(self) -> Result<(RefusalFilter, Page), Problem> {
        let mut faults = Faults::default();
        let reason: Option<Reason> =
            self.reason.and_then(|word| word.parse().map_err(|error| faults.add("/reason", format!("{error}"))).ok());
        let device: Option<Uuid> = self.device.and_then(|id| id.parse().map_err(|_| faults.add("/device", "must be a UUID")).ok());
        let filter = RefusalFilter {
            reason: reason.map(Reason::as_str),
            device: device.map(DeviceId),
            gate: faults.name_if_any("/gate", self.gate.as_deref()),
            from: moment(&mut faults, "/from", self.from),
            until: moment(&mut faults, "/until", self.until),
        };
        let filter = faults.none_or(filter).map_err(Problem::invalid)?;
        Ok((filter, PageQuery { limit: self.limit, cursor: self.cursor }.page()?))
    }
}

fn moment(faults: &mut Faults, pointer: &str, text: Option<String>) -> Option<Moment> {
    let parsed = text?.parse().map_err(|_| faults.add(pointer, "must be a time as RFC 3339 writes it")).ok();
    faults.moment_if_any(pointer, parsed)
}

/// Scans that were refused, newest first.
///
/// Needs `events:manage`. They are written down beside the ledger, as far as there is time for it: under load some may be missing
/// (`stagedoor_refused_scans_lost` counts them), and one shows up a moment after its answer. Dry runs, and scans of callers who may not
/// scan, are not among them. They are kept for 90 days.
#[utoipa::path(
    get, path = "/v1/events/{id}/refused-scans", tag = "door", params(("id" = uuid::Uuid, Path, description = "The event."), RefusedQuery),
    responses((status = 200, description = "Done.", body = List<RefusedScanView>), Problem)
)]
pub async fn refused_scans(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(id): Id,
    QueryParams(query): QueryParams<RefusedQuery>,
) -> Result<Json<List<RefusedScanView>>, Problem> {
    let staff = state.staff(&bearer).await?;
    let parsed = query.and_then(RefusedQuery::parse);
    let (filter, page) = parsed.after(|| catalogue::manageable(&state.ledger, staff, EventId(id))).await?;
    let refused = refused::list(&state.ledger, staff, EventId(id), &filter, page).await?;
    Ok(Json(List::of(refused, page, |refused| refused.id.0)))
}

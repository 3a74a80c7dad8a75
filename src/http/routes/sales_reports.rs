//! `GET /v1/sales`, `/v1/sales/totals` and `/v1/events/{id}/sales-summary`: lists and sums of sales.

use std::str::FromStr;

use axum::{Json, extract::State};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    clock::Moment,
    faults::Faults,
    http::{
        extract::{Bearer, Id, List, PageQuery, QueryParams},
        problem::Problem,
        state::AppState,
    },
    ids::{EventId, UserId},
    ledger::{kinds::PaymentMethod, rows::SaleFilter},
    openapi_schemas::Cursor,
    reports::{
        sales::{self, SaleView, Totals, Wanted, Which},
        summary::{self, Bucket, Summary},
    },
};

/// Which sales to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SalesQuery {
    /// Of the event with this id.
    #[param(value_type = Option<Uuid>)]
    event: Option<String>,
    /// On the device with this id, or on the caller's: `current`.
    #[param(pattern = "^(current|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    device: Option<String>,
    /// In the session with this id, or in the caller's: `current`.
    #[param(pattern = "^(current|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    session: Option<String>,
    /// By the user with this id.
    #[param(value_type = Option<Uuid>)]
    user: Option<String>,
    /// Paid so.
    #[param(value_type = Option<PaymentMethod>, inline)]
    method: Option<String>,
    /// Void ones only, or those only that are not.
    #[param(value_type = Option<bool>)]
    voided: Option<String>,
    /// Recorded at this moment or later.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<String>,
    /// Recorded before this moment.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<String>,
    /// With this number.
    #[param(value_type = Option<i64>, minimum = 1)]
    receipt_number: Option<String>,
    /// Items at the most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<String>,
}

impl SalesQuery {
    /// What it asks for.
    fn wanted(&self) -> Wanted {
        let mut faults = Faults::default();
        let receipt_number = parsed::<i64>(&mut faults, "/receipt_number", self.receipt_number.as_deref(), "must be a whole number from 1");
        if receipt_number.is_some_and(|number| number < 1) {
            faults.add("/receipt_number", "must be a whole number from 1");
        }
        let from = moment(&mut faults, "/from", self.from.as_deref());
        let to = moment(&mut faults, "/to", self.to.as_deref());
        if let (Some(from), Some(to)) = (from, to)
            && to <= from
        {
            faults.add("/to", "must be after from");
        }
        let filter = SaleFilter {
            event: id(&mut faults, "/event", self.event.as_deref()).map(EventId),
            user: id(&mut faults, "/user", self.user.as_deref()).map(UserId),
            method: parsed(&mut faults, "/method", self.method.as_deref(), "must be cash or card"),
            voided: parsed(&mut faults, "/voided", self.voided.as_deref(), "must be true or false"),
            from,
            to,
            receipt_number,
            ..SaleFilter::default()
        };
        let session = which(&mut faults, "/session", self.session.as_deref());
        let device = which(&mut faults, "/device", self.device.as_deref());
        Wanted { session, device, filter, faults }
    }
}

fn parsed<T: FromStr>(faults: &mut Faults, pointer: &str, text: Option<&str>, wrong: &str) -> Option<T> {
    text?.parse().map_err(|_| faults.add(pointer, wrong)).ok()
}

fn id(faults: &mut Faults, pointer: &str, text: Option<&str>) -> Option<Uuid> {
    parsed(faults, pointer, text, "must be a UUID")
}

fn which<T: From<Uuid>>(faults: &mut Faults, pointer: &str, text: Option<&str>) -> Option<Which<T>> {
    match text? {
        "current" => Some(Which::Current),
        other => parsed::<Uuid>(faults, pointer, Some(other), "must be a UUID, or the word current").map(|id| Which::This(id.into())),
    }
}

fn moment(faults: &mut Faults, pointer: &str, text: Option<&str>) -> Option<Moment> {
    let parsed = parsed(faults, pointer, text, "must be a time as RFC 3339 writes it");
    faults.moment_if_any(pointer, parsed)
}

/// Sales, newest first.
///
/// Needs `sales:view`. Who sells sees what their own till or session has sold: with `session=current` or `device=current`.
#[utoipa::path(
    get, path = "/v1/sales", tag = "point of sale", params(SalesQuery),
    responses((status = 200, description = "Done.", body = List<SaleView>), Problem)
)]
pub async fn list(
    State(state): State<AppState>,
    bearer: Bearer,
    QueryParams(query): QueryParams<SalesQuery>,
) -> Result<Json<List<SaleView>>, Problem> {
    let caller = state.staff(&bearer).await?.caller().await?;
    let query = query.after(async || sales::may_ask(&caller)).await?;
    let granted = query.wanted().grant(&caller)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor }.page()?;
    let sales = sales::list(&state.ledger, &granted, page).await?;
    Ok(Json(List::of(sales, page, |sale| Uuid::from_u128(sale.receipt_number.unsigned_abs().into()))))
}

/// Which sales to sum.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TotalsQuery {
    /// Of the event with this id.
    #[param(value_type = Option<Uuid>)]
    event: Option<String>,
    /// On the device with this id, or on the caller's: `current`.
    #[param(pattern = "^(current|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    device: Option<String>,
    /// In the session with this id, or in the caller's: `current`.
    #[param(pattern = "^(current|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    session: Option<String>,
    /// By the user with this id.
    #[param(value_type = Option<Uuid>)]
    user: Option<String>,
    /// Recorded at this moment or later.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<String>,
    /// Recorded before this moment.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<String>,
}

impl TotalsQuery {
    /// What it asks for.
    fn wanted(self) -> Wanted {
        let Self { event, device, session, user, from, to } = self;
        let (method, voided, receipt_number, limit, cursor) = (None, None, None, None, None);
        SalesQuery { event, device, session, user, method, voided, from, to, receipt_number, limit, cursor }.wanted()
    }
}

/// Totals by kind of payment.
///
/// Needs `sales:view`, for any session, device, user or event. A seller sees those of the own till or session, with `session=current`
/// or `device=current`. Void sales are in `count` and `gross`, separately in `voided`, and not in `net`.
#[utoipa::path(
    get, path = "/v1/sales/totals", tag = "point of sale", params(TotalsQuery),
    responses((status = 200, description = "Done.", body = Totals), Problem)
)]
pub async fn totals(
    State(state): State<AppState>,
    bearer: Bearer,
    QueryParams(query): QueryParams<TotalsQuery>,
) -> Result<Json<Totals>, Problem> {
    let caller = state.staff(&bearer).await?.caller().await?;
    let query = query.after(async || sales::may_ask(&caller)).await?;
    let granted = query.wanted().grant(&caller)?;
    Ok(Json(sales::totals(&state.ledger, &granted).await?))
}

/// How a summary is told.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SummaryQuery {
    /// How long each step of the timeline is; an hour if absent.
    #[param(value_type = Option<Bucket>, inline)]
    bucket: Option<String>,
}

impl SummaryQuery {
    fn bucket(&self) -> Result<Bucket, Problem> {
        let mut faults = Faults::default();
        let bucket = parsed(&mut faults, "/bucket", self.bucket.as_deref(), "must be hour or day");
        faults.none_or(bucket.unwrap_or(Bucket::Hour)).map_err(Problem::invalid)
    }
}

/// How an event sells.
///
/// Needs `sales:summary`; a viewer, for a granted event. Counts by type, the gross, and a timeline in the event's time zone; what was
/// voided does not count.
#[utoipa::path(
    get, path = "/v1/events/{id}/sales-summary", tag = "events", params(("id" = uuid::Uuid, Path, description = "The event."), SummaryQuery),
    responses((status = 200, description = "Done.", body = Summary), Problem)
)]
pub async fn summary(
    State(state): State<AppState>,
    bearer: Bearer,
    Id(id): Id,
    QueryParams(query): QueryParams<SummaryQuery>,
) -> Result<Json<Summary>, Problem> {
    let caller = state.staff(&bearer).await?.caller().await?;
    let bucket = query.and_then(|query| query.bucket()).after(|| summary::visible(&state.ledger, &caller, EventId(id))).await?;
    Ok(Json(summary::summary(&state.ledger, &caller, EventId(id), bucket).await?))
}

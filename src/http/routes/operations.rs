//! Health, readiness, metrics and the API documentation.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Redirect},
};
use bytes::Bytes;
use serde::Serialize;
use utoipa::openapi::OpenApi;

use crate::http::{
    examples::{self, ExampleValues},
    problem::Problem,
    state::AppState,
};

/// Alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", security(()), responses((status = 200, description = "The process lives.", body = String)))]
pub async fn healthz() -> &'static str {
    "ok"
}

/// The state of the gateway.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = readiness)]
pub struct Readiness {
    /// `ready`, `degraded` (the hot store is away, or the log of changes is behind: slower, and as correct as ever), `unavailable`, or
    /// `stopping` (send no more requests here; those that arrive are still answered).
    status: &'static str,
    /// `ok` or `unavailable`.
    ledger: &'static str,
    /// `ok` or `unavailable`; `local` where there is no Redis.
    hot_store: &'static str,
    /// `normal`, or `shedding` while there is too much to do and some are answered `busy`.
    load: &'static str,
}

/// Ready?
#[utoipa::path(
    get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, description = "Done.", body = Readiness), (status = 503, description = "The ledger does not answer, or the gateway is about to stop.", body = Readiness))
)]
pub async fn readyz(State(state): State<AppState>) -> (StatusCode, Json<Readiness>) {
    let readiness = readiness(&state).await;
    let ready = matches!(readiness.status, "ready" | "degraded");
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

async fn readiness(state: &AppState) -> Readiness {
    let ledger = state.ledger.is_reachable().await;
    let redis = state.hot.redis_is_up();
    let degraded = redis == Some(false) || !state.ledger.log().in_step();
    state.metrics.set_readiness(ledger, redis.unwrap_or(true), degraded);
    Readiness {
        status: match (state.shutdown.is_announced(), ledger, degraded) {
            (true, ..) => "stopping",
            (_, false, _) => "unavailable",
            (_, true, true) => "degraded",
            (_, true, false) => "ready",
        },
        ledger: if ledger { "ok" } else { "unavailable" },
        hot_store: match redis {
            None => "local",
            Some(true) => "ok",
            Some(false) => "unavailable",
        },
        load: if state.shed.is_shedding() { "shedding" } else { "normal" },
    }
}

/// Metrics.
///
/// In the OpenMetrics text format, as Prometheus reads it.
#[utoipa::path(get, path = "/metrics", tag = "operations", security(()), responses((status = 200, description = "Done.", body = String, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")))]
pub async fn metrics(State(state): State<AppState>) -> Result<impl IntoResponse, Problem> {
    let _readiness = readiness(&state).await;
    let text = state.metrics.encode().map_err(|_| Problem::internal())?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}

/// The path of the document's viewer; its assets are compiled in.
pub const VIEWER: &str = "/docs/ui";

/// The OpenAPI document in JSON, with an example of every call.
pub fn serialise(document: &OpenApi, values: &ExampleValues) -> anyhow::Result<Bytes> {
    let mut document = serde_json::to_value(document)?;
    examples::write_into(&mut document, values)?;
    Ok(serde_json::to_vec(&document)?.into())
}

/// This document.
///
/// Generated from the code that answers.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", security(()), responses((status = 200, description = "Done.", content_type = "application/json", body = Object)))]
pub async fn openapi(State(state): State<AppState>) -> Result<impl IntoResponse, Problem> {
    let document = state.document.get().ok_or_else(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document.clone()))
}

/// This document, to be read.
///
/// A viewer that works without internet.
#[utoipa::path(get, path = "/docs", tag = "operations", security(()), responses((status = 303, description = "To the viewer.")))]
pub async fn docs() -> Redirect {
    Redirect::to("/docs/ui/")
}

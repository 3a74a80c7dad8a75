//! HTTP: from bytes to handlers and back. This file is the list of all calls.
#![allow(missing_docs, reason = "internal: names explain themselves")]

pub mod accept;
mod body;
mod connection;
pub mod connection_limit;
mod content_length;
pub mod examples;
mod extract;
mod layers;
pub mod metrics;
mod openapi;
mod problem;
mod routes;
pub mod shed;
pub mod state;
pub mod uploads;
mod workers;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
};
use tower_http::cors::CorsLayer;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

pub use self::body::parse as parse_body;
use self::routes::{
    attendance, devices, events, guests, imports, operations, preflight, refused_scans, sales, sales_reports, scans, sessions, stream, team,
};
use self::{
    examples::ExampleValues,
    layers::RequestLayer,
    problem::{Code, Problem},
    state::AppState,
};
use crate::{config::Config, limits};

/// Every call, each with its handler.
fn calls() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        // the door path
        .routes(routes!(scans::scan))
        .routes(routes!(scans::take_back))
        .routes(routes!(attendance::attendance))
        .routes(routes!(refused_scans::refused_scans))
        .routes(routes!(sales::sell, sales_reports::list))
        .routes(routes!(sales_reports::totals))
        .routes(routes!(sales_reports::summary))
        .routes(routes!(sales::one))
        .routes(routes!(sales::void))
        .routes(routes!(sales::hold))
        .routes(routes!(sales::release))
        .routes(routes!(preflight::may))
        // devices
        .routes(routes!(devices::add, devices::list))
        .routes(routes!(devices::enrol))
        .routes(routes!(devices::add_batch))
        .routes(routes!(devices::report))
        .routes(routes!(devices::one, devices::revoke))
        .routes(routes!(devices::renew))
        // sessions
        .routes(routes!(sessions::sign_in, sessions::list, sessions::end_many))
        .routes(routes!(sessions::current, sessions::sign_out))
        .routes(routes!(sessions::end))
        // the team
        .routes(routes!(team::list, team::add))
        .routes(routes!(team::patch, team::remove))
        .routes(routes!(team::set_events))
        // events and tickets
        .routes(routes!(events::list, events::create))
        .routes(routes!(events::one, events::patch))
        .routes(routes!(events::create_type))
        .routes(routes!(events::patch_type))
        .routes(routes!(events::upload))
        .routes(routes!(imports::import))
        // guest lists
        .routes(routes!(guests::lists, guests::create_list))
        .routes(routes!(guests::patch_list, guests::strike_list))
        .routes(routes!(guests::add))
        .routes(routes!(guests::search))
        .routes(routes!(guests::one, guests::patch, guests::strike))
        .routes(routes!(guests::check_in))
        .routes(routes!(guests::take_back))
        // push instead of poll
        .routes(routes!(stream::stream))
        // operations
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
        .routes(routes!(operations::openapi))
        .routes(routes!(operations::docs))
}

/// The routes of all calls with their layers, and the OpenAPI document that is generated from them.
pub fn router(state: AppState, config: &Config, examples: &ExampleValues) -> anyhow::Result<Router> {
    let layer = RequestLayer::new(state.metrics.clone(), state.shed.clone(), &config.trusted_proxies);
    let (calls, document) = calls().split_for_parts();
    let serialised = operations::serialise(&document, examples)?;
    state.document.get_or_init(|| serialised);
    let router = calls
        .merge(SwaggerUi::new(operations::VIEWER).config(utoipa_swagger_ui::Config::from("/openapi.json")))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed, "This cannot be done here.")
        })
        .layer(layer);
    // Outermost, so that a till in a browser can read an error response as well.
    let router = if config.cors_origins.is_empty() { router } else { router.layer(cors(&config.cors_origins)) };
    Ok(router.with_state(state))
}

fn cors(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, HeaderName::from_static("last-event-id")])
        .expose_headers([HeaderName::from_static("idempotent-replayed"), HeaderName::from_static("x-request-id"), header::RETRY_AFTER])
        .max_age(limits::CORS_AGE_MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_problem_code_is_in_the_document() {
        let (_, document) = calls().split_for_parts();
        let document: Value = serde_json::from_slice(&operations::serialise(&document, &ExampleValues::default()).unwrap()).unwrap();
        let problem = &document["components"]["schemas"]["problem"]["properties"]["code"];
        let name = problem["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let listed = document["components"]["schemas"][name]["enum"].as_array().unwrap();
        let listed: BTreeSet<_> = listed.iter().map(|code| code.as_str().unwrap()).collect();
        let all: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(listed, all, "the spelling on the wire and in the document");
    }
}

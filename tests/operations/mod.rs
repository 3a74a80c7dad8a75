//! What operators, auditors and terminals' makers see: health, figures, documents, and logs without secrets.

mod older_ledger;
mod secrets;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Answer, Deployment, Setup, on_both};

/// Every route of the contract that this build serves, with the names of path parameters left out.
const ROUTES: [(&str, &str); 39] = [
    ("post", "/v1/devices"),
    ("get", "/v1/devices"),
    ("get", "/v1/devices/{}"),
    ("delete", "/v1/devices/{}"),
    ("post", "/v1/devices/enrol"),
    ("post", "/v1/devices/{}/enrolment"),
    ("post", "/v1/sessions"),
    ("get", "/v1/sessions"),
    ("delete", "/v1/sessions/{}"),
    ("get", "/v1/sessions/current"),
    ("delete", "/v1/sessions/current"),
    ("post", "/v1/scans"),
    ("post", "/v1/sales"),
    ("get", "/v1/sales/{}"),
    ("post", "/v1/sales/{}/void"),
    ("get", "/v1/sales"),
    ("get", "/v1/sales/totals"),
    ("get", "/v1/events/{}/sales-summary"),
    ("post", "/v1/holds"),
    ("delete", "/v1/holds/{}"),
    ("post", "/v1/authorise"),
    ("get", "/v1/team"),
    ("post", "/v1/team"),
    ("patch", "/v1/team/{}"),
    ("delete", "/v1/team/{}"),
    ("put", "/v1/team/{}/events"),
    ("get", "/v1/events"),
    ("post", "/v1/events"),
    ("get", "/v1/events/{}"),
    ("patch", "/v1/events/{}"),
    ("post", "/v1/events/{}/ticket-types"),
    ("patch", "/v1/events/{}/ticket-types/{}"),
    ("post", "/v1/events/{}/tickets"),
    ("get", "/v1/stream"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("get", "/docs"),
];

on_both!(health_and_readiness_are_reported);
async fn health_and_readiness_are_reported(deployment: Deployment) {
    for gateway in [deployment.a(), deployment.b()] {
        assert_eq!(gateway.get("/healthz").await.status, 200);
        let ready = gateway.get("/readyz").await.ok(200);
        assert_eq!(ready["status"], "ready", "{ready}");
        assert!(!ready["ledger"].is_null() && !ready["hot_store"].is_null(), "{ready}");
    }
}

on_both!(metrics_are_exported_for_prometheus);
async fn metrics_are_exported_for_prometheus(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let scanner = deployment.admin.hire("scanner").await;
    deployment.admin.phone(&scanner).await.refuses(&event, "A-1", "unknown_ticket").await;
    let figures = deployment.a().get("/metrics").await;
    assert_eq!(figures.status, 200);
    assert!(figures.text.contains("# TYPE "), "{figures}");
    let samples = figures.text.lines().filter(|client| !client.starts_with('#') && !client.is_empty());
    for sample in samples {
        let value = sample.rsplit_once(' ').unwrap().1;
        assert!(value.parse::<f64>().is_ok(), "{sample}");
    }
    assert!(!figures.text.contains(&event.id) && !figures.text.contains(&scanner.username), "figures name nobody");
    // Every method that a client invents would be a time series of its own for ever.
    let brewed = Answer::to(deployment.a().request(reqwest::Method::from_bytes(b"BREW").unwrap(), "/v1/scans")).await;
    brewed.problem(405, "method_not_allowed");
    let figures = deployment.a().get("/metrics").await.text;
    assert!(figures.contains("method=\"other\"") && !figures.contains("BREW"), "{figures}");
}

on_both!(the_document_lists_every_route);
async fn the_document_lists_every_route(deployment: Deployment) {
    let document = deployment.a().get("/openapi.json").await.ok(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{}", document["openapi"]);
    let listed = listed_routes(&document);
    let missing: Vec<_> = ROUTES.iter().filter(|(method, path)| !listed.contains(&format!("{method} {path}"))).collect();
    assert!(missing.is_empty(), "the document does not list {missing:?}");
}

on_both!(every_route_of_the_document_is_served);
async fn every_route_of_the_document_is_served(deployment: Deployment) {
    let document = deployment.a().get("/openapi.json").await.ok(200);
    for (path, _) in document["paths"].as_object().unwrap() {
        // A method that no route has: a path that is served answers 405, another one 404.
        let method = reqwest::Method::from_bytes(b"BREW").unwrap();
        let answer = Answer::to(deployment.admin.client.request(method, &path.replace(['{', '}'], ""))).await;
        assert_ne!(answer.status, 404, "{path} is documented and not there");
    }
}

on_both!(the_documentation_needs_no_internet);
async fn the_documentation_needs_no_internet(deployment: Deployment) {
    let page = deployment.a().get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page}");
    for loaded in ["src=\"http", "src=\"//", "href=\"http", "href=\"//", "@import"] {
        assert!(!page.text.contains(loaded), "{loaded} loads from elsewhere");
    }
}

on_both!(known_origins_may_call_from_a_browser, "STAGEDOOR_CORS_ORIGINS" = "https://pos.example.org");
async fn known_origins_may_call_from_a_browser(deployment: Deployment) {
    let preflight = |origin: &'static str| {
        deployment
            .a()
            .request(reqwest::Method::OPTIONS, "/v1/scans")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,content-type")
    };
    let known = Answer::to(preflight("https://pos.example.org")).await;
    assert_eq!(known.header("access-control-allow-origin"), Some("https://pos.example.org"));
    let refused = deployment.a().request(reqwest::Method::GET, "/v1/events").header("Origin", "https://pos.example.org");
    let refused = Answer::to(refused).await;
    refused.problem(401, "token_missing");
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://pos.example.org"), "a till has to read a refusal");
    let unknown = Answer::to(preflight("https://evil.example.org")).await;
    assert_ne!(unknown.header("access-control-allow-origin"), Some("https://evil.example.org"));
    assert_ne!(unknown.header("access-control-allow-origin"), Some("*"));
}

on_both!(the_gateway_logs_where_it_stores_data);
async fn the_gateway_logs_where_it_stores_data(deployment: Deployment) {
    let tables = match deployment.setup {
        Setup::Embedded => "select count(*) from sqlite_master where type = 'table' and name in ('admissions', 'sales')",
        Setup::Shared => "select count(*) from pg_tables where tablename in ('admissions', 'sales')",
    };
    assert_eq!(deployment.ledger.count(tables, &[]).await, 2, "auditors read these two by name");
}

fn listed_routes(document: &Value) -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            routes.insert(format!("{method} {}", without_names(path)));
        }
    }
    routes
}

fn without_names(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

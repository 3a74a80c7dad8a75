//! What the gateway is measured against: axum, a body that is parsed, an answer that is always the same and as long as the gateway's.
//!
//! It runs in a process of its own, as the gateway does.

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use uuid::Uuid;

/// A scan, as the gateway takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is parsed, that is all")]
struct Scan {
    id: Uuid,
    event: Uuid,
    code: String,
    direction: Option<String>,
    gate: Option<String>,
    scanned_at: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// A question, as the gateway takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is parsed, that is all")]
struct Question {
    action: String,
    event: Uuid,
}

/// How long the answers of each kind are, in bytes.
#[derive(clap::Args)]
pub struct Sizes {
    /// Of a scan that is admitted.
    #[arg(long)]
    scan: usize,
    /// Of a scan that is refused.
    #[arg(long)]
    refusal: usize,
    /// Of a yes to "May I?".
    #[arg(long)]
    authorise: usize,
}

/// One answer, always the same.
#[derive(Clone)]
struct Constant(Bytes);

impl Constant {
    fn of(bytes: usize) -> Self {
        Self(Bytes::from(format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)))))
    }

    fn answer(&self) -> Response {
        let mut response = (StatusCode::OK, self.0.clone()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// Serves until it is killed.
pub async fn serve(sizes: Sizes) -> anyhow::Result<()> {
    let [scan, refusal, authorise] = [sizes.scan, sizes.refusal, sizes.authorise].map(Constant::of);
    let routes = Router::new()
        .route("/v1/scans", post(async move |Json(_): Json<Scan>| scan.answer()))
        .route("/refused", post(async move |Json(_): Json<Scan>| refusal.answer()))
        .route("/v1/authorise", post(async move |Json(_): Json<Question>| authorise.answer()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes).await?;
    Ok(())
}

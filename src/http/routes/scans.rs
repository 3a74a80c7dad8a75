//! `/v1/scans`

use axum::{extract::State, http::StatusCode, response::Response};

use super::{refused, walked};
use crate::{
    door::{
        self,
        answer::Answer,
        request::{Request, ScanBody},
    },
    http::{
        body::Sent,
        parts::Bearer,
        problem::{Problem, ProblemView},
        state::House,
    },
    walk::Rooms,
};

/// Scan a ticket.
///
/// Needs `entry:scan` and a session on a device. The same id again finds the first answer, with `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/scans", tag = "door", request_body = ScanBody,
    responses((status = 200, description = "Done.", body = Answer), (status = "default", description = "A problem, with its code.", body = ProblemView, content_type = "application/problem+json"))
)]
pub async fn scan(State(house): State<House>, bearer: Bearer, sent: Sent<ScanBody>) -> Result<Response, Problem> {
    let (clerk, body) = house.clerk_with(&bearer, sent.read()).await?;
    let request = Request::parse(body);
    let mut rooms = Rooms::default();
    match door::scan(&house.sources, clerk.claims(), &request, &mut rooms).await {
        Ok(answer) => {
            if !answer.replayed {
                house.metrics.verdict(answer.verdict.as_str(), answer.reason.map_or("", |reason| reason.as_str()));
            }
            Ok(walked(StatusCode::OK, &answer, answer.replayed, rooms))
        }
        Err(error) => Ok(refused(error.into(), rooms)),
    }
}

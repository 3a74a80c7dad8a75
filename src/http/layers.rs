//! What every request passes on its way in and out: whether there is room for it, a place among those in work, an id, and one line in the log.
//!
//! The request is worked on in a task of its own. A phone that loses its Wi-Fi drops its connection, not the work: nothing that has
//! begun on the book is ever cut off in the middle by a client.

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::{
    body::HttpBody,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};
use fail::fail_point;
use futures::FutureExt;
use ipnet::IpNet;
use uuid::Uuid;

use super::{
    accept::{Peer, TwoLengths},
    metrics::{Answered, Metrics},
    problem::Problem,
    shed::{InWork, Rank, Shed},
};
use crate::{clock::Clock, limits, walk::Rooms};

/// What the layer needs.
#[derive(Clone)]
pub struct Desk {
    metrics: Arc<Metrics>,
    shed: Arc<Shed>,
    proxies: Arc<[IpNet]>,
    clock: Clock,
}

impl Desk {
    /// A desk that counts here and believes these proxies.
    pub fn new(metrics: Arc<Metrics>, shed: Arc<Shed>, proxies: &[IpNet], clock: Clock) -> Self {
        Self { metrics, shed, proxies: proxies.into(), clock }
    }
}

/// Where a request comes from, as far as that can be believed.
#[derive(Clone, Copy)]
pub struct Client(pub IpAddr);

/// What is told of a request in the log.
struct Asked {
    id: String,
    method: Method,
    route: String,
    client: Option<IpAddr>,
}

/// A request's place among those in work, which is taken when its last byte has come.
#[derive(Clone)]
pub struct Work(Arc<Waiting>);

struct Waiting {
    shed: Arc<Shed>,
    rank: Rank,
    place: OnceLock<InWork>,
}

impl Work {
    fn new(shed: &Arc<Shed>, rank: Rank) -> Self {
        Self(Arc::new(Waiting { shed: Arc::clone(shed), rank, place: OnceLock::new() }))
    }

    /// Takes the place, unless too many others have come while the body did.
    pub fn begin(&self) -> Result<(), Problem> {
        let Waiting { shed, rank, place } = &*self.0;
        let begun = InWork::begin(shed, *rank).ok_or_else(Problem::busy)?;
        // Nobody begins twice; who did would give the second place back at once.
        let _ = place.set(begun);
        Ok(())
    }
}

/// Works on a request, in a task of its own; or turns it away, without a line in the log: there would be too many.
pub async fn attend(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let rank = Rank::of(request.method(), route(&request));
    if !desk.shed.admits(rank) {
        return Problem::busy().into_body(&uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string());
    }
    let arrived = desk.clock.mark();
    // The task catches what goes wrong in the handlers; should it fail all the same, there is nobody left to tell.
    tokio::spawn(work(desk, rank, arrived, request, next)).await.unwrap_or_else(|_| Problem::internal().into_body(""))
}

fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str)
}

async fn work(desk: Desk, rank: Rank, arrived: Instant, mut request: Request, next: Next) -> Response {
    let begun = desk.clock.mark();
    let asked = Asked {
        id: Uuid::new_v4().to_string(),
        method: request.method().clone(),
        route: route(&request).to_owned(),
        client: client(&request, &desk.proxies),
    };
    if let Some(client) = asked.client {
        request.extensions_mut().insert(Client(client));
    }
    let place = Work::new(&desk.shed, rank);
    let begins_at_once = request.body().is_end_stream();
    request.extensions_mut().insert(place.clone());
    let mut response = if request.extensions().get::<TwoLengths>().is_some() {
        Problem::two_lengths().into_response()
    } else if begins_at_once && place.begin().is_err() {
        Problem::busy().into_response()
    } else {
        desk.metrics.in_work(1);
        let done = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        desk.metrics.in_work(-1);
        done.unwrap_or_else(|_| {
            tracing::error!(request_id = asked.id, "a request ended in a fault of ours");
            Problem::internal().into_response()
        })
    };
    drop(place);
    fail_point!("before-answer", |_| std::process::abort());
    let rooms = response.extensions_mut().remove::<Rooms>();
    if let Some(rooms) = rooms.as_ref().filter(|_| !response.status().is_server_error()) {
        desk.shed.answered(begun.saturating_duration_since(arrived), rooms);
    }
    let code = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            let code = problem.code.as_str();
            let headers = std::mem::take(response.headers_mut());
            response = problem.into_body(&asked.id);
            keep(&headers, &mut response);
            code
        }
        None => "",
    };
    if let Ok(id) = HeaderValue::from_str(&asked.id) {
        response.headers_mut().insert("x-request-id", id);
    }
    let time = desk.clock.since(begun);
    tell(&desk, asked, &response, code, time, rooms.as_ref());
    response
}

/// Headers that were set beside a problem (which methods are allowed) stay.
fn keep(before: &HeaderMap, response: &mut Response) {
    if let Some(allow) = before.get(axum::http::header::ALLOW) {
        response.headers_mut().insert(axum::http::header::ALLOW, allow.clone());
    }
}

/// A line for what was refused or took long; what went well has its line at `debug`, for a line costs as much as the request it tells of.
fn tell(desk: &Desk, asked: Asked, response: &Response, code: &str, time: Duration, rooms: Option<&Rooms>) {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let room = |of: fn(&Rooms) -> Duration| rooms.map(|rooms| micros(of(rooms)));
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "stagedoor::request",
                request_id = asked.id,
                method = %asked.method,
                route = asked.route,
                status = response.status().as_u16(),
                code,
                client = asked.client.map(tracing::field::display),
                total_us = micros(time),
                facts_us = room(|r| r.facts),
                authenticate_us = room(|r| r.authenticate),
                authorise_us = room(|r| r.authorise),
                decide_us = room(|r| r.decide),
                commit_us = room(|r| r.commit),
                "request"
            )
        };
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() || time >= limits::SLOW {
        line!(info);
    } else {
        line!(debug);
    }
    let answered = Answered { method: asked.method.to_string(), route: asked.route, status: status.as_u16(), code: code.to_owned() };
    desk.metrics.answered(answered, time, rooms);
}

/// Who is asking, for the log: the peer, or what the proxies in front of us say of it. Only the nearest address that is no proxy of
/// ours is believed; whatever stands before it, the client may have written itself.
fn client(request: &Request, proxies: &[IpNet]) -> Option<IpAddr> {
    let peer = request.extensions().get::<Peer>()?.0.ip();
    let ours = |address: &IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    if !ours(&peer) {
        return Some(peer);
    }
    let named = request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    let hops = named.rsplit(',').map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    hops.into_iter().find(|hop| !ours(hop)).or(Some(peer))
}

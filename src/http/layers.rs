//! What every request passes on its way in and out: whether there is room for it, a place among those in work, an id, and one line in the log.
//!
//! A phone that loses its Wi-Fi drops its connection, not the work: what has to wait for anything goes on in a task of its own, and so
//! nothing that has begun on the ledger is ever cut off in the middle by a client.

use std::{
    convert::Infallible,
    mem,
    net::IpAddr,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{
    body::HttpBody,
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    response::{IntoResponse, Response},
};
use fail::fail_point;
use futures::{FutureExt, future::BoxFuture};
use ipnet::IpNet;
use tokio::{runtime::Handle, task::JoinHandle};
use tower::{Layer, Service};
use uuid::Uuid;

use super::{
    accept::ConnectionInfo,
    metrics::{CallFigures, Metrics},
    problem::{Code, Prepared, Problem},
    shed::{InWork, Overloaded, Rank, Shed},
};
use crate::{attempt::Timings, clock::Clock, limits};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What stands in front of every call.
#[derive(Clone)]
pub struct RequestLayer(Arc<LayerParts>);

struct LayerParts {
    metrics: Arc<Metrics>,
    shed: Arc<Shed>,
    proxies: Box<[IpNet]>,
    clock: Clock,
    /// For those who are turned away: when there is too much to do, they are the most.
    busy: Prepared,
    /// Where work is done that may take long.
    background: Handle,
}

impl RequestLayer {
    /// A layer that counts here and believes these proxies.
    pub fn new(metrics: Arc<Metrics>, shed: Arc<Shed>, proxies: &[IpNet], clock: Clock) -> Self {
        Self(Arc::new(LayerParts {
            metrics,
            shed,
            proxies: proxies.into(),
            clock,
            busy: Prepared::new(Problem::busy()),
            background: Handle::current(),
        }))
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, handler: S) -> RequestService<S> {
        RequestService { handler, layer: self.clone(), call: Arc::default() }
    }
}

/// A call with the layer in front of it.
#[derive(Clone)]
pub struct RequestService<S> {
    handler: S,
    layer: RequestLayer,
    /// Which call it is: the same at every request, so it is found out at the first.
    call: Arc<OnceLock<Arc<Call>>>,
}

/// A call, and what is counted of it.
struct Call {
    method: Method,
    /// The route as it is documented, never the path itself.
    route: Box<str>,
    rank: Rank,
    figures: CallFigures,
}

impl<S> RequestService<S> {
    /// What stands behind this layer may be more than one call: what is nowhere else, and methods that a path does not know.
    fn call(&self, request: &Request) -> Arc<Call> {
        let method = request.method();
        let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str);
        let call = || {
            let figures = self.layer.0.metrics.of_call(method, route);
            Arc::new(Call { method: method.clone(), route: route.into(), rank: Rank::of(method, route), figures })
        };
        let known = self.call.get_or_init(call);
        if known.method == *method && *known.route == *route { Arc::clone(known) } else { call() }
    }
}

impl<S> Service<Request> for RequestService<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RequestFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.handler.poll_ready(context)
    }

    /// Works on a request; or turns it away, without a line in the log: there would be too many.
    fn call(&mut self, request: Request) -> RequestFuture {
        let LayerParts { shed, clock, busy, background, .. } = &*self.layer.0;
        let call = Self::call(self, &request);
        let rank = call.rank;
        if !shed.admits(rank) {
            let mut response = busy.body(&new_id().to_string());
            response.extensions_mut().insert(Overloaded);
            return RequestFuture(Progress::Done(response));
        }
        let work = work(self.layer.clone(), call, clock.mark(), request, self.handler.clone());
        RequestFuture(match rank {
            Rank::Lists | Rank::SignIns => Progress::Elsewhere(background.spawn(work)),
            Rank::Scans | Rank::Sales | Rank::Health => Progress::AtHand(work.boxed()),
        })
    }
}

/// RequestFuture on a request. On the door path, what can be done at once is; what has to wait for anything goes on in a task of its own.
pub struct RequestFuture(Progress);

enum Progress {
    AtHand(BoxFuture<'static, Response>),
    Elsewhere(JoinHandle<Response>),
    Done(Response),
    Told,
}

impl Future for RequestFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Progress::AtHand(work) = &mut self.0 {
            let done = work.as_mut().poll(context);
            self.0 = match (done, mem::replace(&mut self.0, Progress::Told)) {
                (Poll::Ready(response), _) => Progress::Done(response),
                (Poll::Pending, Progress::AtHand(work)) => Progress::Elsewhere(tokio::spawn(work)),
                (Poll::Pending, other) => other,
            };
        }
        if let Progress::Elsewhere(task) = &mut self.0 {
            // The task catches what goes wrong in the handlers; should it fail all the same, there is nobody left to tell.
            let done = ready!(Pin::new(task).poll(context));
            self.0 = Progress::Done(done.unwrap_or_else(|_| Problem::internal().into_body("")));
        }
        match mem::replace(&mut self.0, Progress::Told) {
            Progress::Done(response) => Poll::Ready(Ok(response)),
            _ => Poll::Pending,
        }
    }
}

/// Who asks, and their place among those in work, which is taken when the last byte of the request has come.
#[derive(Clone)]
pub struct InFlight(Arc<InFlightParts>);

struct InFlightParts {
    address: Option<IpAddr>,
    layer: RequestLayer,
    rank: Rank,
    place: OnceLock<InWork>,
}

impl InFlight {
    /// Where the request comes from, as far as that can be believed.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// Takes the place, unless too many others have come while the body did.
    pub fn begin(&self) -> Result<(), Problem> {
        let InFlightParts { layer, rank, place, .. } = &*self.0;
        let begun = InWork::begin(&layer.0.shed, *rank).ok_or_else(Problem::busy)?;
        // Nobody begins twice; who did would give the second place back at once.
        let _ = place.set(begun);
        Ok(())
    }
}

fn new_id() -> Uuid {
    Uuid::new_v4()
}

async fn work<S>(layer: RequestLayer, call: Arc<Call>, arrived: Instant, mut request: Request, mut handler: S) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let LayerParts { metrics, shed, proxies, clock, .. } = &*layer.0;
    let begun = clock.mark();
    let mut id = Uuid::encode_buffer();
    let id: &str = new_id().hyphenated().encode_lower(&mut id);
    let in_flight = InFlight(Arc::new(InFlightParts {
        address: client(&request, proxies),
        layer: layer.clone(),
        rank: call.rank,
        place: OnceLock::new(),
    }));
    let begins_at_once = request.body().is_end_stream();
    request.extensions_mut().insert(in_flight.clone());
    let mut response = if request.extensions().get::<ConnectionInfo>().is_some_and(|info| info.two_lengths) {
        Problem::two_lengths().into_response()
    } else if begins_at_once && in_flight.begin().is_err() {
        Problem::busy().into_response()
    } else {
        metrics.in_work(1);
        let done = AssertUnwindSafe(handler.call(request)).catch_unwind().await;
        metrics.in_work(-1);
        match done {
            Ok(Ok(response)) => response,
            Err(_) => {
                tracing::error!(request_id = id, "a request ended in a fault of ours");
                Problem::internal().into_response()
            }
        }
    };
    let address = in_flight.address();
    drop(in_flight);
    fail_point!("before-answer", |_| std::process::abort());
    let timings = response.extensions_mut().remove::<Timings>();
    if let Some(timings) = timings.as_ref().filter(|_| !response.status().is_server_error()) {
        shed.answered(begun.saturating_duration_since(arrived), timings);
    }
    let code = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            let code = problem.code.as_str();
            let headers = mem::take(response.headers_mut());
            let busy = problem.code == Code::Busy;
            response = problem.into_body(id);
            keep(&headers, &mut response);
            if busy {
                response.extensions_mut().insert(Overloaded);
            }
            code
        }
        None => "",
    };
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    let time = clock.since(begun);
    tell(&call, id, address, &response, code, time, timings.as_ref());
    metrics.answered(&call.figures, response.status().as_u16(), code, time, timings.as_ref());
    response
}

/// Headers that were set beside a problem (which methods are allowed) stay.
fn keep(before: &HeaderMap, response: &mut Response) {
    if let Some(allow) = before.get(axum::http::header::ALLOW) {
        response.headers_mut().insert(axum::http::header::ALLOW, allow.clone());
    }
}

/// A line for what was refused or took long; what went well has its line at `debug`, for a line costs as much as the request it tells of.
fn tell(call: &Call, id: &str, client: Option<IpAddr>, response: &Response, code: &str, time: Duration, timings: Option<&Timings>) {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let room = |of: fn(&Timings) -> Duration| timings.map(|timings| micros(of(timings)));
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "stagedoor::request",
                request_id = id,
                method = %call.method,
                route = &*call.route,
                status = response.status().as_u16(),
                code,
                client = client.map(tracing::field::display),
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
    if status.is_client_error() || status.is_server_error() || time >= limits::SLOW_REQUEST_TIMEOUT {
        line!(info);
    } else {
        line!(debug);
    }
}

/// Who is asking, for the log: the peer, or what the proxies in front of us say of it. Only the nearest address that is no proxy of
/// ours is believed; whatever stands before it, the client may have written itself.
fn client(request: &Request, proxies: &[IpNet]) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectionInfo>()?.peer.ip();
    let ours = |address: &IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    if !ours(&peer) {
        return Some(peer);
    }
    let named = request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    let hops = named.rsplit(',').map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    hops.into_iter().find(|hop| !ours(hop)).or(Some(peer))
}

//! The layer around every handler: load shedding, the count of requests in progress, the request id, metrics, and one log line.
//!
//! A client that disconnects does not cancel its request: a handler that has to wait continues in a task of its own, so a disconnect never
//! interrupts an operation on the ledger.

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
    metrics::{CallMetrics, Metrics},
    problem::{Code, PreparedProblem, Problem},
    shed::{InProgress, Priority, RetryLater, Shed},
};
use crate::{attempt::Timings, clock, limits};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[derive(Clone)]
pub struct RequestLayer(Arc<LayerParts>);

struct LayerParts {
    metrics: Arc<Metrics>,
    shed: Arc<Shed>,
    proxies: Box<[IpNet]>,
    /// Prepared, because under overload most responses are this one.
    busy: PreparedProblem,
    /// The runtime for requests that may take long.
    background: Handle,
}

impl RequestLayer {
    /// `proxies` are the addresses whose `X-Forwarded-For` is trusted.
    pub fn new(metrics: Arc<Metrics>, shed: Arc<Shed>, proxies: &[IpNet]) -> Self {
        Self(Arc::new(LayerParts {
            metrics,
            shed,
            proxies: proxies.into(),
            busy: PreparedProblem::new(Problem::busy()),
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

#[derive(Clone)]
pub struct RequestService<S> {
    handler: S,
    layer: RequestLayer,
    /// Looked up at the first request, because it is the same for all of them.
    call: Arc<OnceLock<Arc<Call>>>,
}

/// A method and route of the API with its metrics.
struct Call {
    method: Method,
    /// The route pattern, never the path itself.
    route: Box<str>,
    priority: Priority,
    metrics: CallMetrics,
}

impl<S> RequestService<S> {
    /// One service may serve more than one call: the fallbacks serve unknown paths and unknown methods.
    fn call(&self, request: &Request) -> Arc<Call> {
        let method = request.method();
        let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str);
        let call = || {
            let metrics = self.layer.0.metrics.call(method, route);
            Arc::new(Call { method: method.clone(), route: route.into(), priority: Priority::of(method, route), metrics })
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

    /// Processes a request, or sheds it. A shed request has no log line: there would be too many.
    fn call(&mut self, request: Request) -> RequestFuture {
        let LayerParts { shed, busy, background, .. } = &*self.layer.0;
        let call = Self::call(self, &request);
        let priority = call.priority;
        if !shed.admits(priority) {
            let mut response = busy.response(&new_id().to_string());
            response.extensions_mut().insert(RetryLater);
            return RequestFuture(Progress::Done(response));
        }
        let work = process(self.layer.clone(), call, clock::mark(), request, self.handler.clone());
        RequestFuture(match priority {
            Priority::Lists | Priority::SignIns => Progress::Spawned(background.spawn(work)),
            Priority::Scans | Priority::Sales | Priority::Health => Progress::Inline(work.boxed()),
        })
    }
}

/// A scan or sale is polled once in place; if it has to wait, it continues in a task of its own. Spawning a task for each would cost more.
pub struct RequestFuture(Progress);

enum Progress {
    Inline(BoxFuture<'static, Response>),
    Spawned(JoinHandle<Response>),
    Done(Response),
    Taken,
}

impl Future for RequestFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Progress::Inline(work) = &mut self.0 {
            let done = work.as_mut().poll(context);
            self.0 = match (done, mem::replace(&mut self.0, Progress::Taken)) {
                (Poll::Ready(response), _) => Progress::Done(response),
                (Poll::Pending, Progress::Inline(work)) => Progress::Spawned(tokio::spawn(work)),
                (Poll::Pending, other) => other,
            };
        }
        if let Progress::Spawned(task) = &mut self.0 {
            // Panics of handlers are caught in the task; if the task fails all the same, its request id is lost.
            let done = ready!(Pin::new(task).poll(context));
            self.0 = Progress::Done(done.unwrap_or_else(|_| Problem::internal().into_response_with_id("")));
        }
        match mem::replace(&mut self.0, Progress::Taken) {
            Progress::Done(response) => Poll::Ready(Ok(response)),
            _ => Poll::Pending,
        }
    }
}

/// The client's address, and the request's place among those in progress, which is taken when its last byte has arrived.
#[derive(Clone)]
pub struct InFlight(Arc<InFlightParts>);

struct InFlightParts {
    address: Option<IpAddr>,
    layer: RequestLayer,
    priority: Priority,
    slot: OnceLock<InProgress>,
}

impl InFlight {
    /// The address of the client, as far as it is known for sure.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// Takes the place, unless the limit was reached while the body arrived.
    pub fn begin(&self) -> Result<(), Problem> {
        let InFlightParts { layer, priority, slot, .. } = &*self.0;
        let begun = InProgress::begin(&layer.0.shed, *priority).ok_or_else(Problem::busy)?;
        // Called once per request; a second place would be freed at once.
        let _ = slot.set(begun);
        Ok(())
    }
}

fn new_id() -> Uuid {
    Uuid::new_v4()
}

async fn process<S>(layer: RequestLayer, call: Arc<Call>, arrived: Instant, mut request: Request, mut handler: S) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let LayerParts { metrics, shed, proxies, .. } = &*layer.0;
    let begun = clock::mark();
    let mut id = Uuid::encode_buffer();
    let id: &str = new_id().hyphenated().encode_lower(&mut id);
    let in_flight = InFlight(Arc::new(InFlightParts {
        address: client_address(&request, proxies),
        layer: layer.clone(),
        priority: call.priority,
        slot: OnceLock::new(),
    }));
    let has_no_body = request.body().is_end_stream();
    request.extensions_mut().insert(in_flight.clone());
    let mut response = if request.extensions().get::<ConnectionInfo>().is_some_and(|info| info.ambiguous_length) {
        Problem::ambiguous_length().into_response()
    } else if has_no_body && in_flight.begin().is_err() {
        Problem::busy().into_response()
    } else {
        metrics.add_in_progress(1);
        let done = AssertUnwindSafe(handler.call(request)).catch_unwind().await;
        metrics.add_in_progress(-1);
        match done {
            Ok(Ok(response)) => response,
            Err(_) => {
                tracing::error!(request_id = id, "a request ended in an error of the gateway");
                Problem::internal().into_response()
            }
        }
    };
    let address = in_flight.address();
    drop(in_flight);
    fail_point!("before-answer", |_| std::process::abort());
    let timings = response.extensions_mut().remove::<Timings>();
    if let Some(timings) = timings.as_ref().filter(|_| !response.status().is_server_error()) {
        shed.record(begun.saturating_duration_since(arrived), timings);
    }
    let code = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            let code = problem.code.as_str();
            let headers = mem::take(response.headers_mut());
            let busy = problem.code == Code::Busy;
            response = problem.into_response_with_id(id);
            keep_allow_header(&headers, &mut response);
            if busy {
                response.extensions_mut().insert(RetryLater);
            }
            code
        }
        None => "",
    };
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    let time = clock::since(begun);
    log_request(&call, id, address, &response, code, time, timings.as_ref());
    metrics.record_request(&call.metrics, response.status().as_u16(), code, time, timings.as_ref());
    response
}

/// `Allow` is set by the router beside a 405, not by the problem.
fn keep_allow_header(before: &HeaderMap, response: &mut Response) {
    if let Some(allow) = before.get(axum::http::header::ALLOW) {
        response.headers_mut().insert(axum::http::header::ALLOW, allow.clone());
    }
}

/// Logs errors and slow requests at `info`. Others at `debug`, because a line costs as much as the request itself.
fn log_request(call: &Call, id: &str, client: Option<IpAddr>, response: &Response, code: &str, time: Duration, timings: Option<&Timings>) {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let stage = |of: fn(&Timings) -> Duration| timings.map(|timings| micros(of(timings)));
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
                facts_us = stage(|r| r.facts),
                authenticate_us = stage(|r| r.authenticate),
                authorise_us = stage(|r| r.authorise),
                decide_us = stage(|r| r.decide),
                commit_us = stage(|r| r.commit),
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

/// The client's address: the peer, or, if the peer is a trusted proxy, the last address in `X-Forwarded-For` that is not a trusted proxy.
/// The client may have written the addresses before that one itself.
fn client_address(request: &Request, proxies: &[IpNet]) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectionInfo>()?.peer.ip();
    let is_proxy = |address: &IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    if !is_proxy(&peer) {
        return Some(peer);
    }
    let forwarded =
        request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    let hops = forwarded.rsplit(',').map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    hops.into_iter().find(|hop| !is_proxy(hop)).or(Some(peer))
}

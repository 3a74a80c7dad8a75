//! The accept loop: accepts connections, serves the routes on them, and closes or hands over all of them at the end.
//!
//! Contract:
//! - A slow client is closed: in the middle of a request's head after `limits::HEADER_READ_TIMEOUT`, between two requests after
//!   `limits::IDLE_TIMEOUT`, and after `limits::IDLE_TIMEOUT` in which it reads nothing of a response. A response without an end (a stream)
//!   may be silent for any time. The time limit of a request body is set where the body is read (`http/body.rs`).
//! - An error of `accept` does not end the loop.
//! - When [`serve`] has returned, no connection is left. [`Shutdown`] decides how they end: with a successor gateway, each connection is
//!   handed over at a moment when no request is in progress on it; without one, it is closed after its next response.
//!
//! Why not a ready-made server:
//! - `axum::serve` (0.8.9) installs no timer, so none of these limits would exist.
//! - `hyper_util::server::conn::auto` (0.1.21) reads the first bytes without a timeout to find out the HTTP version, so a client that sends
//!   nothing would keep its connection; with `http1_only` it is a wrapper of the builder that is used here.
//! - `hyper_util::server::graceful` (0.1.21) can only close. It closes a connection that was accepted a moment before the shutdown without
//!   reading its first request, and it cannot hand a connection over.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use axum::Router;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use futures::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection as HyperConnection};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::connection::{Connection, ConnectionState, HeadTimer, lingering_close};
use super::connection_limit::{ConnectionLimit, ConnectionSlot};
use super::problem::Problem;
use super::shed::RetryLater;
use super::workers::{Worker, Workers};
use crate::handover::ListeningSocket;
use crate::limits;

/// The connection that a request came on; in the extensions of the request.
#[derive(Clone)]
pub struct ConnectionInfo {
    /// The address of the other end. An IPv4 address that came in on an IPv6 socket is converted to IPv4, so that it can be compared with
    /// a setting.
    pub peer: SocketAddr,
    /// Closes the connection: for a response without an end whose client does not read fast enough.
    pub close: CancellationToken,
    /// The request's head has both `Content-Length` and `Transfer-Encoding`.
    pub ambiguous_length: bool,
}

/// The steps of a shutdown; connections and the readiness check read it.
#[derive(Clone, Default)]
pub struct Shutdown {
    announced: Arc<AtomicBool>,
    successor: Arc<OnceLock<mpsc::Sender<std::net::TcpStream>>>,
    closing: Signal,
}

/// An event that happens once and that every connection waits for.
#[derive(Clone, Default)]
struct Signal {
    is_set: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Signal {
    fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Waits for the event. Each poll of `CancellationToken::cancelled` takes a lock that all connections share, so it is polled only when
    /// the waker is new or the event has happened; every other poll reads the flag.
    async fn wait(&self) {
        let mut cancelled = pin!(self.token.cancelled());
        let mut registered: Option<Waker> = None;
        poll_fn(|context| {
            let waker = context.waker();
            if registered.as_ref().is_some_and(|known| known.will_wake(waker)) && !self.is_set.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            registered = Some(waker.clone());
            cancelled.as_mut().poll(context)
        })
        .await;
    }
}

impl Shutdown {
    /// First step: the gateway reports that it is not ready. It still serves, but every response is the last of its connection.
    pub fn announce(&self) {
        self.announced.store(true, Ordering::Relaxed);
    }

    pub fn is_announced(&self) -> bool {
        self.announced.load(Ordering::Relaxed)
    }

    /// Second step: accept no more connections, finish the requests in progress, and close the connections.
    pub fn close(&self) {
        self.closing.set();
    }

    /// Second step with a successor: the same, but the connections go to the other gateway.
    pub fn hand_over_to(&self, successor: mpsc::Sender<std::net::TcpStream>) {
        let _ = self.successor.set(successor);
        self.closing.set();
    }
}

/// Serves `routes` on new connections of the listening socket, up to the connection limit, and on those that the previous gateway hands
/// over, until `shutdown` closes; then lets open requests finish within `limits::DRAIN_TIMEOUT`.
///
/// Dropped before its end, it closes all connections as well.
pub async fn serve(
    listening: ListeningSocket,
    routes: Router,
    connection_limit: Arc<ConnectionLimit>,
    shutdown: Shutdown,
) -> io::Result<()> {
    let closing = shutdown.closing.clone();
    let acceptor = Acceptor::open(routes, connection_limit, shutdown)?;
    let mut source = ConnectionSource { socket: listening.socket, inherited: listening.inherited };
    closing.token.run_until_cancelled(acceptor.accept_all(&mut source)).await;
    acceptor.accept_pending(source);
    acceptor.drain().await;
    Ok(())
}

/// All open connections and what they share.
struct Acceptor {
    routes: Router,
    workers: Workers,
    connection_limit: Arc<ConnectionLimit>,
    /// Bounds the connections over the limit that get a 503 before they are closed.
    rejecting: Arc<Semaphore>,
    shutdown: Shutdown,
    open: TaskTracker,
    abort: CancellationToken,
}

impl Acceptor {
    fn open(routes: Router, connection_limit: Arc<ConnectionLimit>, shutdown: Shutdown) -> io::Result<Self> {
        Ok(Self {
            // Built with its (empty) state once here, not again for each request.
            routes: routes.with_state(()),
            workers: Workers::open()?,
            connection_limit,
            rejecting: Arc::new(Semaphore::new(limits::LINGERING_MAX)),
            shutdown,
            open: TaskTracker::new(),
            abort: CancellationToken::new(),
        })
    }

    async fn accept_all(&self, source: &mut ConnectionSource) {
        loop {
            self.serve_or_reject(source.next().await);
        }
    }

    /// Serves the connections that wait in the queue when the socket closes. With a successor on the same socket, they are left to it.
    fn accept_pending(&self, mut source: ConnectionSource) {
        let has_successor = self.shutdown.successor.get().is_some();
        while let Some(connection) = if has_successor { source.inherited().now_or_never() } else { source.next().now_or_never() } {
            self.serve_or_reject(connection);
        }
    }

    fn serve_or_reject(&self, connection: NewConnection) {
        match self.connection_limit.acquire(connection.peer.ip().to_canonical()) {
            Some(slot) => self.spawn(connection, slot),
            None => self.reject(connection.stream),
        }
    }

    /// Over the limit: answer 503 and close. The response fits into an empty socket buffer. If too many are being rejected already, only
    /// close.
    fn reject(&self, stream: TcpStream) {
        let Ok(permit) = Arc::clone(&self.rejecting).try_acquire_owned() else { return };
        let abort = self.abort.clone();
        self.open.spawn(abort.run_until_cancelled_owned(async move {
            let mut stream = stream;
            let response = Problem::busy().to_closing_response();
            if time::timeout(limits::LINGER_TIMEOUT, stream.write_all(&response)).await.is_ok() && stream.shutdown().await.is_ok() {
                lingering_close(stream).await;
            }
            drop(permit);
        }));
    }

    fn spawn(&self, connection: NewConnection, slot: ConnectionSlot) {
        let NewConnection { stream, peer, inherited } = connection;
        let abort = self.abort.child_token();
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let info = ConnectionInfo { peer, close: abort.clone(), ambiguous_length: false };
        let (routes, shutdown) = (self.routes.clone(), self.shutdown.clone());
        // An error means that the client has closed the connection.
        let Ok(stream) = stream.into_std() else { return };
        let worker = Arc::clone(self.workers.next());
        let handle = worker.handle().clone();
        let served = async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                abort.run_until_cancelled(serve_connection(Connection::new(stream, inherited), info, routes, shutdown, &worker)).await;
            }
            drop(slot);
        };
        self.open.spawn_on(served, &handle);
    }

    /// Waits until all connections have ended: idle ones end at once, the others after the response in progress. What is still open after
    /// `limits::DRAIN_TIMEOUT` is aborted.
    async fn drain(self) {
        self.open.close();
        if time::timeout(limits::DRAIN_TIMEOUT, self.open.wait()).await.is_err() {
            tracing::warn!(connections = self.open.len(), "requests were still open at the end of the drain; they are cut off");
        }
        self.abort.cancel();
        self.open.wait().await;
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.abort.cancel();
    }
}

struct ConnectionSource {
    socket: Arc<TcpListener>,
    inherited: Option<mpsc::Receiver<TcpStream>>,
}

struct NewConnection {
    stream: TcpStream,
    peer: SocketAddr,
    inherited: bool,
}

impl ConnectionSource {
    async fn next(&mut self) -> NewConnection {
        let socket = Arc::clone(&self.socket);
        tokio::select! {
            (stream, peer) = accept(&socket) => NewConnection { stream, peer, inherited: false },
            connection = self.inherited() => connection,
        }
    }

    /// The next connection that the previous gateway hands over; pending for ever once that gateway has ended.
    async fn inherited(&mut self) -> NewConnection {
        while let Some(from) = &mut self.inherited {
            match from.recv().await {
                // A connection that its client has closed meanwhile has no peer address.
                Some(stream) => {
                    if let Ok(peer) = stream.peer_addr() {
                        return NewConnection { stream, peer, inherited: true };
                    }
                }
                None => self.inherited = None,
            }
        }
        std::future::pending().await
    }
}

/// The next connection, however many attempts it takes.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client closed while it waited in the queue. The next connection is not affected.
            Err(error) if is_client_error(&error) => {}
            Err(error) => {
                // Logged once, not twenty times a second.
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(%error, "connections cannot be accepted; trying again");
                }
                time::sleep(limits::ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

fn is_client_error(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
}

/// One connection, from its first request to its last.
async fn serve_connection(socket: Connection, info: ConnectionInfo, routes: Router, shutdown: Shutdown, worker: &Worker) {
    let state = Arc::clone(&socket.state);
    let head_timer = HeadTimer::new(&state);
    let service = service_fn(|request| handle_request(routes.clone(), info.clone(), &state, worker, &shutdown, request));
    let mut connection = pin!(
        Builder::new()
            .timer(head_timer)
            .header_read_timeout(limits::IDLE_TIMEOUT)
            // The buffer's limit alone does not stop a larger head that arrives in one read.
            .max_header_size(limits::HEADER_BYTES)
            .max_buf_size(limits::HEADER_BYTES)
            // Responses are small: copying head and body into one buffer costs less than a vectored write.
            .writev(false)
            .serve_connection(TokioIo::new(socket), service)
    );
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.closing.wait() => match shutdown.successor.get() {
            Some(successor) => hand_over(connection, &state, successor).await,
            None => close(connection, &state).await,
        },
    };
    if let Some(stream) = state.take_released() {
        lingering_close(stream).await;
    }
    // Not an error of the gateway: the client has closed, was too slow, or has sent bytes that are not HTTP.
    if let Err(error) = ended {
        tracing::debug!(peer = %info.peer, %error, "a connection ended before its time");
    }
}

/// Finishes the request in progress, then closes. A connection without any response yet may still send one request.
async fn close<S>(mut connection: Pin<&mut HyperConnection<TokioIo<Connection>, S>>, state: &ConnectionState) -> hyper::Result<()>
where
    S: HttpService<Incoming, ResBody = axum::body::Body, Error = Infallible>,
{
    if !state.was_answered()
        && let Ok(ended) = time::timeout(limits::LAST_REQUEST_TIMEOUT, &mut connection).await
    {
        return ended;
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// Hands the connection over as soon as no request is on it. After a poll with `is_idle`, hyper is between two requests and has read no
/// byte since the last response. Bytes that arrive from now on wait in the kernel for the other gateway.
async fn hand_over<S>(
    mut connection: Pin<&mut HyperConnection<TokioIo<Connection>, S>>,
    state: &ConnectionState,
    successor: &mpsc::Sender<std::net::TcpStream>,
) -> hyper::Result<()>
where
    S: HttpService<Incoming, ResBody = axum::body::Body, Error = Infallible>,
{
    let mut tried = false;
    let ended = poll_fn(|context| {
        let ended = connection.as_mut().poll(context);
        if ended.is_ready() || tried || !state.is_idle() {
            return ended;
        }
        tried = true;
        state.release_on_shutdown(true);
        connection.as_mut().graceful_shutdown();
        let ended = connection.as_mut().poll(context);
        // A response that is still being sent (a stream) ends by itself, and its connection with it.
        state.release_on_shutdown(ended.is_ready());
        ended
    })
    .await;
    if state.releases_on_shutdown()
        && state.is_idle()
        && let Some(stream) = state.take_released()
        && let Ok(stream) = stream.into_std()
    {
        // The channel has room for every connection.
        let _ = successor.try_send(stream);
    }
    ended
}

async fn handle_request(
    mut routes: Router,
    info: ConnectionInfo,
    state: &ConnectionState,
    worker: &Worker,
    shutdown: &Shutdown,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    state.request_started();
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let ambiguous_length = state.take_ambiguous_length() && is_chunked;
    request.extensions_mut().insert(ConnectionInfo { ambiguous_length, ..info });
    let mut response = routes.call(request).await?;
    // A proxy may have seen another end of a chunked body, so bytes after it are not read as a request (request smuggling).
    if is_chunked || shutdown.is_announced() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    state.response_ready(response.status());
    if response.extensions().get::<RetryLater>().is_some() {
        state.delay_next_read(worker.retry_delay());
    }
    Ok(response)
}

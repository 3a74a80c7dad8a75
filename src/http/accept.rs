//! The accept loop: who connects gets the routes, and nobody holds a connection for nothing.
//!
//! It promises that a client which dawdles is closed: in the middle of a request's head after
//! `limits::HEADER_READ_TIMEOUT`, between two requests after `limits::IDLE_TIMEOUT`, and after `limits::IDLE_TIMEOUT`
//! in which it takes nothing of an answer. An answer that has no end may be quiet for as long as it likes. How long a body may take is not seen here; the layer
//! that reads it says so. It never ends because accepting failed, and when it has returned, no
//! connection is left. How it ends is told by a [`Shutdown`]: with a gateway that goes on in this one's place, every connection is handed
//! over at a moment when no request is on it; without one, it is closed after its next answer.
//!
//! `axum::serve` (0.8.9) installs no timer, so with it none of these limits exists.

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

use super::connection::{Connection, ConnectionState, HeadTimer, linger};
use super::connection_limit::{ConnectionLimit, ConnectionSlot};
use super::problem::Problem;
use super::shed::Overloaded;
use super::workers::{Worker, Workers};
use crate::handover::ListeningSocket;
use crate::limits;

/// How a request has come, in its extensions.
#[derive(Clone)]
pub struct ConnectionInfo {
    /// Who is at the other end of the connection. An IPv4 address is one even when it came in on an IPv6 socket, so that it can be compared
    /// with a setting.
    pub peer: SocketAddr,
    /// Closes the connection: for an answer that has no end, when its reader does not keep up.
    pub hang_up: CancellationToken,
    /// The request's head said twice how long its body is.
    pub two_lengths: bool,
}

/// How a gateway leaves, step by step; its connections and its readiness look at it.
#[derive(Clone, Default)]
pub struct Shutdown {
    announced: Arc<AtomicBool>,
    successor: Arc<OnceLock<mpsc::Sender<std::net::TcpStream>>>,
    closing: Signal,
}

/// Something that happens once and that every connection waits for.
#[derive(Clone, Default)]
struct Signal {
    given: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Signal {
    fn give(&self) {
        self.given.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Waits for it. Whoever is asked again and again asks the token, and with it everybody's lock, only at first and at last; in between it
    /// is enough to look.
    async fn heard(&self) {
        let mut heard = pin!(self.token.cancelled());
        let mut listening: Option<Waker> = None;
        poll_fn(|context| {
            let waker = context.waker();
            if listening.as_ref().is_some_and(|known| known.will_wake(waker)) && !self.given.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            listening = Some(waker.clone());
            heard.as_mut().poll(context)
        })
        .await;
    }
}

impl Shutdown {
    /// First: the gateway says that it is not ready for more. All else goes on, but every answer is the last of its connection.
    pub fn announce(&self) {
        self.announced.store(true, Ordering::Relaxed);
    }

    /// Whether the gateway is about to stop.
    pub fn is_announced(&self) -> bool {
        self.announced.load(Ordering::Relaxed)
    }

    /// Then: nothing more is accepted, what was begun is finished, and the connections are closed.
    pub fn close(&self) {
        self.closing.give();
    }

    /// The same, but the connections go to another gateway.
    pub fn hand_over_to(&self, successor: mpsc::Sender<std::net::TcpStream>) {
        let _ = self.successor.set(successor);
        self.closing.give();
    }
}

/// Serves `routes` to those who knock at the listening, as many as the connection_limit may be, and to the connections of the gateway before this one, until it is time to shutdown; then
/// lets open requests finish within `limits::DRAIN_TIMEOUT`.
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
    let mut arrivals = Arrivals { socket: listening.socket, inherited: listening.inherited };
    closing.token.run_until_cancelled(acceptor.accept_all(&mut arrivals)).await;
    acceptor.accept_the_rest(arrivals);
    acceptor.drain().await;
    Ok(())
}

/// All open connections and what they share.
struct Acceptor {
    routes: Router,
    workers: Workers,
    connection_limit: Arc<ConnectionLimit>,
    /// Who is turned away, and told so.
    lingering: Arc<Semaphore>,
    shutdown: Shutdown,
    open: TaskTracker,
    cut: CancellationToken,
}

impl Acceptor {
    fn open(routes: Router, connection_limit: Arc<ConnectionLimit>, shutdown: Shutdown) -> io::Result<Self> {
        Ok(Self {
            // Given its (empty) state here, once, and not for each request anew.
            routes: routes.with_state(()),
            workers: Workers::open()?,
            connection_limit,
            lingering: Arc::new(Semaphore::new(limits::LINGERING_MAX)),
            shutdown,
            open: TaskTracker::new(),
            cut: CancellationToken::new(),
        })
    }

    /// Lets people in, one seat each.
    async fn accept_all(&self, arrivals: &mut Arrivals) {
        loop {
            self.receive(arrivals.next().await);
        }
    }

    /// Whoever stands at the door when it closes is still let in. With another gateway on the same socket, they are left to it.
    fn accept_the_rest(&self, mut arrivals: Arrivals) {
        let has_heir = self.shutdown.successor.get().is_some();
        while let Some(arrival) = if has_heir { arrivals.inherited().now_or_never() } else { arrivals.next().now_or_never() } {
            self.receive(arrival);
        }
    }

    fn receive(&self, arrival: Arrival) {
        match self.connection_limit.seat(arrival.peer.ip().to_canonical()) {
            Some(seat) => self.seat(arrival, seat),
            None => self.turn_away(arrival.stream),
        }
    }

    /// Past the limit: a word, and the door. The word fits into an empty socket; if there are too many even for that, only the door.
    fn turn_away(&self, stream: TcpStream) {
        let Ok(place) = Arc::clone(&self.lingering).try_acquire_owned() else { return };
        let cut = self.cut.clone();
        self.open.spawn(cut.run_until_cancelled_owned(async move {
            let mut stream = stream;
            let words = Problem::busy().as_last_words();
            if time::timeout(limits::LINGER_TIMEOUT, stream.write_all(&words)).await.is_ok() && stream.shutdown().await.is_ok() {
                linger(stream).await;
            }
            drop(place);
        }));
    }

    fn seat(&self, arrival: Arrival, seat: ConnectionSlot) {
        let Arrival { stream, peer, inherited } = arrival;
        let cut = self.cut.child_token();
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let info = ConnectionInfo { peer, hang_up: cut.clone(), two_lengths: false };
        let (routes, shutdown) = (self.routes.clone(), self.shutdown.clone());
        // Who has hung up meanwhile is let go.
        let Ok(stream) = stream.into_std() else { return };
        let worker = Arc::clone(self.workers.next());
        let handle = worker.handle().clone();
        let served = async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                cut.run_until_cancelled(converse(Connection::new(stream, inherited), info, routes, shutdown, &worker)).await;
            }
            drop(seat);
        };
        self.open.spawn_on(served, &handle);
    }

    /// Idle connections shutdown at once, the others after the answer that they wait for, and
    /// whoever is still there after `limits::DRAIN_TIMEOUT` is cut off.
    async fn drain(self) {
        self.open.close();
        if time::timeout(limits::DRAIN_TIMEOUT, self.open.wait()).await.is_err() {
            tracing::warn!(connections = self.open.len(), "requests were still open at the end of the drain; they are cut off");
        }
        self.cut.cancel();
        self.open.wait().await;
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

/// Where connections come from.
struct Arrivals {
    socket: Arc<TcpListener>,
    inherited: Option<mpsc::Receiver<TcpStream>>,
}

struct Arrival {
    stream: TcpStream,
    peer: SocketAddr,
    inherited: bool,
}

impl Arrivals {
    async fn next(&mut self) -> Arrival {
        let socket = Arc::clone(&self.socket);
        tokio::select! {
            (stream, peer) = accept(&socket) => Arrival { stream, peer, inherited: false },
            arrival = self.inherited() => arrival,
        }
    }

    /// The next connection that is handed over; never, once the gateway before this one is gone.
    async fn inherited(&mut self) -> Arrival {
        while let Some(from) = &mut self.inherited {
            match from.recv().await {
                // Who has hung up meanwhile has no address.
                Some(stream) => {
                    if let Ok(peer) = stream.peer_addr() {
                        return Arrival { stream, peer, inherited: true };
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
            // The client went away while it waited. The next one is not to blame.
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => {
                // Said once, not twenty times a second.
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(%error, "connections cannot be accepted; trying again");
                }
                time::sleep(limits::ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
}

/// One connection, from its first request to its last.
async fn converse(socket: Connection, info: ConnectionInfo, routes: Router, shutdown: Shutdown, worker: &Worker) {
    let state = Arc::clone(&socket.state);
    let head_timer = HeadTimer::new(&state);
    let service = service_fn(|request| answer(routes.clone(), info.clone(), &state, worker, &shutdown, request));
    let mut connection = pin!(
        Builder::new()
            .timer(head_timer)
            .header_read_timeout(limits::IDLE_TIMEOUT)
            // The buffer's limit alone lets a head pass that came faster than it was looked at.
            .max_header_size(limits::HEADER_BYTES)
            .max_buf_size(limits::HEADER_BYTES)
            // Answers are small: put together they go out in one piece for less than what it costs to name the pieces.
            .writev(false)
            .serve_connection(TokioIo::new(socket), service)
    );
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.closing.heard() => match shutdown.successor.get() {
            Some(successor) => hand_over(connection, &state, successor).await,
            None => close(connection, &state).await,
        },
    };
    if let Some(stream) = state.left() {
        linger(stream).await;
    }
    // How a client leaves is its own business: it hangs up, dawdles or sends what is not HTTP.
    if let Err(error) = ended {
        tracing::debug!(peer = %info.peer, %error, "a connection ended before its time");
    }
}

/// Finishes what is begun. Who was let in only just now is heard once.
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

/// Hands the connection over as soon as no request is on it: between two polls hyper stands between two requests, and no byte has come
/// since the last answer. What comes from now on waits in the kernel for the other gateway.
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
        if ended.is_ready() || tried || !state.is_quiet() {
            return ended;
        }
        tried = true;
        state.keep_open(true);
        connection.as_mut().graceful_shutdown();
        let ended = connection.as_mut().poll(context);
        // An answer that goes on (a stream) ends by itself, and its connection with it.
        state.keep_open(ended.is_ready());
        ended
    })
    .await;
    if state.is_kept_open()
        && state.is_quiet()
        && let Some(stream) = state.left()
        && let Ok(stream) = stream.into_std()
    {
        // There is room for every connection.
        let _ = successor.try_send(stream);
    }
    ended
}

async fn answer(
    mut routes: Router,
    info: ConnectionInfo,
    state: &ConnectionState,
    worker: &Worker,
    shutdown: &Shutdown,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    state.asked();
    let in_chunks = request.headers().contains_key(header::TRANSFER_ENCODING);
    let two_lengths = state.takes_two_lengths() && in_chunks;
    request.extensions_mut().insert(ConnectionInfo { two_lengths, ..info });
    let mut response = routes.call(request).await?;
    // What follows a body in chunks is not believed to be a request: somebody in between may have counted otherwise.
    if in_chunks || shutdown.is_announced() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    state.answered(response.status());
    if response.extensions().get::<Overloaded>().is_some() {
        state.rest(worker.rest());
    }
    Ok(response)
}

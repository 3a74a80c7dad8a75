//! The accept loop: who connects gets the routes, and nobody holds a connection for nothing.
//!
//! It promises that a client which dawdles is closed: in the middle of a request's head after
//! `limits::HEADER_READ`, between two requests after `limits::IDLE`, and after `limits::IDLE`
//! in which it takes nothing of an answer. An answer that has no end may be quiet for as long as it likes. How long a body may take is not seen here; the layer
//! that reads it says so. It never ends because accepting failed, and when it has returned, no
//! connection is left. How it ends is told by a [`Leave`]: with a gateway that goes on in this one's place, every connection is handed
//! over at a moment when no request is on it; without one, it is closed after its next answer.
//!
//! `axum::serve` (0.8.9) installs no timer, so with it none of these limits exists.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use futures::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{self, Sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::limits;

/// Who is at the other end of the connection, in the extensions of every request. An IPv4 address
/// is one even when it came in on an IPv6 socket, so that it can be compared with a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Closes the connection that a request came in on, in the extensions of every request: for an answer that has no end, when its reader
/// does not keep up.
#[derive(Debug, Clone)]
pub struct HangUp(pub CancellationToken);

/// How a gateway leaves, step by step; its connections and its readiness look at it.
#[derive(Clone, Default)]
pub struct Leave {
    announced: Arc<AtomicBool>,
    heir: Arc<OnceLock<mpsc::Sender<std::net::TcpStream>>>,
    closing: CancellationToken,
}

impl Leave {
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
        self.closing.cancel();
    }

    /// The same, but the connections go to another gateway.
    pub fn bequeath(&self, heir: mpsc::Sender<std::net::TcpStream>) {
        let _ = self.heir.set(heir);
        self.closing.cancel();
    }
}

/// Serves `routes` to those who knock at `socket` and to the connections of the gateway before this one, until it is time to leave; then
/// lets open requests finish within `limits::DRAIN`.
///
/// Dropped before its end, it closes all connections as well.
pub async fn serve(socket: Arc<TcpListener>, inherited: Option<mpsc::Receiver<TcpStream>>, routes: Router, leave: Leave) {
    let closing = leave.closing.clone();
    let house = House::open(routes, leave);
    let mut arrivals = Arrivals { socket, inherited };
    closing.run_until_cancelled(house.accept_all(&mut arrivals)).await;
    house.accept_the_rest(arrivals);
    house.drain().await;
}

/// All open connections and what they share.
struct House {
    routes: Router,
    seats: Arc<Semaphore>,
    leave: Leave,
    open: TaskTracker,
    cut: CancellationToken,
}

impl House {
    fn open(routes: Router, leave: Leave) -> Self {
        Self {
            // Given its (empty) state here, once, and not for each request anew.
            routes: routes.with_state(()),
            seats: Arc::new(Semaphore::new(limits::CONNECTIONS)),
            leave,
            open: TaskTracker::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Lets people in, one seat each. With the house full it accepts nobody: they wait in the
    /// kernel's backlog, which is bounded as well.
    async fn accept_all(&self, arrivals: &mut Arrivals) {
        // A semaphore that nobody closes always has a permit in the end.
        while let Ok(seat) = Arc::clone(&self.seats).acquire_owned().await {
            self.seat(arrivals.next().await, seat);
        }
    }

    /// Whoever stands at the door when it closes is still let in. With another gateway on the same socket, they are left to it.
    fn accept_the_rest(&self, mut arrivals: Arrivals) {
        let has_heir = self.leave.heir.get().is_some();
        while let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() {
            let next = if has_heir { arrivals.inherited().now_or_never() } else { arrivals.next().now_or_never() };
            let Some(arrival) = next else { break };
            self.seat(arrival, seat);
        }
    }

    fn seat(&self, arrival: Arrival, seat: OwnedSemaphorePermit) {
        let Arrival { stream, peer, inherited } = arrival;
        // An answer is one small packet; waiting to fill it would only cost the phone time. If the
        // option cannot be set, the connection is gone already, and reading will say so.
        let _ = stream.set_nodelay(true);
        give_up_if_unacknowledged(&stream);
        let peer = Peer(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
        let cut = self.cut.child_token();
        let line = Line::new(stream, inherited);
        let connection = converse(line, peer, HangUp(cut.clone()), self.routes.clone(), self.leave.clone());
        self.open.spawn(async move {
            cut.run_until_cancelled(connection).await;
            drop(seat);
        });
    }

    /// Idle connections leave at once, the others after the answer that they wait for, and
    /// whoever is still there after `limits::DRAIN` is cut off.
    async fn drain(self) {
        self.open.close();
        if time::timeout(limits::DRAIN, self.open.wait()).await.is_err() {
            tracing::warn!(connections = self.open.len(), "requests were still open at the end of the drain; they are cut off");
        }
        self.cut.cancel();
        self.open.wait().await;
    }
}

impl Drop for House {
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
                time::sleep(limits::ACCEPT_BACK_OFF).await;
            }
        }
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
}

/// One connection, from its first request to its last.
async fn converse(line: Line, peer: Peer, hang_up: HangUp, routes: Router, leave: Leave) {
    let course = Arc::clone(&line.course);
    let patience = Patience { course: Arc::clone(&course) };
    let service = service_fn(|request| answer(routes.clone(), peer, hang_up.clone(), &course, &leave, request));
    let mut connection = pin!(
        Builder::new()
            .timer(patience)
            .header_read_timeout(limits::IDLE)
            // The buffer's limit alone lets a head pass that came faster than it was looked at.
            .max_header_size(limits::HEADER_BYTES)
            .max_buf_size(limits::HEADER_BYTES)
            .serve_connection(TokioIo::new(line), service)
    );
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = leave.closing.cancelled() => match leave.heir.get() {
            Some(heir) => hand_over(connection, &course, heir).await,
            None => close(connection, &course).await,
        },
    };
    // How a client leaves is its own business: it hangs up, dawdles or sends what is not HTTP.
    if let Err(error) = ended {
        tracing::debug!(peer = %peer.0, %error, "a connection ended before its time");
    }
}

/// Finishes what is begun. Who was let in only just now is heard once.
async fn close<S>(mut connection: Pin<&mut Connection<TokioIo<Line>, S>>, course: &Course) -> hyper::Result<()>
where
    S: HttpService<Incoming, ResBody = axum::body::Body, Error = Infallible>,
{
    if !course.was_answered()
        && let Ok(ended) = time::timeout(limits::LAST_WORD, &mut connection).await
    {
        return ended;
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// Hands the connection over as soon as no request is on it: between two polls hyper stands between two requests, and no byte has come
/// since the last answer. What comes from now on waits in the kernel for the other gateway.
async fn hand_over<S>(
    mut connection: Pin<&mut Connection<TokioIo<Line>, S>>,
    course: &Course,
    heir: &mpsc::Sender<std::net::TcpStream>,
) -> hyper::Result<()>
where
    S: HttpService<Incoming, ResBody = axum::body::Body, Error = Infallible>,
{
    let mut tried = false;
    let ended = poll_fn(|context| {
        let ended = connection.as_mut().poll(context);
        if ended.is_ready() || tried || !course.is_quiet() {
            return ended;
        }
        tried = true;
        course.keep_open.store(true, Ordering::Relaxed);
        connection.as_mut().graceful_shutdown();
        let ended = connection.as_mut().poll(context);
        // An answer that goes on (a stream) ends by itself, and its connection with it.
        course.keep_open.store(ended.is_ready(), Ordering::Relaxed);
        ended
    })
    .await;
    let left = course.left.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(stream) = left
        && let Ok(stream) = stream.into_std()
    {
        // There is room for every connection.
        let _ = heir.try_send(stream);
    }
    ended
}

/// A phone that has left the Wi-Fi says no goodbye. What is sent to it on a stream is too little to fill a buffer, so that nothing would
/// ever be stuck; but it is never acknowledged. Where the system does not know this limit, it has one of its own, of some minutes.
fn give_up_if_unacknowledged(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(limits::UNACKNOWLEDGED));
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

async fn answer(
    mut routes: Router,
    peer: Peer,
    hang_up: HangUp,
    course: &Course,
    leave: &Leave,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    course.asked();
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(hang_up);
    let mut response = routes.call(request).await?;
    if leave.is_announced() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    course.answered();
    Ok(response)
}

/// How far a connection has come, as its socket and its service see it. One task looks at it and changes it.
#[derive(Default)]
struct Course {
    /// Reads that brought something.
    reads: AtomicU64,
    /// The same at the moment of the last answer.
    reads_at_answer: AtomicU64,
    in_work: AtomicBool,
    /// Something is to be written and the other end does not take it.
    stuck: AtomicBool,
    /// When hyper shuts the socket down, it is left here instead.
    keep_open: AtomicBool,
    left: Mutex<Option<TcpStream>>,
}

impl Course {
    fn asked(&self) {
        self.in_work.store(true, Ordering::Relaxed);
    }

    fn answered(&self) {
        self.reads_at_answer.store(self.reads(), Ordering::Relaxed);
        self.in_work.store(false, Ordering::Relaxed);
    }

    fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    fn was_answered(&self) -> bool {
        self.reads_at_answer.load(Ordering::Relaxed) > 0
    }

    /// Everything that came has been answered, as far as the service and the socket know.
    fn is_quiet(&self) -> bool {
        let [in_work, stuck] = [&self.in_work, &self.stuck].map(|flag| flag.load(Ordering::Relaxed));
        !in_work && !stuck && self.reads() == self.reads_at_answer.load(Ordering::Relaxed)
    }
}

/// The timer that hyper asks how long it shall wait for a request's head.
///
/// hyper (1.12, `proto/h1/conn.rs`, `poll_read_head`) knows one limit for that: it starts as soon
/// as the answer before is sent, and covers the idle time between two requests as well as the
/// reading of the head. With 5 s it would close every phone that scans less often than that; with
/// 60 s a head could be sent that slowly. It asks for this one timer in no other place. So it is
/// given the long limit and waits on a [`Wait`], which knows from the socket when a head has begun
/// and is short from then on.
struct Patience {
    course: Arc<Course>,
}

impl hyper::rt::Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Wait::new(time::sleep(duration), &self.course))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Wait::new(time::sleep_until(deadline.into()), &self.course))
    }
}

/// Ends when a head has taken too long: `limits::HEADER_READ` after its first byte, or the time
/// that hyper asked for if that byte never comes.
struct Wait {
    end: Pin<Box<Sleep>>,
    course: Arc<Course>,
    /// How often something had come when the wait began; none once the head's own limit runs.
    silent_at: Option<u64>,
}

impl Wait {
    fn new(idle: Sleep, course: &Arc<Course>) -> Self {
        // Who connects has something to say: the first head's limit runs from the start.
        let (end, silent_at) = match course.reads() {
            0 => (time::sleep(limits::HEADER_READ), None),
            so_far => (idle, Some(so_far)),
        };
        Self { end: Box::pin(end), course: Arc::clone(course), silent_at }
    }
}

impl Future for Wait {
    type Output = ();

    /// hyper reads from the socket before each poll, in the same task, so the count is up to date.
    /// A byte of this head that came together with the request before it is not counted; that head
    /// then has the idle limit until its next byte, which is what its sender had anyway.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let reads = self.course.reads();
        if self.silent_at.is_some_and(|silent_at| silent_at != reads) {
            self.silent_at = None;
            self.end.set(time::sleep(limits::HEADER_READ));
        }
        self.end.as_mut().poll(context)
    }
}

impl hyper::rt::Sleep for Wait {}

/// The socket. It counts what it reads, and fails when the other end takes nothing for
/// `limits::IDLE`: a client that asks and never reads would stay for ever.
struct Line {
    /// None once it was left open for somebody else.
    stream: Option<TcpStream>,
    course: Arc<Course>,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl Line {
    /// A connection that was handed over has been heard before: it may be idle.
    fn new(stream: TcpStream, inherited: bool) -> Self {
        let course = Course::default();
        if inherited {
            course.reads.store(1, Ordering::Relaxed);
            course.answered();
        }
        Self { stream: Some(stream), course: Arc::new(course), stuck: None }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// Gives back what a write came to, unless nothing has gone out for too long.
    fn limited(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.stuck.take().is_some() {
                self.course.stuck.store(false, Ordering::Relaxed);
            }
            return written;
        }
        self.course.stuck.store(true, Ordering::Relaxed);
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(time::sleep(limits::IDLE)));
        ready!(stuck.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = self.stream()?.poll_read(context, into);
        if into.filled().len() != before {
            // Counted in reads, for all that is asked is whether there was one.
            self.course.reads.fetch_add(1, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write(context, bytes);
        self.limited(context, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write_vectored(context, slices);
        self.limited(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(TcpStream::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.course.keep_open.load(Ordering::Relaxed) && self.course.is_quiet() {
            *self.course.left.lock().unwrap_or_else(PoisonError::into_inner) = self.stream.take();
            return Poll::Ready(Ok(()));
        }
        self.stream()?.poll_shutdown(context)
    }
}

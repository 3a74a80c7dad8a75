//! The accept loop: who connects gets the routes, and nobody holds a connection for nothing.
//!
//! It promises that a client which dawdles is closed: in the middle of a request's head after
//! `limits::HEADER_READ`, between two requests after `limits::IDLE`, and after `limits::IDLE`
//! in which it takes nothing of an answer. An answer that has no end may be quiet for as long as it likes. How long a body may take is not seen here; the layer
//! that reads it says so. It never ends because accepting failed, and when it has returned, no
//! connection is left.
//!
//! `axum::serve` (0.8.9) installs no timer, so with it none of these limits exists.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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

/// Serves `routes` on `listener` until `stop` is cancelled, then drains: accepts nothing new, lets
/// open requests finish within `limits::DRAIN`, and closes.
///
/// Dropped before its end, it closes all connections as well.
pub async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) {
    let house = House::open(routes);
    stop.run_until_cancelled(house.accept_all(&listener)).await;
    // Closed, so that the next who knocks is refused at once and does not wait in the backlog.
    drop(listener);
    house.drain().await;
}

/// All open connections and what they share.
struct House {
    routes: Router,
    seats: Arc<Semaphore>,
    graceful: GracefulShutdown,
    open: TaskTracker,
    cut: CancellationToken,
}

impl House {
    fn open(routes: Router) -> Self {
        Self {
            // Given its (empty) state here, once, and not for each request anew.
            routes: routes.with_state(()),
            seats: Arc::new(Semaphore::new(limits::CONNECTIONS)),
            graceful: GracefulShutdown::new(),
            open: TaskTracker::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Lets people in, one seat each. With the house full it accepts nobody: they wait in the
    /// kernel's backlog, which is bounded as well.
    async fn accept_all(&self, listener: &TcpListener) {
        // A semaphore that nobody closes always has a permit in the end.
        while let Ok(seat) = Arc::clone(&self.seats).acquire_owned().await {
            let (stream, peer) = accept(listener).await;
            self.seat(stream, peer, seat);
        }
    }

    fn seat(&self, stream: TcpStream, peer: SocketAddr, seat: OwnedSemaphorePermit) {
        // An answer is one small packet; waiting to fill it would only cost the phone time. If the
        // option cannot be set, the connection is gone already, and reading will say so.
        let _ = stream.set_nodelay(true);
        give_up_if_unacknowledged(&stream);
        let peer = Peer(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
        let cut = self.cut.child_token();
        let connection = converse(stream, peer, HangUp(cut.clone()), self.routes.clone(), self.graceful.watcher());
        self.open.spawn(async move {
            cut.run_until_cancelled(connection).await;
            drop(seat);
        });
    }

    /// Idle connections close at once, the others after the answer that they wait for, and
    /// whoever is still there after `limits::DRAIN` is cut off.
    async fn drain(mut self) {
        let graceful = std::mem::take(&mut self.graceful);
        self.open.close();
        if time::timeout(limits::DRAIN, graceful.shutdown()).await.is_err() {
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
async fn converse(stream: TcpStream, peer: Peer, hang_up: HangUp, routes: Router, watcher: Watcher) {
    let line = Line::new(stream);
    let patience = Patience { heard: Arc::clone(&line.heard) };
    let service = service_fn(|request| answer(routes.clone(), peer, hang_up.clone(), request));
    let connection = Builder::new()
        .timer(patience)
        .header_read_timeout(limits::IDLE)
        // The buffer's limit alone lets a head pass that came faster than it was looked at.
        .max_header_size(limits::HEADER_BYTES)
        .max_buf_size(limits::HEADER_BYTES)
        .serve_connection(TokioIo::new(line), service);
    // How a client leaves is its own business: it hangs up, dawdles or sends what is not HTTP.
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(peer = %peer.0, %error, "a connection ended before its time");
    }
}

/// A phone that has left the Wi-Fi says no goodbye. What is sent to it on a stream is too little to fill a buffer, so that nothing would
/// ever be stuck; but it is never acknowledged. Where the system does not know this limit, it has one of its own, of some minutes.
fn give_up_if_unacknowledged(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(limits::UNACKNOWLEDGED));
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

async fn answer(mut routes: Router, peer: Peer, hang_up: HangUp, mut request: Request<Incoming>) -> Result<Response, Infallible> {
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(hang_up);
    routes.call(request).await
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
    heard: Arc<AtomicU64>,
}

impl hyper::rt::Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Wait::new(time::sleep(duration), &self.heard))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Wait::new(time::sleep_until(deadline.into()), &self.heard))
    }
}

/// Ends when a head has taken too long: `limits::HEADER_READ` after its first byte, or the time
/// that hyper asked for if that byte never comes.
struct Wait {
    end: Pin<Box<Sleep>>,
    heard: Arc<AtomicU64>,
    /// How many bytes had come when the wait began; none once the head's own limit runs.
    silent_at: Option<u64>,
}

impl Wait {
    fn new(idle: Sleep, heard: &Arc<AtomicU64>) -> Self {
        let so_far = heard.load(Ordering::Relaxed);
        // Who connects has something to say: the first head's limit runs from the start.
        let (end, silent_at) = match so_far {
            0 => (time::sleep(limits::HEADER_READ), None),
            _ => (idle, Some(so_far)),
        };
        Self { end: Box::pin(end), heard: Arc::clone(heard), silent_at }
    }
}

impl Future for Wait {
    type Output = ();

    /// hyper reads from the socket before each poll, in the same task, so the count is up to date.
    /// A byte of this head that came together with the request before it is not counted; that head
    /// then has the idle limit until its next byte, which is what its sender had anyway.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let heard = self.heard.load(Ordering::Relaxed);
        if self.silent_at.is_some_and(|silent_at| silent_at != heard) {
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
    stream: TcpStream,
    heard: Arc<AtomicU64>,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl Line {
    fn new(stream: TcpStream) -> Self {
        Self { stream, heard: Arc::default(), stuck: None }
    }

    /// Gives back what a write came to, unless nothing has gone out for too long.
    fn limited(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(time::sleep(limits::IDLE)));
        ready!(stuck.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if into.filled().len() != before {
            // Counted in reads, for all that is asked is whether there was one.
            self.heard.fetch_add(1, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.limited(context, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.limited(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

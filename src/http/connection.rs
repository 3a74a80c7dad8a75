//! One connection's socket and its state: whether a request is in progress, its time limits, and the replacement of hyper's own error
//! responses by problems.
//!
//! Why not `tokio-io-timeout`: its read timeout starts again with every byte, so a head could be sent one byte at a time, and it runs
//! while a stream is silent, which is allowed. Its write timeout would do, but it does not report that a write is blocked, and such a
//! connection must not be handed over. `tower-http`'s timeouts begin after the head: they limit the handler or a pause in the body only.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{self, Instant, Sleep};

use super::content_length::LengthHeaders;
use super::problem::Problem;
use crate::{clock, limits};

/// How far a connection has come, as its socket and its service see it. Only the connection's own task reads and writes it, so relaxed
/// ordering is enough.
#[derive(Default)]
pub(super) struct ConnectionState {
    /// Reads that returned at least one byte.
    reads: AtomicU64,
    /// The value of `reads` at the last response.
    reads_at_response: AtomicU64,
    in_progress: AtomicBool,
    /// Bytes are waiting to be written and the client does not read.
    write_blocked: AtomicBool,
    /// The next bytes that hyper writes begin a response of the service.
    response_pending: AtomicBool,
    /// Milliseconds until the next read.
    read_delay_millis: AtomicU64,
    /// The last response was an error: the client may still be sending a body that is not read.
    rejected: AtomicBool,
    /// The head in progress has both `Content-Length` and `Transfer-Encoding`.
    ambiguous_length: AtomicBool,
    /// When hyper shuts the socket down, it is put into `released` instead.
    release_on_shutdown: AtomicBool,
    released: Mutex<Option<TcpStream>>,
}

impl ConnectionState {
    /// The head of a request is complete.
    pub(super) fn request_started(&self) {
        self.in_progress.store(true, Ordering::Relaxed);
    }

    /// The response of the service is ready to be written.
    pub(super) fn response_ready(&self, status: StatusCode) {
        self.response_pending.store(true, Ordering::Relaxed);
        self.rejected.store(status.is_client_error() || status.is_server_error(), Ordering::Relaxed);
        self.mark_answered();
    }

    /// After a response that asks to retry later: read the next request only after this time. Otherwise a thousand clients that retry at
    /// once would use up the whole machine.
    pub(super) fn delay_next_read(&self, time: Duration) {
        self.read_delay_millis.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn mark_answered(&self) {
        self.reads_at_response.store(self.reads(), Ordering::Relaxed);
        self.in_progress.store(false, Ordering::Relaxed);
    }

    fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub(super) fn was_answered(&self) -> bool {
        self.reads_at_response.load(Ordering::Relaxed) > 0
    }

    /// Everything that was read has been answered, as far as the service and the socket know.
    pub(super) fn is_idle(&self) -> bool {
        let [in_progress, write_blocked] = [&self.in_progress, &self.write_blocked].map(|flag| flag.load(Ordering::Relaxed));
        !in_progress && !write_blocked && self.reads() == self.reads_at_response.load(Ordering::Relaxed)
    }

    /// Whether a head since the last call had both `Content-Length` and `Transfer-Encoding`.
    pub(super) fn take_ambiguous_length(&self) -> bool {
        self.ambiguous_length.swap(false, Ordering::Relaxed)
    }

    /// With `true`, the socket is not shut down when hyper has finished with it, but released, so that it can be handed over.
    pub(super) fn release_on_shutdown(&self, release: bool) {
        self.release_on_shutdown.store(release, Ordering::Relaxed);
    }

    pub(super) fn releases_on_shutdown(&self) -> bool {
        self.release_on_shutdown.load(Ordering::Relaxed)
    }

    /// The socket, if it was released.
    pub(super) fn take_released(&self) -> Option<TcpStream> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn release(&self, stream: Option<TcpStream>) {
        *self.released.lock().unwrap_or_else(PoisonError::into_inner) = stream;
    }
}

/// The timer that hyper uses for the time limit of a request's head.
///
/// hyper (1.12, `proto/h1/conn.rs`, `poll_read_head`) has one limit for that: it starts when the previous response is sent, and covers the
/// idle time between two requests as well as the reading of the head. With 5 s it would close every phone that scans less often than
/// that; with 60 s a head could be sent that slowly. hyper uses this timer for nothing else. So hyper gets the long limit, and waits on a
/// [`HeadTimeout`], which sees at the socket when a head has begun and applies the short limit from then on.
pub(super) struct HeadTimer {
    state: Arc<ConnectionState>,
    timer: Arc<Mutex<LazyTimer>>,
}

impl HeadTimer {
    pub(super) fn new(state: &Arc<ConnectionState>) -> Self {
        let timer = LazyTimer(Box::pin(time::sleep_until(clock::deadline(limits::HEADER_READ_TIMEOUT))));
        Self { state: Arc::clone(state), timer: Arc::new(Mutex::new(timer)) }
    }
}

impl hyper::rt::Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HeadTimeout::new(clock::deadline(duration), self))
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HeadTimeout::new(deadline.into(), self))
    }
}

/// A connection's one timer. Setting a timer takes a lock that all connections share, and every request has a new deadline. So the timer
/// is set again only when it must fire earlier; when it fires before the deadline, it is set to the deadline.
struct LazyTimer(Pin<Box<Sleep>>);

impl LazyTimer {
    fn poll(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let Self(timer) = self;
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(context).is_ready() {
            if clock::is_past(deadline) {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// Ends when a head has taken too long: `limits::HEADER_READ_TIMEOUT` after its first byte, or at hyper's own deadline if that byte never
/// comes.
struct HeadTimeout {
    deadline: Instant,
    state: Arc<ConnectionState>,
    timer: Arc<Mutex<LazyTimer>>,
    /// `ConnectionState::reads` when the wait began; none once the short limit runs.
    idle_since: Option<u64>,
}

impl HeadTimeout {
    fn new(idle: Instant, head_timer: &HeadTimer) -> Self {
        let HeadTimer { state, timer } = head_timer;
        // For the first head of a connection, the short limit runs from the start.
        let (deadline, idle_since) = match state.reads() {
            0 => (clock::deadline(limits::HEADER_READ_TIMEOUT), None),
            reads => (idle, Some(reads)),
        };
        Self { deadline, state: Arc::clone(state), timer: Arc::clone(timer), idle_since }
    }
}

impl Future for HeadTimeout {
    type Output = ();

    /// hyper reads from the socket before each poll, in the same task, so the count is up to date. A byte of this head that came in the
    /// same read as the previous request is not counted; that head then has the idle limit until its next byte, which its client could
    /// have used anyway.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let reads = self.state.reads();
        if self.idle_since.is_some_and(|idle_since| idle_since != reads) {
            self.idle_since = None;
            self.deadline = clock::deadline(limits::HEADER_READ_TIMEOUT);
        }
        self.timer.lock().unwrap_or_else(PoisonError::into_inner).poll(self.deadline, context)
    }
}

impl hyper::rt::Sleep for HeadTimeout {}

/// The socket. It counts its reads, and fails when the client reads nothing for `limits::IDLE_TIMEOUT`: otherwise a client that sends
/// requests and never reads would keep its connection for ever.
pub(super) struct Connection {
    /// None once it was released.
    stream: Option<TcpStream>,
    pub(super) state: Arc<ConnectionState>,
    write_timeout: Option<Pin<Box<Sleep>>>,
    /// Until it ends nothing more is read.
    read_delay: Option<Pin<Box<Sleep>>>,
    length_headers: LengthHeaders,
    /// The rest of a problem that is written in place of hyper's own error response.
    replacement: Bytes,
}

impl Connection {
    /// A connection that was handed over has sent a request before, so it may be idle.
    pub(super) fn new(stream: TcpStream, inherited: bool) -> Self {
        let state = ConnectionState::default();
        if inherited {
            state.reads.store(1, Ordering::Relaxed);
            state.mark_answered();
        }
        // A response is one small packet; waiting to fill it would only delay the client. If the option cannot be set, the connection is
        // closed already, and the next read reports that.
        let _ = stream.set_nodelay(true);
        limit_unacknowledged_time(&stream);
        Self {
            stream: Some(stream),
            state: Arc::new(state),
            write_timeout: None,
            read_delay: None,
            length_headers: LengthHeaders::default(),
            replacement: Bytes::new(),
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// If no response is pending, these bytes are hyper's own error response, which has a status and no body: replace them by a problem.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        if !bytes.starts_with(b"HTTP/1.1 ") || self.state.response_pending.swap(false, Ordering::Relaxed) {
            return false;
        }
        let status = bytes.get(9..12).and_then(|status| StatusCode::from_bytes(status).ok());
        let Some(problem) = status.and_then(Problem::from_hyper_status) else { return false };
        self.replacement = problem.to_closing_response();
        self.state.rejected.store(true, Ordering::Relaxed);
        true
    }

    fn flush_replacement(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.replacement.has_remaining() {
            let bytes = self.replacement.clone();
            let written = self.stream()?.poll_write(context, &bytes);
            let written = ready!(self.with_write_timeout(context, written))?;
            self.replacement.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Passes the result of a write on; fails instead if nothing could be written for `limits::IDLE_TIMEOUT`.
    fn with_write_timeout(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.write_timeout.take().is_some() {
                self.state.write_blocked.store(false, Ordering::Relaxed);
            }
            return written;
        }
        self.state.write_blocked.store(true, Ordering::Relaxed);
        let timeout = self.write_timeout.get_or_insert_with(|| Box::pin(time::sleep(limits::IDLE_TIMEOUT)));
        ready!(timeout.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let delay = self.state.read_delay_millis.swap(0, Ordering::Relaxed);
        if delay > 0 {
            self.read_delay = Some(Box::pin(time::sleep(Duration::from_millis(delay))));
        }
        if let Some(delay) = &mut self.read_delay {
            ready!(delay.as_mut().poll(context));
            self.read_delay = None;
        }
        let before = into.filled().len();
        let read = self.stream()?.poll_read(context, into);
        if let Some(bytes) = into.filled().get(before..).filter(|bytes| !bytes.is_empty()) {
            // Reads are counted and not bytes: it only matters whether there was one.
            self.state.reads.fetch_add(1, Ordering::Relaxed);
            if !self.state.in_progress.load(Ordering::Relaxed) && self.length_headers.ends_ambiguous(bytes) {
                self.state.ambiguous_length.store(true, Ordering::Relaxed);
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.replaces(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = self.stream()?.poll_write(context, bytes);
        self.with_write_timeout(context, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if slices.first().is_some_and(|bytes| self.replaces(bytes)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let written = self.stream()?.poll_write_vectored(context, slices);
        self.with_write_timeout(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(TcpStream::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.flush_replacement(context))?;
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.flush_replacement(context))?;
        if self.state.releases_on_shutdown() && self.state.is_idle() {
            let stream = self.stream.take();
            self.state.release(stream);
            return Poll::Ready(Ok(()));
        }
        ready!(self.stream()?.poll_shutdown(context))?;
        if self.state.rejected.load(Ordering::Relaxed) {
            let stream = self.stream.take();
            self.state.release(stream);
        }
        Poll::Ready(Ok(()))
    }
}

/// A phone that leaves the Wi-Fi does not close its connection. What a stream sends to it is too little to fill the socket buffer, so no
/// write would ever block; but it is never acknowledged. On systems without this option, the kernel's own limit of some minutes applies.
fn limit_unacknowledged_time(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(limits::UNACKNOWLEDGED_TIMEOUT));
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// Lets an error response arrive: closing a socket with unread bytes in it resets the connection, and the client may lose what was written
/// last. So this reads and discards bytes for a moment before it closes.
pub(super) async fn lingering_close(stream: TcpStream) {
    let mut discarded = 0;
    let mut unread = vec![0; limits::LINGER_READ_BYTES];
    let lingering = async {
        while discarded < limits::LINGER_BYTES {
            stream.readable().await?;
            match stream.try_read(&mut unread) {
                Ok(0) => break,
                Ok(read) => discarded += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    let _ = time::timeout(limits::LINGER_TIMEOUT, lingering).await;
}

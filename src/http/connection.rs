//! One connection's socket, and what is known of it: how far it has come, how long it may take, and what hyper says in our name.

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

use super::content_length::Lengths;
use super::problem::Problem;
use crate::{clock::Clock, limits};

/// How far a connection has come, as its socket and its service see it. One task looks at it and changes it.
#[derive(Default)]
pub(super) struct ConnectionState {
    /// Reads that brought something.
    reads: AtomicU64,
    /// The same at the moment of the last answer.
    reads_at_answer: AtomicU64,
    in_work: AtomicBool,
    /// Something is to be written and the other end does not take it.
    stuck: AtomicBool,
    /// An answer of ours is to be written next.
    due: AtomicBool,
    /// For how many milliseconds the next request is not heard.
    rest: AtomicU64,
    /// The last answer was a refusal: the other end may still be sending what nobody will read.
    refused: AtomicBool,
    /// A head on its way named two lengths of its body.
    two_lengths: AtomicBool,
    /// When hyper shuts the socket down, it is left here instead.
    keep_open: AtomicBool,
    left: Mutex<Option<TcpStream>>,
}

impl ConnectionState {
    /// A request's head has come.
    pub(super) fn asked(&self) {
        self.in_work.store(true, Ordering::Relaxed);
    }

    /// Its answer is ready to be written.
    pub(super) fn answered(&self, status: StatusCode) {
        self.due.store(true, Ordering::Relaxed);
        self.refused.store(status.is_client_error() || status.is_server_error(), Ordering::Relaxed);
        self.caught_up();
    }

    /// That answer asks to come again later. Who comes again at once is heard when there is time for it: a thousand callers that ask as fast
    /// as they are refused would have the whole machine for themselves.
    pub(super) fn rest(&self, time: Duration) {
        self.rest.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn caught_up(&self) {
        self.reads_at_answer.store(self.reads(), Ordering::Relaxed);
        self.in_work.store(false, Ordering::Relaxed);
    }

    fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Whether a request has been answered here.
    pub(super) fn was_answered(&self) -> bool {
        self.reads_at_answer.load(Ordering::Relaxed) > 0
    }

    /// Everything that came has been answered, as far as the service and the socket know.
    pub(super) fn is_quiet(&self) -> bool {
        let [in_work, stuck] = [&self.in_work, &self.stuck].map(|flag| flag.load(Ordering::Relaxed));
        !in_work && !stuck && self.reads() == self.reads_at_answer.load(Ordering::Relaxed)
    }

    /// Whether a head since the last time that this was asked named two lengths of its body.
    pub(super) fn takes_two_lengths(&self) -> bool {
        self.two_lengths.swap(false, Ordering::Relaxed)
    }

    /// From now on the socket is not shut down when hyper is done with it, but left to be handed over.
    pub(super) fn keep_open(&self, keep: bool) {
        self.keep_open.store(keep, Ordering::Relaxed);
    }

    pub(super) fn is_kept_open(&self) -> bool {
        self.keep_open.load(Ordering::Relaxed)
    }

    /// The socket, if it was left.
    pub(super) fn left(&self) -> Option<TcpStream> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn leave(&self, stream: Option<TcpStream>) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = stream;
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
pub(super) struct HeadTimer {
    state: Arc<ConnectionState>,
    alarm: Arc<Mutex<Alarm>>,
}

impl HeadTimer {
    pub(super) fn new(state: &Arc<ConnectionState>) -> Self {
        let alarm = Alarm(Box::pin(time::sleep_until(Clock.deadline(limits::HEADER_READ_TIMEOUT))));
        Self { state: Arc::clone(state), alarm: Arc::new(Mutex::new(alarm)) }
    }
}

impl hyper::rt::Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Wait::new(Clock.deadline(duration), self))
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Wait::new(deadline.into(), self))
    }
}

/// A connection's one timer. To set a timer costs a lock that all connections share, and every request brings a new limit: so it is set
/// only to go off earlier than it would, and when it goes off too early it is set anew.
struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    fn poll(&mut self, end: Instant, context: &mut Context<'_>) -> Poll<()> {
        let Self(timer) = self;
        if end < timer.deadline() {
            timer.as_mut().reset(end);
        }
        while timer.as_mut().poll(context).is_ready() {
            if Clock.is_past(end) {
                return Poll::Ready(());
            }
            timer.as_mut().reset(end);
        }
        Poll::Pending
    }
}

/// Ends when a head has taken too long: `limits::HEADER_READ_TIMEOUT` after its first byte, or the time
/// that hyper asked for if that byte never comes.
struct Wait {
    end: Instant,
    state: Arc<ConnectionState>,
    alarm: Arc<Mutex<Alarm>>,
    /// How often something had come when the wait began; none once the head's own limit runs.
    silent_at: Option<u64>,
}

impl Wait {
    fn new(idle: Instant, head_timer: &HeadTimer) -> Self {
        let HeadTimer { state, alarm } = head_timer;
        // Who connects has something to say: the first head's limit runs from the start.
        let (end, silent_at) = match state.reads() {
            0 => (Clock.deadline(limits::HEADER_READ_TIMEOUT), None),
            so_far => (idle, Some(so_far)),
        };
        Self { end, state: Arc::clone(state), alarm: Arc::clone(alarm), silent_at }
    }
}

impl Future for Wait {
    type Output = ();

    /// hyper reads from the socket before each poll, in the same task, so the count is up to date.
    /// A byte of this head that came together with the request before it is not counted; that head
    /// then has the idle limit until its next byte, which is what its sender had anyway.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let reads = self.state.reads();
        if self.silent_at.is_some_and(|silent_at| silent_at != reads) {
            self.silent_at = None;
            self.end = Clock.deadline(limits::HEADER_READ_TIMEOUT);
        }
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner).poll(self.end, context)
    }
}

impl hyper::rt::Sleep for Wait {}

/// The socket. It counts what it reads, and fails when the other end takes nothing for
/// `limits::IDLE_TIMEOUT`: a client that asks and never reads would stay for ever.
pub(super) struct Connection {
    /// None once it was left open for somebody else.
    stream: Option<TcpStream>,
    pub(super) state: Arc<ConnectionState>,
    stuck: Option<Pin<Box<Sleep>>>,
    /// Until then nothing more is read.
    rest: Option<Pin<Box<Sleep>>>,
    lengths: Lengths,
    /// What is written in the place of what hyper has said.
    instead: Bytes,
}

impl Connection {
    /// A connection that was handed over has been heard before: it may be idle.
    pub(super) fn new(stream: TcpStream, inherited: bool) -> Self {
        let state = ConnectionState::default();
        if inherited {
            state.reads.store(1, Ordering::Relaxed);
            state.caught_up();
        }
        // An answer is one small packet; waiting to fill it would only cost the phone time. If the option cannot be set, the connection is
        // gone already, and reading will say so.
        let _ = stream.set_nodelay(true);
        give_up_if_unacknowledged(&stream);
        Self { stream: Some(stream), state: Arc::new(state), stuck: None, rest: None, lengths: Lengths::default(), instead: Bytes::new() }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// hyper answers what is no HTTP by itself, and with nothing but a status. It is known by this: it begins an answer, and none of ours is
    /// due. A problem is written instead.
    fn speaks_for_us(&mut self, bytes: &[u8]) -> bool {
        if !bytes.starts_with(b"HTTP/1.1 ") || self.state.due.swap(false, Ordering::Relaxed) {
            return false;
        }
        let status = bytes.get(9..12).and_then(|status| StatusCode::from_bytes(status).ok());
        let Some(problem) = status.and_then(Problem::of_the_wire) else { return false };
        self.instead = problem.as_last_words();
        self.state.refused.store(true, Ordering::Relaxed);
        true
    }

    fn write_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.instead.has_remaining() {
            let words = self.instead.clone();
            let written = self.stream()?.poll_write(context, &words);
            let written = ready!(self.limited(context, written))?;
            self.instead.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Gives back what a write came to, unless nothing has gone out for too long.
    fn limited(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.stuck.take().is_some() {
                self.state.stuck.store(false, Ordering::Relaxed);
            }
            return written;
        }
        self.state.stuck.store(true, Ordering::Relaxed);
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(time::sleep(limits::IDLE_TIMEOUT)));
        ready!(stuck.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let rest = self.state.rest.swap(0, Ordering::Relaxed);
        if rest > 0 {
            self.rest = Some(Box::pin(time::sleep(Duration::from_millis(rest))));
        }
        if let Some(rest) = &mut self.rest {
            ready!(rest.as_mut().poll(context));
            self.rest = None;
        }
        let before = into.filled().len();
        let read = self.stream()?.poll_read(context, into);
        if let Some(news) = into.filled().get(before..).filter(|news| !news.is_empty()) {
            // Counted in reads, for all that is asked is whether there was one.
            self.state.reads.fetch_add(1, Ordering::Relaxed);
            if !self.state.in_work.load(Ordering::Relaxed) && self.lengths.are_two(news) {
                self.state.two_lengths.store(true, Ordering::Relaxed);
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.speaks_for_us(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = self.stream()?.poll_write(context, bytes);
        self.limited(context, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if slices.first().is_some_and(|bytes| self.speaks_for_us(bytes)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let written = self.stream()?.poll_write_vectored(context, slices);
        self.limited(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(TcpStream::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_instead(context))?;
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_instead(context))?;
        if self.state.keep_open.load(Ordering::Relaxed) && self.state.is_quiet() {
            let stream = self.stream.take();
            self.state.leave(stream);
            return Poll::Ready(Ok(()));
        }
        ready!(self.stream()?.poll_shutdown(context))?;
        if self.state.refused.load(Ordering::Relaxed) {
            let stream = self.stream.take();
            self.state.leave(stream);
        }
        Poll::Ready(Ok(()))
    }
}

/// A phone that has left the Wi-Fi says no goodbye. What is sent to it on a stream is too little to fill a buffer, so that nothing would
/// ever be stuck; but it is never acknowledged. Where the system does not know this limit, it has one of its own, of some minutes.
fn give_up_if_unacknowledged(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(limits::UNACKNOWLEDGED_TIMEOUT));
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// Lets a refusal arrive: a socket that is closed while something unread lies in it takes back what was written last. Reads on for a moment
/// and looks at nothing.
pub(super) async fn linger(stream: TcpStream) {
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

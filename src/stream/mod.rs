//! Streams instead of polling: terminals get at once what has changed for them.
//!
//! * [`subscribers`]: the open streams. Every organisation has a channel of its own, so what is sent on one is never received on another.
//! * [`change_feed`]: follows the log of changes in the ledger, and publishes what has changed.
//! * [`sampler`]: reads what is not in that log (stock, attendance) while there are subscribers, and publishes it when it differs.
//! * [`stream_session`]: one per stream. Has a record of what was sent ([`sent_state`]), and sends the rest; [`resume`] is how it begins.
//!
//! It promises that nothing is lost silently: what is sent is always read from the ledger after the change was published, a session that missed
//! a publication sends the whole state, and a client that returns with the id of its last message gets what has changed since. It depends on
//! the ledger alone, never on Redis. Nothing ever waits for a subscriber: one that reads too slowly is cut off, and may reconnect.

mod change_feed;
mod cursor;
mod message;
mod resume;
mod sampler;
mod sent_state;
mod stream_session;
mod subscribers;
mod subscription;

use std::sync::Arc;

use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use self::{cursor::Cursor, sampler::Counts, stream_session::StreamSession, subscribers::Subscribers};
pub use self::{
    message::{AttendanceView, Envelope, Left, StateView, StockView, StreamEvent},
    subscribers::{Figures, TooManyStreams},
    subscription::Subscription,
};
use crate::{
    authenticate::{Caller, last_use::LastUses},
    clock::Clock,
    ledger::{Ledger, LedgerError},
    limits,
};

/// Where streams are opened.
pub struct Streams {
    hub: Arc<Hub>,
    change_feed: JoinHandle<()>,
    samplers: [JoinHandle<()>; 2],
}

/// What the tasks of this hub share.
struct Hub {
    ledger: Ledger,
    ledger_id: Uuid,
    used: Arc<LastUses>,
    clock: Clock,
    subscribers: Arc<Subscribers>,
    counts: Counts,
    /// Limits the stream sessions that read the ledger at once: a change that concerns all of them must not take every connection to it.
    reads: Semaphore,
    closing: CancellationToken,
}

/// The messages to one terminal, in their order. Dropping it ends the stream.
pub struct EventStream {
    messages: mpsc::Receiver<Envelope>,
    _gone: DropGuard,
}

impl EventStream {
    /// The next message; none when the stream has ended.
    pub async fn next(&mut self) -> Option<Envelope> {
        self.messages.recv().await
    }
}

impl Streams {
    /// Begins to follow the ledger.
    pub async fn open(ledger: Ledger, used: Arc<LastUses>, clock: Clock) -> Result<Self, LedgerError> {
        let hub = Arc::new(Hub {
            ledger_id: ledger.id().await?,
            used,
            clock,
            subscribers: Arc::default(),
            counts: Counts::default(),
            reads: Semaphore::new(limits::STREAM_READS_MAX),
            closing: CancellationToken::new(),
            ledger,
        });
        // Before the first stream opens: every change that is committed after a stream has begun is received.
        let position = hub.ledger.position().await?;
        let change_feed = tokio::spawn(change_feed::follow(Arc::clone(&hub), position));
        let samplers = [tokio::spawn(sampler::watch_stock(Arc::clone(&hub))), tokio::spawn(sampler::watch_attendance(Arc::clone(&hub)))];
        Ok(Self { hub, change_feed, samplers })
    }

    /// Opens a stream. `last` is the id of the last message that the client received; an unknown id counts as none. `close_connection`
    /// closes the connection of a client that reads too slowly.
    pub fn listen(
        &self,
        caller: &Caller,
        subscription: Subscription,
        last: Option<&str>,
        close_connection: CancellationToken,
    ) -> Result<EventStream, TooManyStreams> {
        let authority = caller.authority();
        let (subscriber, published) = self.hub.subscribers.take(caller.organisation(), authority.session.id)?;
        let cursor = Cursor::new(self.hub.ledger_id, authority.session.id, &subscription);
        let since = last.and_then(|last| cursor.read(last));
        let (out, messages) = mpsc::channel(limits::STREAM_QUEUE_MAX);
        let gone = CancellationToken::new();
        let session = StreamSession::new(Arc::clone(&self.hub), subscriber, published, caller, subscription, cursor, out);
        tokio::spawn(session.run(since, gone.clone(), close_connection));
        Ok(EventStream { messages, _gone: gone.drop_guard() })
    }

    /// What is counted here.
    pub fn figures(&self) -> &Figures {
        self.hub.subscribers.figures()
    }

    /// Ends every stream, and opens no further one: the gateway stops.
    pub fn close(&self) {
        self.hub.subscribers.close();
        self.hub.closing.cancel();
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.close();
        self.change_feed.abort();
        self.samplers.iter().for_each(JoinHandle::abort);
    }
}

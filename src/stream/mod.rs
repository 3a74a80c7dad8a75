//! Streams instead of poll: tells terminals at once what has changed for them.
//!
//! * [`subscribers`]: who listens. Every organisation has a channel of its own, so what is said in one is never heard in another.
//! * [`crier`]: follows the log of changes in the ledger, and calls out what has changed.
//! * [`sampler`]: looks at what is no change (stock, attendance) while it is watched, and publishes it when it differs.
//! * [`teller`]: one per stream. Knows what its terminal was told ([`sent`]), and tells the rest; [`beginning`] is how it begins.
//!
//! It promises that nothing is missed in silence: what is told is always read from the ledger after the change was heard, who has missed
//! a call is told everything anew, and who comes back with the id of what they heard last is told what has changed since. It rests on
//! the ledger alone, never on Redis. And nothing ever waits for a subscriber: one that does not keep up is cut off, and may reconnect.

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
    crier: JoinHandle<()>,
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

/// What one terminal is told, in its order. Dropping it ends the stream.
pub struct EventStream {
    told: mpsc::Receiver<Envelope>,
    _gone: DropGuard,
}

impl EventStream {
    /// The next thing; none when there is no more to come.
    pub async fn next(&mut self) -> Option<Envelope> {
        self.told.recv().await
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
        // Before the first stream opens: whatever is committed after a stream has begun is heard.
        let position = hub.ledger.position().await?;
        let crier = tokio::spawn(change_feed::cry(Arc::clone(&hub), position));
        let samplers = [tokio::spawn(sampler::watch_stock(Arc::clone(&hub))), tokio::spawn(sampler::watch_attendance(Arc::clone(&hub)))];
        Ok(Self { hub, crier, samplers })
    }

    /// Opens a stream. `last` is the id of what the terminal heard last; one that means nothing here is as good as none. `hang_up` closes
    /// the connection of a terminal that does not keep up.
    pub fn listen(
        &self,
        caller: &Caller,
        subscription: Subscription,
        last: Option<&str>,
        hang_up: CancellationToken,
    ) -> Result<EventStream, TooManyStreams> {
        let authority = caller.authority();
        let (seat, news) = self.hub.subscribers.take(caller.organisation(), authority.session.id)?;
        let marker = Cursor::new(self.hub.ledger_id, authority.session.id, &subscription);
        let since = last.and_then(|last| marker.read(last));
        let (out, told) = mpsc::channel(limits::STREAM_QUEUE_MAX);
        let gone = CancellationToken::new();
        let teller = StreamSession::new(Arc::clone(&self.hub), seat, news, caller, subscription, marker, out);
        tokio::spawn(teller.tell(since, gone.clone(), hang_up));
        Ok(EventStream { told, _gone: gone.drop_guard() })
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
        self.crier.abort();
        self.samplers.iter().for_each(JoinHandle::abort);
    }
}

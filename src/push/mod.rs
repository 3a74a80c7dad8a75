//! Push instead of poll: tells terminals at once what has changed for them.
//!
//! * [`seats`]: who listens. Every organisation has a channel of its own, so what is said in one is never heard in another.
//! * [`crier`]: follows the log of changes in the book, and calls out what has changed.
//! * [`sampler`]: looks at what is no change (stock, attendance) while somebody watches it, and calls out when it differs.
//! * [`teller`]: one per stream. Knows what its terminal was told ([`watched`]), and tells the rest; [`beginning`] is how it begins.
//!
//! It promises that nothing is missed in silence: what is told is always read from the book after the change was heard, who has missed
//! a call is told everything anew, and who comes back with the id of what they heard last is told what has changed since. It rests on
//! the book alone, never on Redis. And nobody ever waits for a listener: who does not keep up is cut off, and may come back.

mod beginning;
mod crier;
mod place;
mod sampler;
mod seats;
mod tale;
mod teller;
mod watched;
mod wishes;

use std::sync::Arc;

use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use self::{place::Marker, sampler::Counts, seats::Seats, teller::Teller};
pub use self::{
    seats::{Figures, NoSeat},
    tale::{AttendanceView, Left, StateView, StockView, Tale, Told},
    wishes::Wishes,
};
use crate::{
    authenticate::{Caller, used::Used},
    clock::Clock,
    ledger::{Book, LedgerError},
    limits,
};

/// Where streams are opened.
pub struct Push {
    room: Arc<Room>,
    crier: JoinHandle<()>,
    samplers: [JoinHandle<()>; 2],
}

/// What the tasks of this room share.
struct Room {
    book: Book,
    book_id: Uuid,
    used: Arc<Used>,
    clock: Clock,
    seats: Arc<Seats>,
    counts: Counts,
    /// Places for tellers that read the book: a change that touches everybody must not take every connection to it.
    reads: Semaphore,
    closing: CancellationToken,
}

/// What one terminal is told, in its order. Dropping it ends the stream.
pub struct Listening {
    told: mpsc::Receiver<Told>,
    _gone: DropGuard,
}

impl Listening {
    /// The next thing; none when there is no more to come.
    pub async fn next(&mut self) -> Option<Told> {
        self.told.recv().await
    }
}

impl Push {
    /// Begins to follow the book.
    pub async fn open(book: Book, used: Arc<Used>, clock: Clock) -> Result<Self, LedgerError> {
        let room = Arc::new(Room {
            book_id: book.id().await?,
            used,
            clock,
            seats: Arc::default(),
            counts: Counts::default(),
            reads: Semaphore::new(limits::STREAM_READS),
            closing: CancellationToken::new(),
            book,
        });
        // Before the first stream opens: whatever is committed after a stream has begun is heard.
        let position = room.book.position().await?;
        let crier = tokio::spawn(crier::cry(Arc::clone(&room), position));
        let samplers = [tokio::spawn(sampler::watch_stock(Arc::clone(&room))), tokio::spawn(sampler::watch_attendance(Arc::clone(&room)))];
        Ok(Self { room, crier, samplers })
    }

    /// Opens a stream. `last` is the id of what the terminal heard last; one that means nothing here is as good as none. `hang_up` closes
    /// the connection of a terminal that does not keep up.
    pub fn listen(&self, caller: &Caller, wishes: Wishes, last: Option<&str>, hang_up: CancellationToken) -> Result<Listening, NoSeat> {
        let authority = caller.authority();
        let (seat, news) = self.room.seats.take(caller.organisation(), authority.session.id)?;
        let marker = Marker::new(self.room.book_id, authority.session.id, &wishes);
        let since = last.and_then(|last| marker.read(last));
        let (out, told) = mpsc::channel(limits::STREAM_QUEUE);
        let gone = CancellationToken::new();
        let teller = Teller::new(Arc::clone(&self.room), seat, news, caller, wishes, marker, out);
        tokio::spawn(teller.tell(since, gone.clone(), hang_up));
        Ok(Listening { told, _gone: gone.drop_guard() })
    }

    /// What is counted here.
    pub fn figures(&self) -> &Figures {
        self.room.seats.figures()
    }

    /// Ends every stream, and opens no further one: the gateway stops.
    pub fn close(&self) {
        self.room.seats.close();
        self.room.closing.cancel();
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        self.close();
        self.crier.abort();
        self.samplers.iter().for_each(JoinHandle::abort);
    }
}

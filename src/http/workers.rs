//! Workers: the threads that serve connections, one for each core, each with its own connections from their first byte to their last.
//!
//! The door path is short: what it costs to let another thread go on with a request is a good part of what the request costs. So a scan
//! is read, judged and answered on one thread, and leaves it only for the ledger. Whatever may keep a thread busy for longer (lists,
//! sign-ins, uploads, the warming of events) is done by the runtime that the gateway was started on, and nobody at a worker waits for it.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{clock::Clock, limits};

/// Threads that serve connections, until they are dropped.
pub struct Workers {
    open: Vec<Arc<Worker>>,
    next: AtomicUsize,
    _close: DropGuard,
}

impl Workers {
    /// Opens one for each core.
    pub fn open() -> io::Result<Self> {
        let close = CancellationToken::new();
        let count = thread::available_parallelism().map_or(1, usize::from);
        let open = (1..=count).map(|number| Worker::open(number, close.clone()).map(Arc::new)).collect::<io::Result<_>>()?;
        Ok(Self { open, next: AtomicUsize::new(0), _close: close.drop_guard() })
    }

    /// Where the next connection is served.
    pub fn next(&self) -> &Arc<Worker> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        #[expect(clippy::indexing_slicing, reason = "a remainder, and there is one at least")]
        &self.open[turn % self.open.len()]
    }
}

/// One of those threads.
pub struct Worker {
    handle: Handle,
    pulse: Mutex<Pulse>,
}

/// How busy a worker is.
struct Pulse {
    looked_at: Instant,
    /// Time that it had been busy until then, since it was opened.
    busy: Duration,
    /// It has hardly a moment to spare: it was busy, or waited for a core, for most of the time before.
    is_pressed: bool,
    /// While it is pressed: when there is time for the next of those who ask again.
    hears_again: Instant,
}

impl Worker {
    fn open(number: usize, close: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new().name(format!("turnstile-{number}")).spawn(move || runtime.block_on(close.cancelled()))?;
        let now = Clock.mark();
        Ok(Self { handle, pulse: Mutex::new(Pulse { looked_at: now, busy: Duration::ZERO, is_pressed: false, hears_again: now }) })
    }

    /// Serves a connection here.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Somebody is turned away: for how long they are not heard again. With time to spare, everybody is heard at once; without, those who
    /// come again stand in line for the few moments that this thread has for them.
    pub fn rest(&self) -> Duration {
        let now = Clock.mark();
        let mut pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(pulse.looked_at) >= limits::WORKER_CHECK_INTERVAL {
            pulse.look(now, self.handle.metrics().worker_total_busy_duration(0));
        }
        if pulse.is_pressed { pulse.rest(now) } else { Duration::ZERO }
    }
}

impl Pulse {
    fn look(&mut self, now: Instant, busy: Duration) {
        let since = now.saturating_duration_since(self.looked_at);
        self.is_pressed = busy.saturating_sub(self.busy) > since / 2;
        (self.looked_at, self.busy) = (now, busy);
    }

    fn rest(&mut self, now: Instant) -> Duration {
        let turn = self.hears_again.clamp(now, now + limits::OVERLOAD_DELAY_MAX);
        self.hears_again = turn + limits::OVERLOAD_EACH_DELAY;
        turn - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn who_is_turned_away_waits_only_where_there_is_no_time_and_never_for_long() {
        let begun = Clock.mark();
        let mut pulse = Pulse { looked_at: begun, busy: MILLI, is_pressed: false, hears_again: begun };
        pulse.look(begun + 100 * MILLI, 50 * MILLI);
        assert!(!pulse.is_pressed, "49 of 100");
        pulse.look(begun + 200 * MILLI, 101 * MILLI);
        assert!(pulse.is_pressed, "51 of 100");
        let now = begun + 200 * MILLI;
        assert_eq!(pulse.rest(now), Duration::ZERO);
        assert_eq!(pulse.rest(now), limits::OVERLOAD_EACH_DELAY);
        let last = std::iter::repeat_with(|| pulse.rest(now)).take(10_000).last();
        assert_eq!(last, Some(limits::OVERLOAD_DELAY_MAX));
        assert_eq!(pulse.rest(now + 2 * limits::OVERLOAD_DELAY_MAX), Duration::ZERO, "nobody has asked meanwhile");
    }
}

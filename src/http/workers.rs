//! Workers: the threads that serve connections, one for each core. A connection stays on its worker from its first byte to its last.
//!
//! A scan is short, and moving it to another thread would cost a good part of its whole cost. So it is read, decided and answered on one
//! thread, and leaves it only for the ledger. Longer work (lists, sign-ins, uploads, the warming of events) runs on the runtime that the
//! gateway was started on, so no connection of a worker waits for it.

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

use crate::{clock, limits};

/// Dropping it stops the threads.
pub struct Workers {
    open: Vec<Arc<Worker>>,
    next: AtomicUsize,
    _close: DropGuard,
}

impl Workers {
    /// Starts one worker for each core.
    pub fn open() -> io::Result<Self> {
        let close = CancellationToken::new();
        let count = thread::available_parallelism().map_or(1, usize::from);
        let open = (1..=count).map(|number| Worker::open(number, close.clone()).map(Arc::new)).collect::<io::Result<_>>()?;
        Ok(Self { open, next: AtomicUsize::new(0), _close: close.drop_guard() })
    }

    /// The worker for the next connection, in turn.
    pub fn next(&self) -> &Arc<Worker> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        #[expect(clippy::indexing_slicing, reason = "a remainder, and there is one at least")]
        &self.open[turn % self.open.len()]
    }
}

pub struct Worker {
    handle: Handle,
    load: Mutex<Load>,
}

/// How busy a worker is.
struct Load {
    sampled_at: Instant,
    /// Busy time from the worker's start to `sampled_at`.
    busy: Duration,
    /// In the last interval it was busy, or waited for a core, for more than half of the time.
    is_saturated: bool,
    /// While it is saturated: when the next rejected connection may be read again.
    next_retry_at: Instant,
}

impl Worker {
    fn open(number: usize, close: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new().name(format!("worker-{number}")).spawn(move || runtime.block_on(close.cancelled()))?;
        let now = clock::mark();
        Ok(Self { handle, load: Mutex::new(Load { sampled_at: now, busy: Duration::ZERO, is_saturated: false, next_retry_at: now }) })
    }

    /// Spawns tasks on this worker.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How long a connection whose request was rejected is not read. Zero while the worker has time to spare; while it is saturated, one
    /// rejected connection is read per [`limits::OVERLOAD_EACH_DELAY`].
    pub fn retry_delay(&self) -> Duration {
        let now = clock::mark();
        let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(load.sampled_at) >= limits::WORKER_CHECK_INTERVAL {
            load.sample(now, self.handle.metrics().worker_total_busy_duration(0));
        }
        if load.is_saturated { load.retry_delay(now) } else { Duration::ZERO }
    }
}

impl Load {
    fn sample(&mut self, now: Instant, busy: Duration) {
        let since = now.saturating_duration_since(self.sampled_at);
        self.is_saturated = busy.saturating_sub(self.busy) > since / 2;
        (self.sampled_at, self.busy) = (now, busy);
    }

    fn retry_delay(&mut self, now: Instant) -> Duration {
        let turn = self.next_retry_at.clamp(now, now + limits::OVERLOAD_DELAY_MAX);
        self.next_retry_at = turn + limits::OVERLOAD_EACH_DELAY;
        turn - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn a_rejected_connection_waits_only_on_a_saturated_worker_and_never_for_long() {
        let begun = clock::mark();
        let mut load = Load { sampled_at: begun, busy: MILLI, is_saturated: false, next_retry_at: begun };
        load.sample(begun + 100 * MILLI, 50 * MILLI);
        assert!(!load.is_saturated, "49 of 100");
        load.sample(begun + 200 * MILLI, 101 * MILLI);
        assert!(load.is_saturated, "51 of 100");
        let now = begun + 200 * MILLI;
        assert_eq!(load.retry_delay(now), Duration::ZERO);
        assert_eq!(load.retry_delay(now), limits::OVERLOAD_EACH_DELAY);
        let last = std::iter::repeat_with(|| load.retry_delay(now)).take(10_000).last();
        assert_eq!(last, Some(limits::OVERLOAD_DELAY_MAX));
        assert_eq!(load.retry_delay(now + 2 * limits::OVERLOAD_DELAY_MAX), Duration::ZERO, "no request came meanwhile");
    }
}

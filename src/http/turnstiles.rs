//! Turnstiles: the threads that serve connections, one for each core, each with its own connections from their first byte to their last.
//!
//! The door path is short: what it costs to let another thread go on with a request is a good part of what the request costs. So a scan
//! is read, judged and answered on one thread, and leaves it only for the book. Whatever may keep a thread busy for longer (lists,
//! sign-ins, uploads, the warming of events) is done by the runtime that the gateway was started on, and nobody at a turnstile waits for it.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Threads that serve connections, until they are dropped.
pub struct Turnstiles {
    open: Vec<Handle>,
    next: AtomicUsize,
    _close: DropGuard,
}

impl Turnstiles {
    /// Opens one for each core.
    pub fn open() -> io::Result<Self> {
        let close = CancellationToken::new();
        let count = thread::available_parallelism().map_or(1, usize::from);
        let open = (1..=count).map(|number| turnstile(number, close.clone())).collect::<io::Result<_>>()?;
        Ok(Self { open, next: AtomicUsize::new(0), _close: close.drop_guard() })
    }

    /// Where the next connection is served.
    pub fn next(&self) -> &Handle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        #[expect(clippy::indexing_slicing, reason = "a remainder, and there is one at least")]
        &self.open[turn % self.open.len()]
    }
}

fn turnstile(number: usize, close: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(format!("turnstile-{number}")).spawn(move || runtime.block_on(close.cancelled()))?;
    Ok(handle)
}

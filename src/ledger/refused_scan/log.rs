//! The log of refused scans: written down beside the ledger, by a task of its own, in batches.
//!
//! It promises nothing. The refused scan was answered long before. A full queue, a slow ledger or a lock lose rows, which are counted, and no
//! request waits for any of it.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::ledger::{Store, rows::RefusedScan};
use crate::limits;

/// The way into the log.
pub(in crate::ledger) struct Refusals {
    queue: mpsc::Sender<RefusedScan>,
    lost: Counter,
    stop: CancellationToken,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Refusals {
    /// Opens the log of this ledger. Its task ends with the last handle.
    pub fn open(store: Store) -> Arc<Self> {
        let (queue, refused) = mpsc::channel(limits::REFUSED_QUEUE_MAX);
        let (lost, stop) = (Counter::default(), CancellationToken::new());
        let writer = tokio::spawn(write(store, refused, lost.clone(), stop.clone()));
        Arc::new(Self { queue, lost, stop, writer: Mutex::new(Some(writer)) })
    }

    /// Hands a row over, or loses it; never waits.
    pub fn note(&self, refused: RefusedScan) {
        if self.queue.try_send(refused).is_err() {
            self.lost.inc();
        }
    }

    /// How many rows were lost.
    pub fn lost(&self) -> &Counter {
        &self.lost
    }

    /// Writes down what waits, but not for ever, and takes nothing more.
    pub async fn close(&self) {
        self.stop.cancel();
        if let Some(writer) = self.writer.lock().await.take()
            && timeout(limits::REFUSED_DRAIN_TIMEOUT, writer).await.is_err()
        {
            tracing::warn!("not all refused scans were written down before the end");
        }
    }
}

async fn write(store: Store, mut refused: mpsc::Receiver<RefusedScan>, lost: Counter, stop: CancellationToken) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = refused.recv_many(&mut batch, limits::REFUSED_BATCH_MAX) => if count == 0 { return },
            () = stop.cancelled(), if !refused.is_closed() => {
                refused.close();
                continue;
            }
        }
        if let Err(error) = store.log_refused(&batch).await {
            lost.inc_by(u64::try_from(batch.len()).unwrap_or(0));
            tracing::warn!(error = %error, count = batch.len(), "refused scans were not written down");
        }
        batch.clear();
        // Gathers what comes in meanwhile, and leaves the ledger to others.
        tokio::select! {
            () = sleep(limits::REFUSED_GATHER_DELAY) => {}
            () = stop.cancelled() => {}
        }
    }
}

//! Group commit: entries wait in a queue and are written together, in one statement, by a task that no request can cancel.
//!
//! There is one queue per key (an organisation, for what is written), so that a change that holds the lock of one organisation delays no
//! other. While a batch is being written the next one gathers: under load the batches grow, and without load an entry is written at once.
//! The queues are served on the runtime that opened the ledger: on a worker thread a finished batch would queue behind that thread's
//! requests. The outcomes of a batch go back to each worker's runtime in one task, because waking a thread is a system call and waking a
//! task is not.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::Arc,
};

use dashmap::DashMap;
use fail::fail_point;
use futures::{FutureExt, future::BoxFuture};
use tokio::{
    runtime::{Handle, Id},
    sync::{mpsc, oneshot},
    task::yield_now,
    time::{Instant, timeout, timeout_at},
};

use super::{Store, error::LedgerError};
use crate::{
    clock::{self, Clock, Moment},
    limits,
};

/// Something that is written in a batch.
pub trait Batched: Clone + Send + Sync + 'static {
    /// What becomes of it.
    type Outcome: Send + 'static;
    /// What is known of the batch so far.
    type InBatch: Default + Send;

    /// Whether it can be in the same batch as those before it; if so it is noted there.
    fn joins(&self, batch: &mut Self::InBatch) -> bool;
}

/// How the ledger writes a batch.
pub trait GroupWritten: Batched {
    /// Batches of different keys are written beside each other.
    type Key: Copy + Eq + Hash + Send + Sync + 'static;
    const BATCH_MAX: usize = limits::BATCH_MAX;
    /// Whether a batch is written again after a lost race or a lost connection. That is safe where the ledger knows entries by their ids.
    const IS_RETRIED: bool = true;

    fn key(&self) -> Self::Key;

    /// Writes a batch; one outcome per entry, in their order.
    fn write(
        store: &Store,
        key: Self::Key,
        at: Moment,
        batch: &[Self],
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, LedgerError>> + Send;
}

type Outcome<J> = Result<<J as Batched>::Outcome, LedgerError>;

/// The way back to the request that waits, and its runtime.
struct Reply<J: Batched> {
    to: oneshot::Sender<Outcome<J>>,
    runtime: Handle,
}

type Waiting<J> = (J, Reply<J>);
type Write<K, J> = dyn Fn(K, Arc<Vec<J>>) -> BoxFuture<'static, Result<Vec<<J as Batched>::Outcome>, LedgerError>> + Send + Sync;

/// The queues of one kind of entry.
pub struct GroupCommit<K, J: Batched> {
    queues: Arc<DashMap<K, mpsc::Sender<Waiting<J>>>>,
    write: Arc<Write<K, J>>,
    batch_max: usize,
    home: Handle,
}

impl<K, J: Batched> Clone for GroupCommit<K, J> {
    fn clone(&self) -> Self {
        Self { queues: Arc::clone(&self.queues), write: Arc::clone(&self.write), batch_max: self.batch_max, home: self.home.clone() }
    }
}

impl<J: GroupWritten> GroupCommit<J::Key, J> {
    /// Queues whose batches are written to this store.
    pub(super) fn open(store: &Store, clock: Clock) -> Self {
        let store = store.clone();
        Self::new(J::BATCH_MAX, move |key, batch: Arc<Vec<J>>| {
            let store = store.clone();
            async move { write_until_answered(&store, clock, key, &batch).await }.boxed()
        })
    }

    /// Hands a job over and waits for its outcome until the deadline. After the deadline the outcome is unknown.
    pub async fn commit(&self, job: J, deadline: Instant) -> Result<J::Outcome, LedgerError> {
        self.submit(job.key(), job, deadline).await
    }
}

/// Writes a batch again when the ledger lost a race or a connection, while the requests still wait for it.
async fn write_until_answered<J: GroupWritten>(
    store: &Store,
    clock: Clock,
    key: J::Key,
    batch: &[J],
) -> Result<Vec<J::Outcome>, LedgerError> {
    let until = clock::deadline(limits::ATTEMPT_TIMEOUT);
    let mut tries = 1;
    loop {
        match J::write(store, key, clock.now(), batch).await {
            Err(LedgerError::Unavailable | LedgerError::Moved)
                if J::IS_RETRIED && tries < limits::BATCH_TRIES_MAX && !clock::is_past(until) =>
            {
                tries += 1;
            }
            done => return done,
        }
    }
}

impl<K, J> GroupCommit<K, J>
where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    J: Batched,
{
    /// Queues whose batches of at most `batch_max` jobs are written by `write`, which returns one outcome per job, in their order. They are
    /// served on the runtime that this is called on.
    pub fn new(
        batch_max: usize,
        write: impl Fn(K, Arc<Vec<J>>) -> BoxFuture<'static, Result<Vec<J::Outcome>, LedgerError>> + Send + Sync + 'static,
    ) -> Self {
        Self { queues: Arc::default(), write: Arc::new(write), batch_max, home: Handle::current() }
    }

    /// Hands a job over and waits for its outcome until the deadline. After the deadline the outcome is unknown.
    pub async fn submit(&self, key: K, job: J, deadline: Instant) -> Result<J::Outcome, LedgerError> {
        let (to, outcome) = oneshot::channel();
        let mut waiting = (job, Reply { to, runtime: Handle::current() });
        loop {
            let queue = self.queue(key);
            match queue.try_send(waiting) {
                Ok(()) => break,
                Err(mpsc::error::TrySendError::Full(_)) => return Err(LedgerError::Busy),
                // The queue was idle and has just been closed: open another.
                Err(mpsc::error::TrySendError::Closed(back)) => waiting = back,
            }
            self.queues.remove_if(&key, |_, queue| queue.is_closed());
        }
        match timeout_at(deadline, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(LedgerError::Unavailable),
        }
    }

    fn queue(&self, key: K) -> mpsc::Sender<Waiting<J>> {
        self.queues
            .entry(key)
            .or_insert_with(|| {
                let (queue, jobs) = mpsc::channel(limits::COMMIT_QUEUE_MAX);
                self.home.spawn(serve(self.clone(), key, jobs));
                queue
            })
            .clone()
    }
}

/// Serves one queue until it has been idle for [`limits::IDLE_TIMEOUT`].
async fn serve<K, J>(commit: GroupCommit<K, J>, key: K, mut jobs: mpsc::Receiver<Waiting<J>>)
where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    J: Batched,
{
    let mut held_back = VecDeque::new();
    loop {
        if held_back.is_empty() {
            match timeout(limits::IDLE_TIMEOUT, jobs.recv()).await {
                Ok(Some(job)) => held_back.push_back(job),
                Ok(None) => return,
                Err(_) => {
                    // No job can be lost: what was sent before the close is still received.
                    jobs.close();
                    commit.queues.remove_if(&key, |_, queue| queue.is_closed());
                    continue;
                }
            }
        }
        // Jobs that are about to be sent join this batch: one turn of the thread costs an entry nothing, and a batch of one delays the next.
        yield_now().await;
        let (batch, replies) = gather(&mut held_back, &mut jobs, commit.batch_max);
        if batch.is_empty() {
            continue;
        }
        let batch = Arc::new(batch);
        fail_point!("before-commit", |_| std::process::abort());
        let done = (commit.write)(key, Arc::clone(&batch)).await;
        fail_point!("after-commit", |_| std::process::abort());
        match done {
            // One of them cannot be written, which must not fail the others: write each by itself.
            Err(LedgerError::Broken) if batch.len() > 1 => {
                for (job, reply) in batch.iter().zip(replies) {
                    answer::<J>(vec![reply], (commit.write)(key, Arc::new(vec![job.clone()])).await);
                }
            }
            done => answer::<J>(replies, done),
        }
    }
}

/// The next batch: jobs that were held back first, then those that wait. A job whose request has given up is left out: nothing is written.
fn gather<J: Batched>(
    held_back: &mut VecDeque<Waiting<J>>,
    jobs: &mut mpsc::Receiver<Waiting<J>>,
    batch_max: usize,
) -> (Vec<J>, Vec<Reply<J>>) {
    let mut in_batch = J::InBatch::default();
    let mut batch = Vec::new();
    let mut replies = Vec::new();
    let mut again = VecDeque::new();
    while batch.len() < batch_max && again.len() < batch_max {
        let Some((job, reply)) = held_back.pop_front().or_else(|| jobs.try_recv().ok()) else { break };
        if reply.to.is_closed() {
            continue;
        }
        if job.joins(&mut in_batch) {
            batch.push(job);
            replies.push(reply);
        } else {
            again.push_back((job, reply));
        }
    }
    again.append(held_back);
    *held_back = again;
    (batch, replies)
}

fn answer<J: Batched>(replies: Vec<Reply<J>>, done: Result<Vec<J::Outcome>, LedgerError>) {
    let each: Vec<Outcome<J>> = match done {
        Ok(done) => done.into_iter().map(Ok).collect(),
        Err(error) => replies.iter().map(|_| Err(error.clone())).collect(),
    };
    let mut by_runtime: HashMap<Id, (Handle, Vec<_>)> = HashMap::new();
    for (Reply { to, runtime }, outcome) in replies.into_iter().zip(each) {
        by_runtime.entry(runtime.id()).or_insert_with(|| (runtime, Vec::new())).1.push((to, outcome));
    }
    for (runtime, outcomes) in by_runtime.into_values() {
        runtime.spawn(async move {
            for (to, outcome) in outcomes {
                // A request that has given up finds its outcome later, by the id of its entry.
                let _ = to.send(outcome);
            }
        });
    }
}

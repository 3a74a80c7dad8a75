//! Group commit: entries wait in a lane and are written together, in one statement, by a task that no request can cancel.
//!
//! One lane per key (an organisation, for the committers), so that an organisation whose lock is held by a change holds up nobody else.
//! While a batch is being written the next one gathers: under load the batches grow, at rest an entry is written at once. GroupCommit are served
//! where the ledger was opened: at a turnstile a batch that is done would wait until everybody who stands there has been heard. What became
//! of a batch goes back to each turnstile in one piece, for to wake a thread is a call of the system, and to wake a task is none.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::Arc,
};

use dashmap::DashMap;
use fail::fail_point;
use futures::future::BoxFuture;
use tokio::{
    runtime::{Handle, Id},
    sync::{mpsc, oneshot},
    task::yield_now,
    time::{Instant, timeout, timeout_at},
};

use super::error::LedgerError;
use crate::limits;

/// Something that is written in a batch.
pub trait Job: Clone + Send + Sync + 'static {
    /// What becomes of it.
    type Done: Send + 'static;
    /// What is in the batch already, as far as it matters.
    type Seen: Default + Send;

    /// Whether it can stand in the same batch as those before it; if so it is noted there.
    fn joins(&self, seen: &mut Self::Seen) -> bool;
}

type Done<J> = Result<<J as Job>::Done, LedgerError>;

/// The way back to who waits, and the runtime that they wait on.
struct Reply<J: Job> {
    to: oneshot::Sender<Done<J>>,
    there: Handle,
}

type Waiting<J> = (J, Reply<J>);
type Write<K, J> = dyn Fn(K, Arc<Vec<J>>) -> BoxFuture<'static, Result<Vec<<J as Job>::Done>, LedgerError>> + Send + Sync;

/// The lanes of one kind of entry.
pub struct GroupCommit<K, J: Job> {
    open: Arc<DashMap<K, mpsc::Sender<Waiting<J>>>>,
    write: Arc<Write<K, J>>,
    batch: usize,
    home: Handle,
}

impl<K, J: Job> Clone for GroupCommit<K, J> {
    fn clone(&self) -> Self {
        Self { open: Arc::clone(&self.open), write: Arc::clone(&self.write), batch: self.batch, home: self.home.clone() }
    }
}

impl<K, J> GroupCommit<K, J>
where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    J: Job,
{
    /// GroupCommit whose batches of at most `batch` entries are written by `write`, which answers one result per entry, in their order. They are
    /// served on the runtime that this is called on.
    pub fn new(
        batch: usize,
        write: impl Fn(K, Arc<Vec<J>>) -> BoxFuture<'static, Result<Vec<J::Done>, LedgerError>> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Arc::default(), write: Arc::new(write), batch, home: Handle::current() }
    }

    /// Hands an entry over and waits for what becomes of it, until the deadline. After the deadline that is unknown.
    pub async fn submit(&self, key: K, job: J, deadline: Instant) -> Result<J::Done, LedgerError> {
        let (to, answer) = oneshot::channel();
        let mut waiting = (job, Reply { to, there: Handle::current() });
        loop {
            let lane = self.lane(key);
            match lane.try_send(waiting) {
                Ok(()) => break,
                Err(mpsc::error::TrySendError::Full(_)) => return Err(LedgerError::Busy),
                // The lane had been idle and closed just now: open another.
                Err(mpsc::error::TrySendError::Closed(back)) => waiting = back,
            }
            self.open.remove_if(&key, |_, lane| lane.is_closed());
        }
        match timeout_at(deadline, answer).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) | Err(_) => Err(LedgerError::Unavailable),
        }
    }

    fn lane(&self, key: K) -> mpsc::Sender<Waiting<J>> {
        self.open
            .entry(key)
            .or_insert_with(|| {
                let (lane, entries) = mpsc::channel(limits::COMMIT_QUEUE_MAX);
                self.home.spawn(serve(self.clone(), key, entries));
                lane
            })
            .clone()
    }
}

/// Serves one lane until it has been idle for a while.
async fn serve<K, J>(lanes: GroupCommit<K, J>, key: K, mut entries: mpsc::Receiver<Waiting<J>>)
where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    J: Job,
{
    let mut held_back = VecDeque::new();
    loop {
        if held_back.is_empty() {
            match timeout(limits::IDLE_TIMEOUT, entries.recv()).await {
                Ok(Some(entry)) => held_back.push_back(entry),
                Ok(None) => return,
                Err(_) => {
                    // No entry can be lost: what was sent before the close is still received.
                    entries.close();
                    lanes.open.remove_if(&key, |_, lane| lane.is_closed());
                    continue;
                }
            }
        }
        // Whoever stands at the door already comes along: one turn of the thread costs an entry nothing, and a batch of one costs the next.
        yield_now().await;
        let (jobs, replies) = gather(&mut held_back, &mut entries, lanes.batch);
        if jobs.is_empty() {
            continue;
        }
        let jobs = Arc::new(jobs);
        fail_point!("before-commit", |_| std::process::abort());
        let done = (lanes.write)(key, Arc::clone(&jobs)).await;
        fail_point!("after-commit", |_| std::process::abort());
        match done {
            // One of them cannot be written, and it is not the others' fault: each by itself.
            Err(LedgerError::Broken) if jobs.len() > 1 => {
                for (job, reply) in jobs.iter().zip(replies) {
                    answer::<J>(vec![reply], (lanes.write)(key, Arc::new(vec![job.clone()])).await);
                }
            }
            done => answer::<J>(replies, done),
        }
    }
}

/// The next batch: those held back first, then those that wait. Who has given up waiting is left out: nothing is written for them.
fn gather<J: Job>(held_back: &mut VecDeque<Waiting<J>>, entries: &mut mpsc::Receiver<Waiting<J>>, batch: usize) -> (Vec<J>, Vec<Reply<J>>) {
    let mut seen = J::Seen::default();
    let mut jobs = Vec::new();
    let mut replies = Vec::new();
    let mut again = VecDeque::new();
    while jobs.len() < batch && again.len() < batch {
        let Some((job, reply)) = held_back.pop_front().or_else(|| entries.try_recv().ok()) else { break };
        if reply.to.is_closed() {
            continue;
        }
        if job.joins(&mut seen) {
            jobs.push(job);
            replies.push(reply);
        } else {
            again.push_back((job, reply));
        }
    }
    again.append(held_back);
    *held_back = again;
    (jobs, replies)
}

fn answer<J: Job>(replies: Vec<Reply<J>>, done: Result<Vec<J::Done>, LedgerError>) {
    let each: Vec<Done<J>> = match done {
        Ok(done) => done.into_iter().map(Ok).collect(),
        Err(error) => replies.iter().map(|_| Err(error.clone())).collect(),
    };
    let mut home: HashMap<Id, (Handle, Vec<_>)> = HashMap::new();
    for (Reply { to, there }, done) in replies.into_iter().zip(each) {
        home.entry(there.id()).or_insert_with(|| (there, Vec::new())).1.push((to, done));
    }
    for (there, answers) in home.into_values() {
        there.spawn(async move {
            for (to, done) in answers {
                // Who has given up waiting finds the answer by its id.
                let _ = to.send(done);
            }
        });
    }
}

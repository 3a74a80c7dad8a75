//! When sessions were last used: kept in memory, and written to the ledger now and then, for the idle limit and for "last seen".
//!
//! It is no part of what a decision rests on: a lost note ends no session before its idle time.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::{sync::mpsc, task::JoinHandle, time::sleep};

use crate::{
    clock::{Clock, Moment},
    ids::{DeviceId, SessionId},
    ledger::{Ledger, Note, rows::Authority},
    limits,
};

type Use = (SessionId, Option<DeviceId>);

/// When a session was last used, and when that was last handed on to the ledger, in milliseconds since 1970: there is one per session.
#[derive(Clone, Copy)]
struct LastUse {
    used: i64,
    written: i64,
}

/// Notes uses.
pub struct LastUses {
    noted: DashMap<SessionId, LastUse>,
    queue: mpsc::Sender<Use>,
    writer: JoinHandle<()>,
}

impl Drop for LastUses {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

impl LastUses {
    /// Notes uses for this ledger.
    pub fn new(ledger: Ledger, clock: Clock) -> Arc<Self> {
        let (queue, uses) = mpsc::channel(limits::LAST_USE_QUEUE_MAX);
        Arc::new(Self { noted: DashMap::new(), queue, writer: tokio::spawn(write(ledger, clock, uses)) })
    }

    /// When this gateway last noted a use of the session.
    pub fn last(&self, session: SessionId) -> Option<Moment> {
        self.noted.get(&session).and_then(|last| Moment::from_timestamp_millis(last.used))
    }

    /// The session has begun: that is a use of its device, and the only one should nothing come after it.
    pub fn begun(&self, session: SessionId, device: Option<DeviceId>) {
        let _ = self.queue.try_send((session, device));
    }

    /// The session is in use. Full queues lose the note to the ledger: a later use makes another.
    pub fn note(&self, authority: &Authority, now: Moment) {
        let session = &authority.session;
        let every = (session.idle_seconds * 250).min(limits::SEEN_SECONDS * 1_000);
        let (now, seen_at) = (now.timestamp_millis(), session.seen_at.timestamp_millis());
        let mut last = match self.noted.get_mut(&session.id) {
            Some(last) => last,
            None => {
                if self.noted.len() >= limits::HOT_SESSIONS_MAX {
                    self.noted.clear();
                }
                self.noted.entry(session.id).or_insert(LastUse { used: now, written: seen_at })
            }
        };
        last.used = now;
        if now >= last.written.max(seen_at) + every {
            last.written = now;
            let _ = self.queue.try_send((session.id, session.device_id));
        }
    }
}

async fn write(ledger: Ledger, clock: Clock, mut uses: mpsc::Receiver<Use>) {
    let mut batch = Vec::new();
    while uses.recv_many(&mut batch, limits::LAST_USE_BATCH_MAX).await > 0 {
        let (sessions, devices): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let devices: Vec<_> = devices.into_iter().flatten().collect();
        if let Err(error) = ledger.note(Note::Used(&sessions, &devices, clock.now())).await {
            tracing::warn!(error = %error, "the last use of sessions was not noted");
        }
        // Gathers what comes in meanwhile.
        sleep(limits::LAST_USE_GATHER_DELAY).await;
    }
}

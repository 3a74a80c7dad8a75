//! The ledger: the truth, and what it promises. All SQL is here.
//!
//! * What is written is written once, whole, and is on disk before it is answered.
//! * It is written only if every version that it was decided on is still the same, compared under the organisation's lock.
//! * What has been recorded is never altered.
//!
//! Requests own no connection: entries of the door path are queued for a group committer ([`group_commit`]) that writes them in batches, and
//! everything else borrows a connection for a single statement or a short read ([`lease`]).

mod attendance;
pub mod change;
mod change_log;
pub mod check_in;
mod db;
mod device;
pub mod entry;
mod error;
mod event;
mod follower;
pub mod group_commit;
pub mod guestlist;
pub mod hold;
pub mod kinds;
mod lease;
pub mod look;
mod member;
mod note;
mod page;
mod postgres;
mod refused_scan;
pub mod rows;
pub mod sale;
pub mod scan;
mod session;
mod signing_key;
mod sqlite;
mod ticket;
mod upload;
pub mod void;

use std::{sync::Arc, time::Duration};

use dashmap::DashMap;
use prometheus_client::metrics::counter::Counter;
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
    time::Instant,
};
use uuid::Uuid;

use self::{
    change::{Change, Ending, Rotation, Storable},
    check_in::{CheckInEntry, CheckedIn},
    db::Reader,
    entry::Outcome,
    group_commit::GroupCommit,
    guestlist::GuestChange,
    hold::{HoldEntry, HoldRefused, ReleaseEntry},
    look::{AttendanceCount, Look, RefusalCheck, Seen},
    postgres::Postgres,
    refused_scan::log::Refusals,
    rows::{Attendance, RefusedScan},
    sale::{SaleEntry, SaleRecorded, SoldOut},
    scan::{ScanEntry, ScanRecorded},
    sqlite::Sqlite,
    void::{VoidEntry, VoidOutcome},
};
pub use self::{
    change_log::{ChangeLog, SIGNING_KEYS},
    error::{LedgerError, Name},
    note::Note,
    page::Page,
    postgres::functions,
    session::SessionFilter,
    sqlite::InUse,
    upload::{Carried, CarryOver, CarryOverEntry, KnownTicket, UploadChunk, UploadCount, UploadTicket},
};
use crate::{
    clock::{self, Clock},
    config::Database,
    ids::{EventId, OrganisationId},
    limits,
};

pub enum Store {
    Postgres(Arc<Postgres>),
    Sqlite(Arc<Sqlite>),
}

impl Clone for Store {
    fn clone(&self) -> Self {
        match self {
            Self::Postgres(ledger) => Self::Postgres(Arc::clone(ledger)),
            Self::Sqlite(ledger) => Self::Sqlite(Arc::clone(ledger)),
        }
    }
}

impl Store {
    /// The clock of the ledger.
    fn clock(&self) -> Clock {
        match self {
            Self::Postgres(ledger) => ledger.clock,
            Self::Sqlite(_) => Clock::of_this_machine(),
        }
    }

    /// Writes refused scans down.
    async fn log_refused(&self, batch: &[RefusedScan]) -> Result<(), LedgerError> {
        match self {
            Store::Postgres(ledger) => ledger.log_refused(batch).await,
            Store::Sqlite(ledger) => ledger.log_refused(batch).await,
        }
    }
}

/// The ledger, with the group committers that write to it.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
    log: Arc<ChangeLog>,
    scans: GroupCommit<OrganisationId, ScanEntry>,
    sales: GroupCommit<OrganisationId, SaleEntry>,
    holds: GroupCommit<OrganisationId, HoldEntry>,
    check_ins: GroupCommit<OrganisationId, CheckInEntry>,
    looks: GroupCommit<(), Look>,
    refusal_checks: GroupCommit<(), RefusalCheck>,
    counts: GroupCommit<(OrganisationId, EventId), AttendanceCount>,
    clock: Clock,
    refusals: Arc<Refusals>,
    turns: Arc<DashMap<OrganisationId, Arc<Mutex<()>>>>,
    /// Wakes the sampler of the stock when this gateway has written something that changes the stock.
    stock: Arc<watch::Sender<()>>,
    /// Held so that it ends with the last handle.
    _follower: Option<Arc<Follower>>,
}

/// The task that follows the log; it ends with the last handle on the ledger.
struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Ledger {
    /// Opens the ledger and brings it up to date. A ledger that gateways share has a clock of its own, by which they go.
    pub async fn open(database: &Database, connections: usize) -> anyhow::Result<Self> {
        let clock = match database {
            Database::Postgres(_) => Clock::of_a_ledger(),
            Database::Sqlite(_) => Clock::of_this_machine(),
        };
        let store = match database {
            Database::Postgres(url) => Store::Postgres(Arc::new(Postgres::open(url.expose(), connections, clock).await?)),
            Database::Sqlite(path) => Store::Sqlite(Arc::new(Sqlite::open(path, connections).await?)),
        };
        let position = change_log::position_on(&mut store.reader(limits::LEDGER_CALL_TIMEOUT).await?).await?;
        let log = Arc::new(ChangeLog::new(position, matches!(store, Store::Sqlite(_))));
        let follower = match &store {
            Store::Postgres(ledger) => {
                let task = tokio::spawn(follower::follow(Arc::clone(ledger), Arc::clone(&log)));
                Some(Arc::new(Follower(task)))
            }
            Store::Sqlite(_) => None,
        };
        Ok(Self {
            scans: GroupCommit::open(&store, clock),
            sales: GroupCommit::open(&store, clock),
            holds: GroupCommit::open(&store, clock),
            check_ins: GroupCommit::open(&store, clock),
            looks: GroupCommit::open(&store, clock),
            refusal_checks: GroupCommit::open(&store, clock),
            counts: GroupCommit::open(&store, clock),
            clock,
            refusals: Refusals::open(store.clone()),
            turns: Arc::default(),
            stock: Arc::default(),
            store,
            log,
            _follower: follower,
        })
    }

    /// The clock that all work on this ledger uses.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Wakes whenever this gateway may have changed the stock of an event. What another gateway sells is found only by reading the ledger.
    pub fn stock_moved(&self) -> watch::Receiver<()> {
        self.stock.subscribe()
    }

    /// The log of changes, as this gateway has followed it.
    pub fn log(&self) -> &Arc<ChangeLog> {
        &self.log
    }

    /// Writes a movement. Returns when it is on disk, or was not written.
    pub async fn commit_scan(&self, entry: ScanEntry, deadline: Instant) -> Result<Outcome<ScanRecorded>, LedgerError> {
        self.scans.commit(entry, deadline).await
    }

    /// Writes a sale. Returns when it is on disk, or was not written.
    pub async fn commit_sale(&self, entry: SaleEntry, deadline: Instant) -> Result<Outcome<SaleRecorded, SoldOut>, LedgerError> {
        let sold = self.sales.commit(entry, deadline).await;
        self.stock.send_replace(());
        sold
    }

    /// Keeps stock. Returns when that is on disk, or was not written.
    pub async fn commit_hold(&self, entry: HoldEntry, deadline: Instant) -> Result<Outcome<(), HoldRefused>, LedgerError> {
        let held = self.holds.commit(entry, deadline).await;
        self.stock.send_replace(());
        held
    }

    /// Writes a check-in, or one taken back. Returns when it is on disk, or was not written.
    pub async fn commit_check_in(&self, entry: CheckInEntry, deadline: Instant) -> Result<Outcome<CheckedIn>, LedgerError> {
        self.check_ins.commit(entry, deadline).await
    }

    /// Gives a hold's stock back, if the hold is neither used nor released.
    pub async fn release_hold(&self, entry: &ReleaseEntry) -> Result<Outcome<()>, LedgerError> {
        let now = self.clock.now();
        let released = match &self.store {
            Store::Postgres(ledger) => ledger.release_hold(now, entry).await,
            Store::Sqlite(ledger) => ledger.release_hold(now, entry).await,
        };
        self.stock.send_replace(());
        released
    }

    /// Voids a sale, and notes here at once that the event's tickets have changed.
    pub async fn commit_void(&self, entry: &VoidEntry) -> Result<VoidOutcome, LedgerError> {
        let now = self.clock.now();
        let (outcome, number) = match &self.store {
            Store::Postgres(ledger) => ledger.commit_void(now, entry).await,
            Store::Sqlite(ledger) => ledger.commit_void(now, entry).await,
        }?;
        if number > 0 {
            self.log.note(number, &[entry.decided_on().event.0.0]);
        }
        Ok(outcome)
    }

    /// Takes a fresh look.
    pub async fn look(&self, look: Look, deadline: Instant) -> Result<Box<Seen>, LedgerError> {
        self.looks.commit(look, deadline).await
    }

    /// Asks the ledger to confirm a refusal: the position of the change log at which it does.
    pub async fn confirm(&self, check: RefusalCheck, deadline: Instant) -> Result<Option<i64>, LedgerError> {
        self.refusal_checks.commit(check, deadline).await
    }

    /// How many came to an event of this organisation, and how many are inside, counted after this call began. A gateway counts an event
    /// once at a time: calls that come during a count share the next one.
    pub async fn attendance(&self, organisation: OrganisationId, event: EventId) -> Result<Attendance, LedgerError> {
        let deadline = clock::deadline(limits::LEDGER_BULK_TIMEOUT);
        self.counts.commit(AttendanceCount { organisation, event }, deadline).await
    }

    /// Makes a change: `attempt` reads what it rests on and says what is to be written, and is asked again when that has moved.
    /// Changes of one organisation are made one after the other here, so that they only ever race with another gateway's.
    pub async fn change<C, T, E, F, Fut>(&self, organisation: OrganisationId, mut attempt: F) -> Result<T, E>
    where
        C: Storable,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<(C, T), E>>,
        E: From<LedgerError>,
    {
        let turn = Arc::clone(&self.turns.entry(organisation).or_default());
        let Ok(_turn) = tokio::time::timeout(limits::LEDGER_BULK_TIMEOUT, turn.lock()).await else { return Err(LedgerError::Busy.into()) };
        for _ in 0..limits::CHANGE_TRIES_MAX {
            let (change, answer) = attempt().await?;
            match change.store_in(self).await {
                Ok(()) => return Ok(answer),
                Err(LedgerError::Moved) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(LedgerError::Busy.into())
    }

    /// Stores a change, and notes here at once what it altered: this gateway trusts no older copy from now on.
    pub async fn store(&self, change: &Change) -> Result<(), LedgerError> {
        let number = match &self.store {
            Store::Postgres(ledger) => ledger.store(change).await,
            Store::Sqlite(ledger) => ledger.store(change).await,
        }?;
        if number > 0 {
            self.log.note(number, &change.altered());
        }
        Ok(())
    }

    /// Ends open sessions, all or none. Answers how many.
    pub async fn end_sessions(&self, ending: &Ending) -> Result<usize, LedgerError> {
        let (ended, number) = match &self.store {
            Store::Postgres(ledger) => ledger.end_sessions(ending).await,
            Store::Sqlite(ledger) => ledger.end_sessions(ending).await,
        }?;
        if number > 0 {
            self.log.note(number, &ended);
        }
        Ok(ended.len())
    }

    /// Puts a new signing key in the place of the active one.
    pub async fn rotate_keys(&self, rotation: &Rotation<'_>) -> Result<(), LedgerError> {
        let number = match &self.store {
            Store::Postgres(ledger) => ledger.rotate_keys(rotation).await,
            Store::Sqlite(ledger) => ledger.rotate_keys(rotation).await,
        }?;
        self.log.note(number, &[SIGNING_KEYS]);
        Ok(())
    }

    /// Stores a chunk of an upload.
    pub async fn store_tickets(&self, chunk: &UploadChunk<'_>) -> Result<UploadCount, LedgerError> {
        let count = match &self.store {
            Store::Postgres(ledger) => ledger.store_tickets(chunk).await,
            Store::Sqlite(ledger) => ledger.store_tickets(chunk).await,
        }?;
        self.stock.send_replace(());
        if count.seq > 0 {
            self.log.note(count.seq, &[chunk.carried.event.0]);
        }
        Ok(count)
    }

    /// Carries earlier check-ins over. Returns how many movements were written.
    pub async fn carry_over(&self, entry: &CarryOverEntry) -> Result<u64, LedgerError> {
        match &self.store {
            Store::Postgres(ledger) => ledger.carry_over(entry).await,
            Store::Sqlite(ledger) => ledger.carry_over(entry).await,
        }
    }

    /// Stores a change of guest lists, whole or not at all.
    pub async fn store_guests(&self, change: &GuestChange) -> Result<(), LedgerError> {
        match &self.store {
            Store::Postgres(ledger) => ledger.store_guests(change).await,
            Store::Sqlite(ledger) => ledger.store_guests(change).await,
        }
    }

    /// A connection for one read, which takes so long at the most, the wait for the connection included.
    async fn reader(&self, limit: Duration) -> Result<Reader, LedgerError> {
        self.store.reader(limit).await
    }

    /// The ledger's own id: names its keys in Redis.
    pub async fn id(&self) -> Result<Uuid, LedgerError> {
        self.reader(limits::LEDGER_CALL_TIMEOUT).await?.value("select id from book", &[]).await
    }

    /// Whether the ledger answers.
    pub async fn is_reachable(&self) -> bool {
        self.position().await.is_ok()
    }

    /// Writes a refused scan down, if there is time for it; never waits.
    pub fn note_refused(&self, refused: RefusedScan) {
        self.refusals.note(refused);
    }

    /// How many refused scans were not written down.
    pub fn refused_lost(&self) -> &Counter {
        self.refusals.lost()
    }

    /// Closes the ledger in order: what waits for the log of refused scans is written down first.
    pub async fn close(&self) {
        self.refusals.close().await;
        if let Store::Sqlite(ledger) = &self.store {
            ledger.close().await;
        }
    }
}

//! The ledger: the truth, and what it promises. All SQL is here.
//!
//! * What is written is written once, whole, and is on disk before it is answered.
//! * It is written only while every version that it rests on still stands, looked at under the organisation's lock.
//! * What has been recorded is never altered.
//!
//! Requests own no connection: entries of the door path are handed to lanes ([`lane`]) that write them in batches, and everything else
//! borrows a connection for a single statement or a short read ([`lease`]).

mod both;
pub mod change;
mod change_log;
pub mod check_in;
pub mod entry;
mod error;
mod follower;
pub mod group_commit;
pub mod guestlist;
pub mod hold;
pub mod kinds;
mod lease;
pub mod look;
mod postgres;
mod refused_scan;
pub mod rows;
pub mod sale;
pub mod scan;
mod sold;
mod sqlite;
mod upload;
pub mod void;

use std::sync::Arc;

use dashmap::DashMap;
use prometheus_client::metrics::counter::Counter;
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
    time::Instant,
};
use uuid::Uuid;

pub use self::{
    both::{Note, Page, SessionFilter},
    change_log::{ChangeLog, SIGNING_KEYS},
    error::{LedgerError, Name},
    sqlite::InUse,
    upload::{Carried, CarryOver, CarryOverEntry, KnownTicket, UploadChunk, UploadCount, UploadTicket},
};
use self::{
    change::{Change, Ending, Rotation, Storable},
    check_in::{CheckInEntry, CheckedIn},
    entry::Outcome,
    group_commit::GroupCommit,
    guestlist::{CheckInLook, CheckInSeen, GuestChange, GuestSearch, ListedGuest, ListedGuestList, RecordedCheckIn},
    hold::{HoldEntry, HoldRefused, ReleaseEntry},
    kinds::Role,
    look::{AttendanceCount, Look, RefusalCheck, Seen},
    postgres::Postgres,
    refused_scan::log::Refusals,
    rows::{
        Altered, Attendance, Authority, Device, EventFacts, ListedRefusal, ListedSale, Membership, Organisation, QuarterSum, RecordedHold,
        RecordedSale, RefusalFilter, RefusedScan, SaleFilter, SaleSum, SigningKey, Ticket, TypeSum, User, Void,
    },
    sale::{SaleEntry, SaleRecorded, SoldOut},
    scan::{ScanEntry, ScanRecorded},
    sqlite::Sqlite,
    void::{VoidEntry, VoidOutcome},
};
use crate::{
    clock::Clock,
    config::Database,
    ids::{
        DeviceId, EventId, GuestId, GuestListId, HoldId, MembershipId, Named, OrganisationId, SaleId, ScanId, SessionId, UserId, VoidId,
    },
    limits,
};

/// The connection that a ledger's statements run on.
trait Connected {
    type Connection;
    /// Begins a transaction that only reads, and sees the ledger as it was at one moment.
    const SNAPSHOT: &'static str;
}

impl Connected for Postgres {
    type Connection = sqlx::PgConnection;
    const SNAPSHOT: &'static str = "begin isolation level repeatable read read only";
}

impl Connected for Sqlite {
    type Connection = sqlx::SqliteConnection;
    const SNAPSHOT: &'static str = "begin";
}

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

/// The same call on whichever ledger this is.
macro_rules! on {
    ($store:expr, $ledger:ident => $call:expr) => {
        match $store {
            Store::Postgres($ledger) => $call,
            Store::Sqlite($ledger) => $call,
        }
    };
}

impl Store {
    /// Writes refused scans down.
    async fn log_refused(&self, batch: &[RefusedScan]) -> Result<(), LedgerError> {
        on!(self, ledger => ledger.log_refused(batch).await)
    }
}

/// The ledger, with the lanes that write to it.
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
    /// Wakes who watches the stock when this gateway has written something that it rests on.
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
            Database::Sqlite(_) => Clock,
        };
        let store = match database {
            Database::Postgres(url) => Store::Postgres(Arc::new(Postgres::open(url.expose(), connections, clock).await?)),
            Database::Sqlite(path) => Store::Sqlite(Arc::new(Sqlite::open(path, connections).await?)),
        };
        let position = on!(&store, ledger => ledger.position().await)?;
        let log = Arc::new(ChangeLog::new(clock, position, matches!(store, Store::Sqlite(_))));
        let follower = match &store {
            Store::Postgres(ledger) => {
                let task = tokio::spawn(follower::follow(Arc::clone(ledger), Arc::clone(&log), clock));
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

    /// The clock by which whoever works on this ledger goes.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Wakes whenever this gateway may have moved the stock of an event. What another one sells, only the ledger tells.
    pub fn stock_stirred(&self) -> watch::Receiver<()> {
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
        let released = on!(&self.store, ledger => ledger.release_hold(now, entry).await);
        self.stock.send_replace(());
        released
    }

    /// Voids a sale, and notes here at once that the event's tickets have changed.
    pub async fn commit_void(&self, entry: &VoidEntry) -> Result<VoidOutcome, LedgerError> {
        let now = self.clock.now();
        let (outcome, number) = on!(&self.store, ledger => ledger.commit_void(now, entry).await)?;
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
        let deadline = self.clock.deadline(limits::LEDGER_BULK_TIMEOUT);
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
        let number = on!(&self.store, ledger => ledger.store(change).await)?;
        if number > 0 {
            self.log.note(number, &change.altered());
        }
        Ok(())
    }

    /// Ends open sessions, all or none. Answers how many.
    pub async fn end_sessions(&self, ending: &Ending) -> Result<usize, LedgerError> {
        let (ended, number) = on!(&self.store, ledger => ledger.end_sessions(ending).await)?;
        if number > 0 {
            self.log.note(number, &ended);
        }
        Ok(ended.len())
    }

    /// Puts a new signing key in the place of the active one.
    pub async fn rotate_keys(&self, rotation: &Rotation<'_>) -> Result<(), LedgerError> {
        let number = on!(&self.store, ledger => ledger.rotate_keys(rotation).await)?;
        self.log.note(number, &[SIGNING_KEYS]);
        Ok(())
    }

    /// Stores a chunk of an upload.
    pub async fn store_tickets(&self, chunk: &UploadChunk<'_>) -> Result<UploadCount, LedgerError> {
        let count = on!(&self.store, ledger => ledger.store_tickets(chunk).await)?;
        self.stock.send_replace(());
        if count.seq > 0 {
            self.log.note(count.seq, &[chunk.carried.event.0]);
        }
        Ok(count)
    }

    /// Whether the ledger answers.
    pub async fn is_reachable(&self) -> bool {
        on!(&self.store, ledger => ledger.position().await).is_ok()
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

/// Calls whose answer tells what live holds keep now.
macro_rules! pass_on_now {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Ledger {$(
            $(#[$doc])*
            pub async fn $name(&self, $($arg: $type),*) -> Result<$answer, LedgerError> {
                let now = self.clock.now();
                on!(&self.store, ledger => ledger.$name($($arg,)* now).await)
            }
        )*}
    };
}

pass_on_now! {
    /// An event with its ticket types, of whichever organisation.
    event(id: EventId) -> Option<EventFacts>;
    /// The events of an organisation.
    events(organisation: OrganisationId, page: Page) -> Vec<EventFacts>;
    /// Those of these ids that are an event's.
    events_among(ids: &[Uuid]) -> Vec<EventFacts>;
    /// These events.
    events_by_id(ids: Vec<EventId>) -> Vec<EventFacts>;
}

/// Calls that both ledgers answer alike.
macro_rules! pass_on {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Ledger {$(
            $(#[$doc])*
            pub async fn $name(&self, $($arg: $type),*) -> Result<$answer, LedgerError> {
                on!(&self.store, ledger => ledger.$name($($arg),*).await)
            }
        )*}
    };
}

pass_on! {
    /// The ledger's own id.
    id() -> Uuid;
    /// The number of the last change.
    position() -> i64;
    /// Changes after this position, oldest first, of every organisation; so many at once as [`limits::CHANGES_AT_ONCE_MAX`] says.
    changes_after(position: i64) -> Vec<Altered>;
    /// The oldest change that the log still holds.
    oldest_change() -> Option<i64>;
    /// Writes a note.
    note(note: Note<'_>) -> ();
    /// Every signing key, retired ones included.
    signing_keys() -> Vec<SigningKey>;
    /// The organisation with this slug.
    organisation_by_slug(slug: &str) -> Option<Organisation>;
    /// The organisation with this id.
    organisation(id: OrganisationId) -> Option<Organisation>;
    /// A session with its member and device.
    authority(session: SessionId) -> Option<Authority>;
    /// The member that signs in by this name, and the person behind it.
    member_by_username(organisation: OrganisationId, username_key: &str) -> Option<(Membership, User)>;
    /// A member, whatever its status but removed.
    member(organisation: OrganisationId, user: UserId) -> Option<(Membership, User)>;
    /// The members of an organisation.
    members(organisation: OrganisationId, role: Option<Role>, needle: &str, page: Page) -> Vec<(Membership, User)>;
    /// How many active Organisation Admins there are.
    active_administrators(organisation: OrganisationId) -> i64;
    /// The sessions of this member or on this device that have not ended.
    open_sessions(member: Option<MembershipId>, device: Option<DeviceId>) -> Vec<Authority>;
    /// The sessions of an organisation that pass the filter, oldest first.
    sessions(organisation: OrganisationId, filter: SessionFilter, page: Page) -> Vec<Authority>;
    /// A device, of whichever organisation.
    device(id: DeviceId) -> Option<Device>;
    /// The device whose enrolment code hashes to this.
    device_by_enrolment(hash: &str) -> Option<Device>;
    /// The names of an organisation's devices that begin with this one.
    device_names(organisation: OrganisationId, begin: &str) -> Vec<String>;
    /// The devices of an organisation.
    devices(organisation: OrganisationId, page: Page) -> Vec<Device>;
    /// The live events of an organisation, newest first.
    live_events(organisation: OrganisationId, most: u32) -> Vec<EventId>;
    /// The id and name of an event.
    event_named(id: EventId) -> Option<Named>;
    /// A page of an event's tickets, in the order of their codes.
    tickets(event: EventId, after: &str) -> Vec<Ticket>;
    /// An event's tickets that have changed since an older version of it.
    tickets_changed(event: EventId, since: i64) -> Vec<Ticket>;
    /// Every ticket of an event, and whether it was ever scanned.
    tickets_with_use(event: EventId) -> Vec<(Ticket, bool)>;
    /// Where a scan of the session's organisation was made: the event, and the ticket's code.
    scanned(session: SessionId, scan: ScanId) -> Option<(EventId, String)>;
    /// The tickets of an event that have one of these codes.
    tickets_by_code(event: EventId, codes: &[&str]) -> Vec<KnownTicket>;
    /// Carries earlier check-ins over. Answers how many movements were written.
    carry_over(entry: &CarryOverEntry) -> u64;
    /// Refused scans of an event of this organisation, newest first.
    refused_scans(organisation: OrganisationId, event: EventId, filter: &RefusalFilter, page: Page) -> Vec<ListedRefusal>;
    /// A sale of this organisation.
    sale(organisation: OrganisationId, id: SaleId) -> Option<RecordedSale>;
    /// Stores a change of guest lists, whole or not at all.
    store_guests(change: &GuestChange) -> ();
    /// Takes a fresh look for a check-in.
    check_in_look(look: CheckInLook) -> CheckInSeen;
    /// The guest lists of an event.
    guest_lists(event: EventId, page: Page) -> Vec<ListedGuestList>;
    /// A guest list of this organisation.
    guest_list(organisation: OrganisationId, id: GuestListId) -> Option<ListedGuestList>;
    /// How many guest lists and how many guests an event has.
    guest_census(event: EventId) -> (i64, i64);
    /// The guests that are searched for, in the order of their names.
    guests(organisation: OrganisationId, event: EventId, search: &GuestSearch, page: Page) -> Vec<ListedGuest>;
    /// A guest of this organisation.
    guest(organisation: OrganisationId, id: GuestId) -> Option<ListedGuest>;
    /// Those of these guests that there are.
    guests_by_id(organisation: OrganisationId, ids: &[GuestId]) -> Vec<ListedGuest>;
    /// All that happened to a party.
    check_ins(organisation: OrganisationId, guest: GuestId) -> Vec<RecordedCheckIn>;
    /// A hold of this organisation.
    hold(organisation: OrganisationId, id: HoldId) -> Option<RecordedHold>;
    /// Sales of this organisation, newest first.
    sales(organisation: OrganisationId, filter: &SaleFilter, page: Page) -> Vec<ListedSale>;
    /// The sums of these sales, by currency and kind of payment.
    sale_sums(organisation: OrganisationId, filter: &SaleFilter) -> Vec<SaleSum>;
    /// What was sold of each type of an event.
    sums_by_type(event: EventId) -> Vec<TypeSum>;
    /// What was sold in each quarter of an hour for an event, oldest first.
    sums_by_quarter(event: EventId) -> Vec<QuarterSum>;
    /// A void of this organisation.
    void(organisation: OrganisationId, id: VoidId) -> Option<Void>;
}

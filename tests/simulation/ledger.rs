//! The ledger as a model: what Postgres does with the functions of `src/ledger/*/postgres.sql`, statement by statement.
//!
//! A statement sees what was committed when it began (read committed). The organisation's lock, the row locks and the unique indexes are
//! waits; the flush of a commit takes time; and between any two of these steps anybody else may come. The ledger can crash at any of them:
//! what is not on disk is gone, and so are its locks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use stagedoor::clock::Moment;
use stagedoor::ids::{DeviceId, EventId, MembershipId, OrganisationId, SaleId, ScanId, SessionId, TicketId, TicketTypeId};
use stagedoor::ledger::LedgerError;
use stagedoor::ledger::change::{Change, Guard};
use stagedoor::ledger::entry::{DecidedOn, Outcome};
use stagedoor::ledger::kinds::{Direction, SessionKind};
use stagedoor::ledger::look::{Look, Seen};
use stagedoor::ledger::rows::{Altered, Authority, Device, EventFacts, Membership, Movement, OrganisationNames, Session, Ticket, Version};
use stagedoor::ledger::sale::{SaleEntry, SaleRecorded, SoldOut};
use stagedoor::ledger::scan::{ScanEntry, ScanRecorded};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard, RwLock};
use uuid::Uuid;

use super::mailbox::{Handler, Mailbox, Message};
use super::world::{Bug, World};

pub const ORGANISATION: OrganisationId = OrganisationId(Uuid::from_u128(1));
pub const EVENT: EventId = EventId(Uuid::from_u128(2));
pub const SEAT: TicketTypeId = TicketTypeId(Uuid::from_u128(3));

/// The row that counts receipts.
const RECEIPTS: Uuid = Uuid::from_u128(4);

/// When the doors open.
pub fn doors() -> Moment {
    "2026-11-22T19:30:00.000Z".parse().unwrap()
}

/// A movement in the ledger.
#[derive(Clone, Debug)]
pub struct ScanRow {
    pub id: ScanId,
    pub ticket: TicketId,
    pub seq: i32,
    pub used: i32,
    pub inside: i32,
    pub device: DeviceId,
    pub fingerprint: String,
    pub at: Moment,
}

/// A sale in the ledger.
#[derive(Clone, Debug)]
pub struct SaleRow {
    pub id: SaleId,
    pub receipt: i64,
    pub lines: Vec<(TicketTypeId, i32)>,
    pub device: DeviceId,
    pub fingerprint: String,
}

/// All that the ledger holds.
#[derive(Clone, Debug)]
pub struct Rows {
    pub sessions: BTreeMap<SessionId, Session>,
    pub memberships: BTreeMap<MembershipId, Membership>,
    pub devices: BTreeMap<DeviceId, Device>,
    pub event: EventFacts,
    pub tickets: BTreeMap<String, Ticket>,
    pub scans: Vec<ScanRow>,
    pub sales: Vec<SaleRow>,
    pub changes: Vec<Altered>,
}

impl Rows {
    /// The number of the last change.
    pub fn position(&self) -> i64 {
        self.changes.last().map_or(0, |change| change.seq)
    }

    pub fn authority(&self, session: SessionId) -> Option<Authority> {
        let session = self.sessions.get(&session)?.clone();
        Some(Authority {
            membership: self.memberships.get(&session.membership_id)?.clone(),
            device: session.device_id.and_then(|device| self.devices.get(&device).cloned()),
            user_name: "Somebody".to_owned(),
            organisation: Arc::new(OrganisationNames { slug: "arena".to_owned(), name: "Arena".to_owned() }),
            session,
        })
    }

    fn last(&self, ticket: TicketId) -> Option<&ScanRow> {
        self.scans.iter().filter(|scan| scan.ticket == ticket).max_by_key(|scan| scan.seq)
    }

    /// Whether all that an entry was decided on is still the same; `skipped` is the version that is not compared.
    fn stands(&self, decided_on: &DecidedOn, skipped: Option<usize>) -> bool {
        let same = [
            self.sessions.get(&decided_on.session.0).is_some_and(|row| row.version == decided_on.session.1),
            self.memberships.get(&decided_on.membership.0).is_some_and(|row| row.version == decided_on.membership.1),
            decided_on.device.is_some_and(|(id, version)| self.devices.get(&id).is_some_and(|row| row.version == version)),
            self.event.event.id == decided_on.event.0 && self.event.event.version == decided_on.event.1,
        ];
        same.into_iter().enumerate().all(|(place, same)| same || skipped == Some(place))
    }

    fn guard(&self, guard: &Guard) -> bool {
        let open = |whose: &dyn Fn(&Session) -> bool| {
            i64::try_from(self.sessions.values().filter(|row| row.ended_at.is_none() && whose(row)).count()).unwrap()
        };
        match *guard {
            Guard::Session { id, version } => self.sessions.get(&id).is_some_and(|row| row.version == version),
            Guard::Membership { id, version } => self.memberships.get(&id).is_some_and(|row| row.version == version),
            Guard::Device { id, version } => self.devices.get(&id).is_some_and(|row| row.version == version),
            Guard::Event { id, version } => self.event.event.id == id && self.event.event.version == version,
            Guard::OpenOfMember { id, version } => open(&|row| row.membership_id == id) == version,
            Guard::OpenOfDevice { id, version } => open(&|row| row.device_id == Some(id)) == version,
        }
    }

    /// Whether every image is one version above its row.
    fn follows(&self, change: &Change) -> bool {
        let next = |before: Option<Version>, version: Version| before.map_or(version == 1, |before| version == before + 1);
        let images = &change.images;
        images.sessions.iter().all(|row| next(self.sessions.get(&row.id).map(|row| row.version), row.version))
            && images.memberships.iter().all(|row| next(self.memberships.get(&row.id).map(|row| row.version), row.version))
            && images.devices.iter().all(|row| next(self.devices.get(&row.id).map(|row| row.version), row.version))
            && images.events.iter().all(|row| next(Some(self.event.event.version), row.version))
    }

    fn store(&mut self, change: &Change) -> i64 {
        let images = &change.images;
        self.sessions.extend(images.sessions.iter().map(|row| (row.id, row.clone())));
        self.memberships.extend(images.memberships.iter().map(|row| (row.id, row.clone())));
        self.devices.extend(images.devices.iter().map(|row| (row.id, row.clone())));
        for event in &images.events {
            self.event.event = event.clone();
        }
        for image in &images.ticket_types {
            for row in self.event.types.iter_mut().filter(|row| row.id == image.id) {
                let taken = row.taken;
                *row = image.clone();
                row.taken = taken;
            }
        }
        let ids = change.altered();
        if ids.is_empty() {
            return 0;
        }
        let seq = self.position() + 1;
        self.changes.push(Altered { seq, organisation_id: change.organisation, ids });
        seq
    }

    /// The partial unique indexes: one live session a device, one live session of a member at a handler.
    fn is_unique(&self) -> bool {
        let live: Vec<_> = self.sessions.values().filter(|row| row.ended_at.is_none()).collect();
        let handler = |row: &Session| row.kind != SessionKind::Scanner;
        live.iter().enumerate().all(|(place, row)| {
            live.iter().skip(place + 1).all(|other| {
                (row.device_id.is_none() || row.device_id != other.device_id)
                    && !(handler(row) && handler(other) && row.membership_id == other.membership_id)
            })
        })
    }
}

/// The running ledger: its locks go when it crashes.
struct SimulatedLedger {
    world: Arc<World>,
    /// The organisation's lock.
    lock: Arc<RwLock<()>>,
    /// The locks of rows and of entries in unique indexes.
    rows: Mutex<BTreeMap<Uuid, Arc<Turn<()>>>>,
}

/// Opens the ledger on what is on disk, and serves requests.
pub async fn serve(world: Arc<World>) -> turmoil::Result {
    let left = world.disk.lock().unwrap().clone();
    *world.visible.lock().unwrap() = left;
    world.trace(format_args!("the ledger opens"));
    let ledger = Arc::new(SimulatedLedger { world: Arc::clone(&world), lock: Arc::default(), rows: Mutex::default() });
    let handler: Handler = Arc::new(move |message| {
        let ledger = Arc::clone(&ledger);
        async move { ledger.answer(message).await }.boxed()
    });
    Mailbox::open(&world).await.serve(Some(handler)).await;
    Ok(())
}

impl SimulatedLedger {
    async fn answer(&self, message: Message) -> Message {
        self.world.dawdle(2).await;
        match message {
            Message::Look(look) => self.look(&look),
            Message::Scans(at, batch) => Message::ScansDone(self.commit_scans(at, &batch).await),
            Message::Sales(at, batch) => Message::SalesDone(self.commit_sales(at, &batch).await),
            Message::Store(change) => Message::Stored(self.store_change(change).await),
            Message::ChangesAfter(position) => {
                let rows = self.snapshot();
                Message::Changes(rows.changes.into_iter().filter(|change| change.seq > position).collect())
            }
            Message::ReadAll => Message::All(Box::new(self.snapshot())),
            other => panic!("the ledger does not know {other:?}"),
        }
    }

    /// What a statement that begins now will see, however long it takes.
    fn snapshot(&self) -> Rows {
        self.world.visible.lock().unwrap().clone()
    }

    /// A fresh look: all in one snapshot.
    fn look(&self, look: &Look) -> Message {
        let rows = self.snapshot();
        let ticket = look.code.as_ref().and_then(|code| rows.tickets.get(code)).cloned();
        let seen = Seen {
            as_of: rows.position(),
            authority: rows.authority(look.session).map(Arc::new),
            event: Some(Arc::new(rows.event.clone())),
            ticket: ticket.map(|ticket| {
                let last = rows.last(ticket.id).map(movement);
                (ticket, last)
            }),
            ..Seen::default()
        };
        let scan = rows.scans.iter().find(|scan| Some(scan.id) == look.scan).cloned();
        let sale = rows.sales.iter().find(|sale| Some(sale.id) == look.sale).cloned();
        Message::Seen(Box::new(seen), scan, sale)
    }

    async fn commit_scans(&self, at: Moment, batch: &[ScanEntry]) -> Result<Vec<Outcome<ScanRecorded>>, LedgerError> {
        let world = &self.world;
        let early = world.has(Bug::SnapshotBeforeLock).then(|| self.snapshot());
        world.dawdle(1).await;
        let _lock = if world.has(Bug::LockDropped) { None } else { Some(self.lock.read().await) };
        world.dawdle(2).await;
        let seen = early.unwrap_or_else(|| self.snapshot());
        // The statement goes on; its snapshot does not.
        world.dawdle(2).await;
        let mut rows = Vec::new();
        for entry in batch {
            let known = seen.scans.iter().any(|scan| scan.id == entry.id) && !world.has(Bug::IdForgotten);
            if known || !seen.stands(entry.decided_on(), skipped(world)) {
                continue;
            }
            let before = rows.iter().rev().find(|(scan, _): &&(ScanRow, _)| scan.ticket == entry.ticket).map(|(scan, _)| scan);
            let (seq, used, inside) = before.or(seen.last(entry.ticket)).map_or((0, 0, 0), |last| (last.seq, last.used, last.inside));
            let (seq, used, inside) = (seq + 1, used + entry.uses, inside + entry.moves());
            if used > entry.allowed {
                continue;
            }
            let fingerprint = entry.fingerprint.clone();
            rows.push((
                ScanRow {
                    id: entry.id,
                    ticket: entry.ticket,
                    seq,
                    used,
                    inside,
                    device: entry.decided_on().device_id().unwrap(),
                    fingerprint,
                    at,
                },
                entry,
            ));
        }
        // The insert waits for other writers of movements of the same tickets, and then does nothing where they were first.
        let tickets: Vec<Uuid> = rows.iter().map(|(scan, _)| scan.ticket.0).collect();
        let _tickets = self.hold(tickets).await;
        world.dawdle(1).await;
        let now = self.snapshot();
        if !world.has(Bug::NumberedByCare) {
            let taken = |scan: &ScanRow| now.scans.iter().any(|other| (other.ticket, other.seq) == (scan.ticket, scan.seq));
            let known = |scan: &ScanRow| now.scans.iter().any(|other| other.id == scan.id) && !world.has(Bug::IdForgotten);
            let before = rows.len();
            rows.retain(|(scan, _)| !taken(scan) && !known(scan));
            let follows = |scan: &ScanRow| {
                let others = now.scans.iter().chain(rows.iter().map(|(scan, _)| scan));
                scan.seq == 1 || others.into_iter().any(|other| (other.ticket, other.seq) == (scan.ticket, scan.seq - 1))
            };
            if rows.len() < before && !rows.iter().all(|(scan, _)| follows(scan)) {
                return Err(LedgerError::Unavailable);
            }
        }
        let written: Vec<ScanRow> = rows.iter().map(|(scan, _)| scan.clone()).collect();
        let all_decided_on: Vec<DecidedOn> = rows.iter().map(|(_, entry)| *entry.decided_on()).collect();
        self.commit("scan", &all_decided_on, move |rows| rows.scans.extend(written.iter().cloned())).await;
        let outcome = |entry: &ScanEntry| match rows.iter().find(|(scan, _)| scan.id == entry.id) {
            Some((scan, _)) => Outcome::Recorded(ScanRecorded { seq: scan.seq, used: scan.used, inside: scan.inside, recorded_at: at }),
            None => Outcome::Moved,
        };
        Ok(batch.iter().map(outcome).collect())
    }

    async fn commit_sales(&self, at: Moment, batch: &[SaleEntry]) -> Result<Vec<Outcome<SaleRecorded, SoldOut>>, LedgerError> {
        let world = &self.world;
        let early = world.has(Bug::SnapshotBeforeLock).then(|| self.snapshot());
        let _lock = if world.has(Bug::LockDropped) { None } else { Some(self.lock.read().await) };
        world.dawdle(2).await;
        let seen = early.unwrap_or_else(|| self.snapshot());
        let careless = world.has(Bug::StockUnlocked).then(|| seen.clone());
        world.dawdle(2).await;
        let mut locked = vec![RECEIPTS];
        batch.iter().for_each(|entry| locked.extend(entry.lines.iter().map(|line| line.ticket_type_id.0)));
        let _stock_and_receipts = self.hold(locked).await;
        world.dawdle(1).await;
        let now = self.snapshot();
        let counted = careless.as_ref().unwrap_or(&now);
        let mut receipt = i64::try_from(now.sales.len()).unwrap();
        let mut taken: BTreeMap<TicketTypeId, i32> = counted.event.types.iter().map(|kind| (kind.id, kind.taken)).collect();
        let mut rows: Vec<SaleRow> = Vec::new();
        let mut all_decided_on = Vec::new();
        let mut outcomes = Vec::new();
        for entry in batch {
            let known = now.sales.iter().chain(&rows).any(|sale| sale.id == entry.id) && !world.has(Bug::IdForgotten);
            if known || !seen.stands(entry.decided_on(), skipped(world)) {
                outcomes.push(Outcome::Moved);
                continue;
            }
            let lacks = entry.lines.iter().find_map(|line| {
                let quota = now.event.ticket_type(line.ticket_type_id)?.quota?;
                let left = quota - taken.get(&line.ticket_type_id).copied().unwrap_or_default();
                (line.quantity > left).then_some((line.ticket_type_id, left.max(0)))
            });
            if let Some((ticket_type, left)) = lacks {
                outcomes.push(Outcome::Refused(SoldOut { ticket_type, left }));
                continue;
            }
            for line in &entry.lines {
                *taken.entry(line.ticket_type_id).or_default() += line.quantity;
            }
            receipt += 1;
            let lines = entry.lines.iter().map(|line| (line.ticket_type_id, line.quantity)).collect();
            let fingerprint = entry.fingerprint.clone();
            rows.push(SaleRow { id: entry.id, receipt, lines, device: entry.decided_on().device_id().unwrap(), fingerprint });
            all_decided_on.push(*entry.decided_on());
            outcomes.push(Outcome::Recorded(SaleRecorded { receipt_number: receipt, recorded_at: at }));
        }
        self.commit("sale", &all_decided_on, move |ledger| {
            for sale in &rows {
                for (kind, quantity) in &sale.lines {
                    ledger.event.types.iter_mut().filter(|row| row.id == *kind).for_each(|row| row.taken += quantity);
                }
                ledger.sales.push(sale.clone());
            }
        })
        .await;
        Ok(outcomes)
    }

    async fn store_change(&self, change: Arc<Change>) -> Result<i64, LedgerError> {
        let world = &self.world;
        let (_alone, _shared) = if change.alone() { (Some(self.lock.write().await), None) } else { (None, Some(self.lock.read().await)) };
        world.dawdle(2).await;
        if !change.guards.iter().all(|guard| self.snapshot().guard(guard)) {
            return Err(LedgerError::Moved);
        }
        // What only adds shares the lock, and then waits for its entry in the unique indexes.
        let _entry = self.hold(vec![ORGANISATION.0]).await;
        world.dawdle(1).await;
        let mut after = self.snapshot();
        if !after.follows(&change) {
            return Err(LedgerError::Moved);
        }
        let number = after.store(&change);
        if !after.is_unique() && !world.has(Bug::DisplacedKept) {
            return Err(LedgerError::Moved);
        }
        world.trace(format_args!("change {number} alters {:?}", change.altered()));
        self.commit("change", &[], move |rows| {
            rows.store(&change);
        })
        .await;
        Ok(number)
    }

    /// Makes it durable, and then seen.
    async fn commit(&self, what: &'static str, all_decided_on: &[DecidedOn], write: impl Fn(&mut Rows) + Send + Sync + 'static) {
        let world = Arc::clone(&self.world);
        if world.has(Bug::AnsweredBeforeCommit) {
            judge(&world, what, all_decided_on, &write, false);
            tokio::spawn(async move {
                world.dawdle(20).await;
                write(&mut world.disk.lock().unwrap());
            });
            return;
        }
        world.dawdle(3).await;
        judge(&world, what, all_decided_on, &write, true);
    }

    /// Takes these locks, in one order, and gives them back when the statement ends.
    async fn hold(&self, mut ids: Vec<Uuid>) -> Vec<OwnedMutexGuard<()>> {
        ids.sort();
        ids.dedup();
        let mut held = Vec::new();
        for id in ids {
            let row = Arc::clone(self.rows.lock().unwrap().entry(id).or_default());
            held.push(row.lock_owned().await);
        }
        held
    }
}

/// The instant of a commit: it is seen by all from here on, and the oracle looks.
fn judge(world: &World, what: &'static str, all_decided_on: &[DecidedOn], write: &dyn Fn(&mut Rows), on_disk: bool) {
    let mut visible = world.visible.lock().unwrap();
    write(&mut visible);
    if on_disk {
        write(&mut world.disk.lock().unwrap());
    }
    world.trace(format_args!(
        "commit of {} {what}s, {} scans and {} sales in all",
        all_decided_on.len(),
        visible.scans.len(),
        visible.sales.len()
    ));
    let mut laws = world.laws.lock().unwrap();
    laws.count(what);
    for decided_on in all_decided_on {
        laws.written(what, decided_on);
    }
    laws.stands(&visible);
}

fn skipped(world: &World) -> Option<usize> {
    match world.bug {
        Some(Bug::VersionSkipped(place)) => Some(place),
        _ => None,
    }
}

fn movement(scan: &ScanRow) -> Movement {
    Movement {
        seq: scan.seq,
        direction: Direction::In,
        used: scan.used,
        inside: scan.inside,
        gate: None,
        recorded_at: scan.at,
        device_id: Some(scan.device),
        device_name: None,
    }
}

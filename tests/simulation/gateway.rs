//! A gateway of the simulated evening: the project's own decisions, group committers, log of changes and session rule, on a modelled ledger.
//!
//! What is the project's own: `authenticate::judge`, `authorise::permit` and `mandate`, `door::decide`, `pos::decide`, what a request means
//! and its fingerprint, the entries and when they may share a batch, the group committers, the log that says which copy may be
//! trusted, the rule of which session ends for another, and the images, guards and lock of a change. What is modelled: the order in which
//! `door::scan` and `pos::sell` call them, and all SQL.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use stagedoor::authenticate::{self, Caller};
use stagedoor::authorise;
use stagedoor::clock::Moment;
use stagedoor::door::scan::decide::{Question, Verdict, decide};
use stagedoor::door::scan::request as door;
use stagedoor::ids::{DeviceId, MembershipId, OrganisationId, SessionId, TicketId};
use stagedoor::ledger::change::{Change, Guard};
use stagedoor::ledger::entry::{Entry, Outcome as Written};
use stagedoor::ledger::group_commit::GroupCommit;
use stagedoor::ledger::kinds::{DeviceKind, EndReason, EventStatus, PaymentMethod, Role, SessionKind};
use stagedoor::ledger::look::{Look, Seen};
use stagedoor::ledger::rows::{EventFacts, Movement, Session, Ticket};
use stagedoor::ledger::sale::{NewSale, NewTicket, SaleEntry, SaleRecorded, SoldOut};
use stagedoor::ledger::scan::{Scan, ScanEntry, ScanRecorded};
use stagedoor::ledger::{ChangeLog, LedgerError};
use stagedoor::limits;
use stagedoor::pos::sale::decide::{Here, decide as decide_sale};
use stagedoor::pos::sale::request as pos;
use stagedoor::session::copy::Copy;
use stagedoor::session::sign_in::{ended, is_in_the_way};
use tokio::time::{Instant, sleep};

use super::ledger::{EVENT, ORGANISATION, Rows, SaleRow, ScanRow};
use super::mailbox::{Alteration, Handler, Mailbox, Message, Outcome};
use super::world::{Bug, World};

/// Time for one question to the ledger.
const PATIENCE: Duration = Duration::from_millis(120);

/// Why a change is not made.
enum No {
    /// They may not.
    Refused(String),
    /// The ledger does not answer, or is too busy.
    Later,
}

struct Gateway {
    world: Arc<World>,
    mailbox: Arc<Mailbox>,
    log: Arc<ChangeLog>,
    sessions: Mutex<BTreeMap<SessionId, Copy>>,
    event: Mutex<Option<(i64, Arc<EventFacts>)>>,
    tickets: Mutex<BTreeMap<String, WarmTicket>>,
    scans: GroupCommit<OrganisationId, ScanEntry>,
    sales: GroupCommit<OrganisationId, SaleEntry>,
}

/// A copy of a ticket with its last movement, and the position of the log at which it was read.
type WarmTicket = (i64, Ticket, Option<Movement>);

/// What an attempt decides on.
struct Facts {
    fresh: bool,
    seen: Seen,
    scan: Option<ScanRow>,
    sale: Option<SaleRow>,
}

/// Opens a gateway, and serves requests.
pub async fn serve(world: Arc<World>) -> turmoil::Result {
    let mailbox = Mailbox::open(&world).await;
    let log = Arc::new(ChangeLog::new(0, true));
    let gateway = Arc::new(Gateway {
        scans: scan_lanes(&world, &mailbox),
        sales: sale_lanes(&world, &mailbox),
        sessions: Mutex::default(),
        event: Mutex::default(),
        tickets: Mutex::default(),
        world,
        mailbox: Arc::clone(&mailbox),
        log,
    });
    tokio::spawn(follow(Arc::clone(&gateway)));
    let handler: Handler = Arc::new(move |message| {
        let gateway = Arc::clone(&gateway);
        async move { Message::Outcome(gateway.answer(message).await) }.boxed()
    });
    mailbox.serve(Some(handler)).await;
    Ok(())
}

/// Follows the log of changes by looking now and then.
async fn follow(gateway: Arc<Gateway>) {
    loop {
        if let Some(Message::Changes(changes)) = gateway.ask(Message::ChangesAfter(gateway.log.position())).await {
            changes.iter().for_each(|change| gateway.log.note(change.seq, &change.ids));
        }
        sleep(Duration::from_millis(5 + gateway.world.roll(40))).await;
    }
}

/// A batch is tried again while its outcome is unknown, as the ledger's own group committers do.
macro_rules! lanes {
    ($name:ident, $entry:ty, $batch:expr, $ask:path, $told:path) => {
        fn $name(world: &Arc<World>, mailbox: &Arc<Mailbox>) -> GroupCommit<OrganisationId, $entry> {
            let (world, mailbox) = (Arc::clone(world), Arc::clone(mailbox));
            GroupCommit::new($batch, move |_, batch: Arc<Vec<$entry>>| {
                let (world, mailbox) = (Arc::clone(&world), Arc::clone(&mailbox));
                async move {
                    let until = Instant::now() + limits::ATTEMPT_TIMEOUT;
                    for _ in 1..limits::BATCH_TRIES_MAX {
                        match mailbox.ask("book", $ask(world.now(), Arc::clone(&batch)), PATIENCE).await {
                            Some($told(Err(LedgerError::Unavailable | LedgerError::Moved))) | None if Instant::now() < until => {}
                            Some($told(done)) => return done,
                            _ => break,
                        }
                    }
                    Err(LedgerError::Unavailable)
                }
                .boxed()
            })
        }
    };
}
// Small batches, so that an evening of few people has full ones too.
lanes!(scan_lanes, ScanEntry, 4, Message::Scans, Message::ScansDone);
lanes!(sale_lanes, SaleEntry, 3, Message::Sales, Message::SalesDone);

impl Gateway {
    async fn ask(&self, message: Message) -> Option<Message> {
        self.mailbox.ask("book", message, PATIENCE).await
    }

    async fn answer(&self, message: Message) -> Outcome {
        let answer = match message {
            Message::Scan(session, body) => self.scan(session, &door::Request::parse(*body)).await,
            Message::Sell(session, body) => self.sell(session, &pos::Request::parse(*body)).await,
            Message::SignIn(member, device) => self.sign_in(member, device).await,
            Message::Alter(session, alteration) => self.alter(session, alteration).await,
            other => panic!("a gateway does not know {other:?}"),
        };
        answer.unwrap_or(Outcome::Later)
    }

    /// The attempt of `door::scan`.
    async fn scan(&self, session: SessionId, request: &door::Request) -> Option<Outcome> {
        let deadline = Instant::now() + limits::ATTEMPT_TIMEOUT;
        let mut nearest = true;
        for _ in 0..limits::ATTEMPTS_MAX {
            let look = Look { session, event: EVENT, code: Some(request.code.clone()), scan: Some(request.id), sale: None, hold: None };
            let facts = self.facts(look, nearest, deadline).await?;
            nearest = false;
            match self.consider_scan(request, &facts) {
                Err(no) if facts.fresh => return Some(Outcome::No(no)),
                Err(_) => {}
                Ok(Step::Replay(seq)) => return Some(self.green(request, seq)),
                Ok(Step::Write(entry)) => match self.scans.submit(ORGANISATION, entry, deadline).await {
                    Ok(Written::Recorded(ScanRecorded { seq, used, inside, recorded_at })) => {
                        if let Some((_, _, last)) = self.tickets.lock().unwrap().get_mut(&request.code) {
                            let (device_id, device_name, gate) = (None, None, None);
                            *last = Some(Movement {
                                seq,
                                direction: request.direction,
                                used,
                                inside,
                                gate,
                                recorded_at,
                                device_id,
                                device_name,
                            });
                        }
                        return Some(self.green(request, seq));
                    }
                    Ok(Written::Moved) | Err(LedgerError::Unavailable) => self.world.laws.lock().unwrap().count("looked again"),
                    Err(_) => return None,
                },
            }
        }
        None
    }

    fn green(&self, request: &door::Request, seq: i32) -> Outcome {
        self.world.trace(format_args!("green for {}", request.id));
        self.world.laws.lock().unwrap().green(request.id, seq, &self.world.disk.lock().unwrap());
        Outcome::Admitted(seq)
    }

    fn consider_scan(&self, request: &door::Request, facts: &Facts) -> Result<Step<i32, ScanEntry>, String> {
        let caller = self.caller(facts)?;
        let device = caller.authority().device.clone().ok_or("no device")?;
        if let Some(scan) = &facts.scan {
            let same = scan.device == device.id && scan.fingerprint == request.fingerprint(Some(&device));
            return if same { Ok(Step::Replay(scan.seq)) } else { Err("id_reused".to_owned()) };
        }
        let event = facts.seen.event.as_deref();
        let permit = authorise::to_scan(&caller, event, None).map_err(|no| no.to_string())?;
        let (ticket, last) = facts.seen.ticket.as_ref().map(|(ticket, last)| (ticket, last.as_ref())).unzip();
        let verdict = decide(&Question {
            ticket,
            ticket_type: ticket.and_then(|ticket| event?.ticket_type(ticket.ticket_type_id)),
            last: last.flatten(),
            elsewhere: None,
            direction: request.direction,
            gate: request.gate_at(permit.device()),
            now: self.world.now(),
        });
        match (verdict, ticket) {
            (Verdict::Admit { uses }, Some(ticket)) => {
                let scan = Scan {
                    id: request.id,
                    ticket: ticket.id,
                    direction: request.direction,
                    uses,
                    allowed: ticket.entries_allowed,
                    gate: None,
                    scanned_at: None,
                    fingerprint: request.fingerprint(permit.device()),
                    undoes: None,
                };
                Ok(Step::Write(Entry::new(permit, scan)))
            }
            (verdict, _) => Err(format!("{verdict:?}")),
        }
    }

    /// The attempt of `pos::sale`.
    async fn sell(&self, session: SessionId, request: &pos::Request) -> Option<Outcome> {
        let deadline = Instant::now() + limits::ATTEMPT_TIMEOUT;
        let mut nearest = true;
        for _ in 0..limits::ATTEMPTS_MAX {
            let look = Look { session, event: EVENT, code: None, scan: None, sale: Some(request.id), hold: None };
            let facts = self.facts(look, nearest, deadline).await?;
            nearest = false;
            match self.consider_sale(request, &facts) {
                Err(no) if facts.fresh => return Some(Outcome::No(no)),
                Err(_) => {}
                Ok(Step::Replay(receipt)) => return Some(self.sold(request, receipt)),
                Ok(Step::Write(entry)) => match self.sales.submit(ORGANISATION, entry, deadline).await {
                    Ok(Written::Recorded(SaleRecorded { receipt_number, .. })) => return Some(self.sold(request, receipt_number)),
                    Ok(Written::Refused(SoldOut { left, .. })) => return Some(Outcome::No(format!("sold out, {left} left"))),
                    Ok(Written::Moved) | Err(LedgerError::Unavailable) => self.world.laws.lock().unwrap().count("looked again"),
                    Err(_) => return None,
                },
            }
        }
        None
    }

    fn sold(&self, request: &pos::Request, receipt: i64) -> Outcome {
        self.world.trace(format_args!("receipt {receipt} for {}", request.id));
        self.world.laws.lock().unwrap().sold(request.id, receipt, &self.world.disk.lock().unwrap());
        Outcome::Sold(receipt)
    }

    fn consider_sale(&self, request: &pos::Request, facts: &Facts) -> Result<Step<i64, SaleEntry>, String> {
        let caller = self.caller(facts)?;
        if let Some(sale) = &facts.sale {
            let same = Some(sale.device) == caller.authority().session.device_id && sale.fingerprint == request.fingerprint();
            return if same { Ok(Step::Replay(sale.receipt)) } else { Err("id_reused".to_owned()) };
        }
        let event = facts.seen.event.as_deref();
        let permit = authorise::to_sell(&caller, request.is_cash(), request.admit, event, None).map_err(|no| no.to_string())?;
        let here = Here { device: permit.device().map(|device| device.id), now: self.world.now(), hold: None };
        let quote = decide_sale(request, event.ok_or("no event")?, here).map_err(|no| format!("{no:?}"))?;
        let basket = quote.basket;
        let ticket = |line: &stagedoor::ledger::rows::SaleLine| NewTicket {
            id: self.world.id::<TicketId>(),
            ticket_type_id: line.ticket_type_id,
            code: String::new(),
            entries_allowed: 1,
            admission: None,
        };
        let sale = NewSale {
            id: request.id,
            currency: basket.currency.code().to_owned(),
            total_minor: basket.total.minor(),
            method: PaymentMethod::Cash,
            tendered_minor: None,
            change_minor: None,
            reference: None,
            fingerprint: request.fingerprint(),
            tickets: basket.lines.iter().map(ticket).collect(),
            lines: basket.lines,
            gate: None,
            hold: None,
        };
        Ok(Step::Write(Entry::new(permit, sale)))
    }

    fn caller(&self, facts: &Facts) -> Result<Caller, String> {
        authenticate::judge(facts.seen.authority.clone(), None, self.world.now()).map_err(|no| no.to_string())
    }

    /// The nearest copies that the log trusts, or a fresh look.
    async fn facts(&self, look: Look, nearest: bool, deadline: Instant) -> Option<Facts> {
        if let Some(seen) = self.copies(&look).filter(|_| nearest) {
            return Some(Facts { fresh: false, seen, scan: None, sale: None });
        }
        while Instant::now() < deadline {
            let Some(Message::Seen(seen, scan, sale)) = self.ask(Message::Look(Box::new(look.clone()))).await else { continue };
            self.remember(&seen);
            return Some(Facts { fresh: true, seen: *seen, scan, sale });
        }
        None
    }

    fn copies(&self, look: &Look) -> Option<Seen> {
        let session =
            self.sessions.lock().unwrap().get(&look.session).filter(|copy| self.log.trusts(copy.as_of, &copy.things())).cloned()?;
        let trusted = |as_of: i64| self.log.trusts(as_of, &[EVENT.0]);
        let event = self.event.lock().unwrap().clone().filter(|(as_of, _)| trusted(*as_of))?.1;
        let ticket = match &look.code {
            None => None,
            Some(code) => {
                let (_, ticket, last) = self.tickets.lock().unwrap().get(code).filter(|(as_of, ..)| trusted(*as_of)).cloned()?;
                Some((ticket, last))
            }
        };
        Some(Seen { authority: Some(session.authority), event: Some(event), ticket, ..Seen::default() })
    }

    fn remember(&self, seen: &Seen) {
        if let Some(authority) = &seen.authority {
            let copy = Copy { as_of: seen.as_of, authority: Arc::clone(authority) };
            self.sessions.lock().unwrap().insert(authority.session.id, copy);
        }
        if let Some(event) = &seen.event {
            *self.event.lock().unwrap() = Some((seen.as_of, Arc::clone(event)));
        }
        if let Some((ticket, last)) = &seen.ticket {
            self.tickets.lock().unwrap().insert(ticket.code.clone(), (seen.as_of, ticket.clone(), last.clone()));
        }
    }

    /// Makes a change as `Ledger::change` does: thought through, stored, and thought through again when what it rests on has moved.
    async fn change<T>(&self, attempt: impl Fn(&Rows) -> Result<(Change, T), No>) -> Result<T, No> {
        for _ in 0..limits::CHANGE_TRIES_MAX {
            let Some(Message::All(rows)) = self.ask(Message::ReadAll).await else { return Err(No::Later) };
            let (change, answer) = attempt(&rows)?;
            let change = Arc::new(change);
            let Some(Message::Stored(stored)) = self.ask(Message::Store(Arc::clone(&change))).await else {
                return Err(No::Later);
            };
            match stored {
                Ok(number) => {
                    self.heard(number, &change);
                    return Ok(answer);
                }
                Err(LedgerError::Moved) => self.world.laws.lock().unwrap().count("changed again"),
                Err(_) => return Err(No::Later),
            }
        }
        Err(No::Later)
    }

    /// From here on the change counts as answered: its versions are the law.
    fn heard(&self, number: i64, change: &Change) {
        if number > 0 {
            self.log.note(number, &change.altered());
        }
        let images = &change.images;
        let sessions = images.sessions.iter().map(|row| (row.id.0, row.version));
        let memberships = images.memberships.iter().map(|row| (row.id.0, row.version));
        let devices = images.devices.iter().map(|row| (row.id.0, row.version));
        let events = images.events.iter().map(|row| (row.id.0, row.version));
        self.world.trace(format_args!("change {number} is answered"));
        let mut laws = self.world.laws.lock().unwrap();
        laws.changed(sessions.chain(memberships).chain(devices).chain(events));
        if images.sessions.iter().any(|row| row.end_reason == Some(EndReason::Displaced)) {
            laws.count("displaced");
        }
    }

    async fn sign_in(&self, member: MembershipId, device: Option<DeviceId>) -> Option<Outcome> {
        let begun = self.change(|rows| {
            let now = self.world.now();
            let membership = &rows.memberships[&member];
            let device = device.map(|device| &rows.devices[&device]);
            let kind = device.map_or(SessionKind::Backstage, |device| match device.kind {
                DeviceKind::Scanner => SessionKind::Scanner,
                DeviceKind::Pos => SessionKind::Pos,
            });
            let mut guards = vec![Guard::Membership { id: member, version: membership.version }];
            guards.extend(device.map(|device| Guard::Device { id: device.id, version: device.version }));
            let mut change = Change::new(ORGANISATION, now, guards);
            let open = rows.sessions.values().filter(|row| row.ended_at.is_none()).filter_map(|row| rows.authority(row.id));
            for other in open.filter(|other| is_in_the_way(other, kind, membership, device)) {
                let kept = self.world.has(Bug::DisplacedKept) && other.session.kind != SessionKind::Scanner;
                if !kept {
                    change.images.sessions.push(ended(other.session, true, "another place", now));
                }
            }
            let session = begin(self.world.id(), membership.id, device.map(|device| device.id), kind, now);
            let id = session.id;
            change.images.sessions.push(session);
            Ok((change, id))
        });
        answered(begun.await.map(Outcome::SignedIn))
    }

    async fn alter(&self, session: SessionId, alteration: Alteration) -> Option<Outcome> {
        let altered = self.change(|rows| {
            let now = self.world.now();
            let authority = rows.authority(session).map(Arc::new);
            let caller = authenticate::judge(authority, None, now).map_err(|no| No::Refused(no.to_string()))?;
            let needed = match alteration {
                Alteration::Event | Alteration::Price => authorise::role::Permission::EventsManage,
                Alteration::Gate(_) => authorise::role::Permission::DevicesManage,
                Alteration::Role(_) | Alteration::Pin(_) | Alteration::End(_) => authorise::role::Permission::TeamManage,
            };
            let mandate = authorise::mandate(caller, needed).map_err(|no| No::Refused(no.to_string()))?;
            let mut change = Change::new(ORGANISATION, now, mandate.guards());
            draw(&mut change, rows, alteration, now);
            Ok((change, ()))
        });
        answered(altered.await.map(|()| Outcome::Done))
    }
}

/// The state of an attempt after its decision.
enum Step<R, E> {
    Replay(R),
    Write(E),
}

fn answered(outcome: Result<Outcome, No>) -> Option<Outcome> {
    match outcome {
        Ok(answer) => Some(answer),
        Err(No::Refused(why)) => Some(Outcome::No(why)),
        Err(No::Later) => None,
    }
}

/// The images of an alteration, each one version up.
fn draw(change: &mut Change, rows: &Rows, alteration: Alteration, now: Moment) {
    let images = &mut change.images;
    let mut event = rows.event.event.clone();
    event.version += 1;
    match alteration {
        Alteration::Role(member) | Alteration::Pin(member) => {
            let mut image = rows.memberships[&member].clone();
            image.version += 1;
            match alteration {
                Alteration::Pin(_) if image.events.is_empty() => image.events = vec![EVENT],
                Alteration::Pin(_) => image.events.clear(),
                _ if image.role == Role::Viewer => image.role = Role::BoxOffice,
                _ => image.role = Role::Viewer,
            }
            images.memberships.push(image);
        }
        Alteration::Gate(device) => {
            let mut image = rows.devices[&device].clone();
            image.version += 1;
            image.gate = Some(format!("gate {}", image.version));
            images.devices.push(image);
        }
        Alteration::Event => {
            event.status = if event.status == EventStatus::Live { EventStatus::Ended } else { EventStatus::Live };
            images.events.push(event);
        }
        Alteration::Price => {
            images.ticket_types.extend(rows.event.types.iter().cloned().map(|mut kind| {
                kind.price_minor += 100;
                kind
            }));
            images.events.push(event);
        }
        Alteration::End(member) => {
            let open = rows.sessions.values().filter(|row| row.ended_at.is_none() && row.membership_id == member);
            images.sessions.extend(open.cloned().map(|mut row| {
                row.version += 1;
                row.ended_at = Some(now);
                row.end_reason = Some(EndReason::Ended);
                row
            }));
        }
    }
}

/// A session that begins now.
fn begin(id: SessionId, membership_id: MembershipId, device_id: Option<DeviceId>, kind: SessionKind, now: Moment) -> Session {
    Session {
        id,
        organisation_id: ORGANISATION,
        membership_id,
        device_id,
        kind,
        started_at: now,
        expires_at: now + chrono::TimeDelta::hours(24),
        idle_seconds: 3_600,
        ended_at: None,
        end_reason: None,
        displaced_by: None,
        version: 1,
        seen_at: now,
    }
}

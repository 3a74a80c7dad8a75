//! Fresh looks: what many attempts decide on, read together in one snapshot and so of one moment.
//!
//! Sessions and events are read once for all looks that name them, and shared; the tickets and scans of a batch are read in one statement,
//! which each database has a form of its own for (see `postgres.rs` and `sqlite.rs`).

mod batched;
mod for_member;
mod postgres;
mod sqlite;

pub use self::batched::{AttendanceCount, Look, RefusalCheck, Seen};

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::json;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::{
    clock::{self, Clock, Moment},
    ids::{DeviceId, EventId, MembershipId, Named, OrganisationId, ScanId, SessionId},
    ledger::{
        Store, change_log,
        db::{Arg, Kind, Reader},
        error::LedgerError,
        hold::reads::hold_on,
        kinds::Direction,
        rows::{Authority, Device, Event, EventFacts, Membership, Movement, OrganisationNames, RecordedScan, Session, Ticket, TicketType},
        sale::reads::sale_on,
    },
};

type Authorities = HashMap<SessionId, Arc<Authority>>;
type Events = HashMap<EventId, Arc<EventFacts>>;
/// Tickets by event and code, each with its last movement.
type Tickets = HashMap<(EventId, String), (Ticket, Option<Movement>)>;
/// Live events that have the tickets which other events of their organisation have not.
type Elsewhere = HashMap<(OrganisationId, EventId, String), Named>;
type Scans = HashMap<(OrganisationId, ScanId), RecordedScan>;

/// A ticket as it is found by event and code, with its last movement beside it.
#[derive(FromRow)]
struct FoundTicket {
    event_id: EventId,
    #[sqlx(flatten)]
    ticket: Ticket,
    last_seq: Option<i32>,
    last_direction: Option<Direction>,
    last_used: Option<i32>,
    last_inside: Option<i32>,
    last_gate: Option<String>,
    last_recorded_at: Option<Moment>,
    last_device_id: Option<DeviceId>,
    last_device_name: Option<String>,
}

impl FoundTicket {
    /// Those that were found, by event and code.
    fn by_code(found: Vec<Self>) -> Tickets {
        found.into_iter().map(|found| ((found.event_id, found.ticket.code.clone()), found.with_last())).collect()
    }

    fn with_last(self) -> (Ticket, Option<Movement>) {
        let last = self.last_seq.zip(self.last_direction).zip(self.last_used.zip(self.last_inside)).zip(self.last_recorded_at);
        let last = last.map(|(((seq, direction), (used, inside)), recorded_at)| Movement {
            seq,
            direction,
            used,
            inside,
            gate: self.last_gate,
            recorded_at,
            device_id: self.last_device_id,
            device_name: self.last_device_name,
        });
        (self.ticket, last)
    }
}

/// A recorded scan with the organisation that it is unique in.
#[derive(FromRow)]
struct FoundScan {
    organisation_id: OrganisationId,
    #[sqlx(flatten)]
    scan: RecordedScan,
}

impl FoundScan {
    /// Those that were found, by organisation and id.
    fn by_id(found: Vec<Self>) -> Scans {
        found.into_iter().map(|found| ((found.organisation_id, found.scan.id), found.scan)).collect()
    }
}

/// A ticket that another live event of the organisation has.
#[derive(FromRow)]
struct FoundElsewhere {
    organisation_id: OrganisationId,
    event_id: EventId,
    code: String,
    id: EventId,
    name: String,
}

impl FoundElsewhere {
    /// Those that were found, by what was looked for; of several the last in the order found.
    fn by_code(found: Vec<Self>) -> Elsewhere {
        found.into_iter().map(|f| ((f.organisation_id, f.event_id, f.code), Named::new(f.id, f.name))).collect()
    }
}

/// The organisation, event and code of each look whose event has no such ticket.
fn missing<'l>(looks: &'l [Look], authorities: &Authorities, tickets: &Tickets) -> HashSet<(OrganisationId, EventId, &'l str)> {
    let missing = |look: &'l Look| {
        let code = look.code.as_ref().filter(|code| !tickets.contains_key(&(look.event, (*code).clone())))?;
        Some((authorities.get(&look.session)?.membership.organisation_id, look.event, code.as_str()))
    };
    looks.iter().filter_map(missing).collect()
}

/// The scan of each look, with the organisation that it is unique in.
fn scans_named(looks: &[Look], authorities: &Authorities) -> Vec<(OrganisationId, ScanId)> {
    looks.iter().filter_map(|look| Some((authorities.get(&look.session)?.membership.organisation_id, look.scan?))).collect()
}

fn distinct<T: Into<Uuid>>(ids: impl Iterator<Item = T>) -> Vec<Uuid> {
    ids.map(Into::into).collect::<HashSet<Uuid>>().into_iter().collect()
}

/// What the ledger answered to refusal_checks: its position for each that is confirmed.
fn confirmed(refusal_checks: usize, as_of: i64, moved: impl IntoIterator<Item = usize>) -> Vec<Option<i64>> {
    let mut all = vec![Some(as_of); refusal_checks];
    for place in moved {
        if let Some(one) = all.get_mut(place) {
            *one = None;
        }
    }
    all
}

impl Store {
    /// What each of these looks needs, in their order, all read at one instant.
    pub(super) async fn look(&self, looks: &[Look]) -> Result<Vec<Box<Seen>>, LedgerError> {
        let mut db = self.reader_for_looks().await?;
        db.begin_snapshot().await?;
        let all = seen_on(&mut db, self.clock(), looks).await?;
        db.commit().await?;
        Ok(all)
    }
}

async fn seen_on(db: &mut Reader, clock: Clock, looks: &[Look]) -> Result<Vec<Box<Seen>>, LedgerError> {
    let as_of = position_on(db, clock).await?;
    let authorities = authorities_on(db, looks).await?;
    let events = events_on(db, looks, &authorities).await?;
    let tickets = tickets_on(db, looks).await?;
    let elsewhere = elsewhere_on(db, &missing(looks, &authorities, &tickets)).await?;
    let scans = scans_on(db, &scans_named(looks, &authorities)).await?;

    let mut all = Vec::with_capacity(looks.len());
    for look in looks {
        let mut seen = Box::new(Seen { as_of, ..Seen::default() });
        if let Some(authority) = authorities.get(&look.session) {
            let organisation = authority.membership.organisation_id;
            seen.event = events.get(&look.event).filter(|facts| facts.event.organisation_id == organisation).cloned();
            let pinned = authority.membership.only_event().and_then(|only| events.get(&only));
            seen.pinned = pinned.map(|facts| Named::new(facts.event.id, facts.event.name.clone()));
            seen.scan = look.scan.and_then(|id| scans.get(&(organisation, id)).cloned());
            if let (Some(code), true) = (&look.code, seen.event.is_some()) {
                seen.ticket = tickets.get(&(look.event, code.clone())).cloned();
                seen.elsewhere = elsewhere.get(&(organisation, look.event, code.clone())).cloned();
            }
            if let Some(sale) = look.sale {
                seen.sale = sale_on(db, organisation, sale).await?;
            }
            if let Some(hold) = look.hold {
                seen.hold = hold_on(db, organisation, hold).await?;
            }
            seen.authority = Some(Arc::clone(authority));
        }
        all.push(seen);
    }
    Ok(all)
}

/// The position of the log of changes in this snapshot. In Postgres the ledger's clock is read with it: a refusal is confirmed by a fresh
/// look, and is then judged by that clock as well.
async fn position_on(db: &mut Reader, clock: Clock) -> Result<i64, LedgerError> {
    if db.kind() == Kind::Sqlite {
        return change_log::position_on(db).await;
    }
    let asked = clock::mark();
    let (position, time): (i64, Moment) = db.one("select change_seq, clock_timestamp() from book", &[]).await?;
    clock.set(asked, time);
    Ok(position)
}

async fn authorities_on(db: &mut Reader, looks: &[Look]) -> Result<Authorities, LedgerError> {
    let ids = distinct(looks.iter().map(|look| look.session));
    let args = [Arg::Uuids(&ids)];
    let among = db.kind().among_ids();
    let sessions: Vec<Session> = db.all(AssertSqlSafe(format!("select * from sessions where id {among}")), &args).await?;
    let members = format!("select * from memberships where id in (select membership_id from sessions where id {among})");
    let members: Vec<Membership> = db.all(AssertSqlSafe(members), &args).await?;
    let devices = format!("select * from devices where id in (select device_id from sessions where id {among})");
    let devices: Vec<Device> = db.all(AssertSqlSafe(devices), &args).await?;
    let names = format!(
        "select m.id, u.name, o.slug, o.name from memberships m join users u on u.id = m.user_id join organisations o on o.id = m.organisation_id
             where m.id in (select membership_id from sessions where id {among})"
    );
    let names: Vec<(MembershipId, String, String, String)> = db.all(AssertSqlSafe(names), &args).await?;

    let members: HashMap<MembershipId, Membership> = members.into_iter().map(|member| (member.id, member)).collect();
    let devices: HashMap<DeviceId, Device> = devices.into_iter().map(|device| (device.id, device)).collect();
    let names: HashMap<MembershipId, (String, String, String)> =
        names.into_iter().map(|(id, user, slug, name)| (id, (user, slug, name))).collect();
    let whole = |session: Session| {
        let (user_name, slug, name) = names.get(&session.membership_id)?.clone();
        let membership = members.get(&session.membership_id)?.clone();
        let device = session.device_id.and_then(|id| devices.get(&id).cloned());
        let organisation = Arc::new(OrganisationNames { slug, name });
        Some((session.id, Arc::new(Authority { session, membership, device, user_name, organisation })))
    };
    Ok(sessions.into_iter().filter_map(whole).collect())
}

/// The events of these looks, and those that their members are pinned to.
async fn events_on(db: &mut Reader, looks: &[Look], authorities: &Authorities) -> Result<Events, LedgerError> {
    let pins = authorities.values().filter_map(|authority| authority.membership.only_event());
    let ids = distinct(looks.iter().map(|look| look.event).chain(pins));
    let args = [Arg::Uuids(&ids)];
    let among = db.kind().among_ids();
    let events: Vec<Event> = db.all(AssertSqlSafe(format!("select * from events where id {among}")), &args).await?;
    let types: Vec<TicketType> =
        db.all(AssertSqlSafe(format!("select * from ticket_types where event_id {among} order by id")), &args).await?;
    let mut found: HashMap<EventId, EventFacts> =
        events.into_iter().map(|event| (event.id, EventFacts { event, types: Vec::new() })).collect();
    for ticket_type in types {
        if let Some(facts) = found.get_mut(&ticket_type.event_id) {
            facts.types.push(ticket_type);
        }
    }
    Ok(found.into_iter().map(|(id, facts)| (id, Arc::new(facts))).collect())
}

async fn tickets_on(db: &mut Reader, looks: &[Look]) -> Result<Tickets, LedgerError> {
    let wanted: HashSet<(EventId, &str)> = looks.iter().filter_map(|look| Some((look.event, look.code.as_deref()?))).collect();
    if wanted.is_empty() {
        return Ok(Tickets::new());
    }
    let found = match db.kind() {
        Kind::Postgres => {
            let (events, codes): (Vec<Uuid>, Vec<&str>) = wanted.into_iter().map(|(event, code)| (event.0, code)).unzip();
            db.all(postgres::TICKETS, &[Arg::Uuids(&events), Arg::Texts(&codes)]).await?
        }
        Kind::Sqlite => db.all(sqlite::TICKETS, &[Arg::Json(&json!(wanted))]).await?,
    };
    Ok(FoundTicket::by_code(found))
}

/// Live events of the same organisations that have these tickets.
async fn elsewhere_on(db: &mut Reader, missing: &HashSet<(OrganisationId, EventId, &str)>) -> Result<Elsewhere, LedgerError> {
    if missing.is_empty() {
        return Ok(Elsewhere::new());
    }
    let found = match db.kind() {
        Kind::Postgres => {
            let (organisations, (events, codes)): (Vec<Uuid>, (Vec<Uuid>, Vec<&str>)) =
                missing.iter().map(|(organisation, event, code)| (organisation.0, (event.0, *code))).unzip();
            db.all(postgres::ELSEWHERE, &[Arg::Uuids(&organisations), Arg::Uuids(&events), Arg::Texts(&codes)]).await?
        }
        Kind::Sqlite => db.all(sqlite::ELSEWHERE, &[Arg::Json(&json!(missing))]).await?,
    };
    Ok(FoundElsewhere::by_code(found))
}

async fn scans_on(db: &mut Reader, named: &[(OrganisationId, ScanId)]) -> Result<Scans, LedgerError> {
    if named.is_empty() {
        return Ok(Scans::new());
    }
    let found = match db.kind() {
        Kind::Postgres => {
            let (organisations, ids): (Vec<Uuid>, Vec<Uuid>) = named.iter().map(|(organisation, id)| (organisation.0, id.0)).unzip();
            db.all(postgres::SCANS, &[Arg::Uuids(&organisations), Arg::Uuids(&ids)]).await?
        }
        Kind::Sqlite => db.all(sqlite::SCANS, &[Arg::Json(&json!(named))]).await?,
    };
    Ok(FoundScan::by_id(found))
}

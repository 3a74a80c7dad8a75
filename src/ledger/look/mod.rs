//! Fresh looks: what many walks need to see, read together in one snapshot and so of one moment.
//!
//! Who asks and at which event is read once for all who share it, and shared; of tickets and scans each ledger reads all that a batch
//! names in one statement of its own (see `postgres/look.rs` and `sqlite/look.rs`).

mod batched;
mod for_member;
mod postgres;
mod sqlite;

pub use self::batched::{AttendanceCount, Look, RefusalCheck, Seen};

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use sqlx::{AssertSqlSafe, Connection, FromRow, query_as};
use uuid::Uuid;

use crate::ledger::{
    Connected,
    both::on_both,
    error::LedgerError,
    kinds::Direction,
    lease::within,
    postgres::Postgres,
    rows::{Authority, Device, Event, EventFacts, Membership, Movement, OrganisationNames, RecordedScan, Session, Ticket, TicketType},
    sqlite::Sqlite,
};
use crate::{
    clock::Moment,
    ids::{DeviceId, EventId, MembershipId, Named, OrganisationId, ScanId, SessionId},
    limits,
};

pub(super) type Authorities = HashMap<SessionId, Arc<Authority>>;
pub(super) type Events = HashMap<EventId, Arc<EventFacts>>;
/// Tickets by event and code, each with its last movement.
pub(super) type Tickets = HashMap<(EventId, String), (Ticket, Option<Movement>)>;
/// Live events that have the tickets which other events of their organisation have not.
pub(super) type Elsewhere = HashMap<(OrganisationId, EventId, String), Named>;
pub(super) type Scans = HashMap<(OrganisationId, ScanId), RecordedScan>;

/// A ticket as it is found by event and code, with its last movement beside it.
#[derive(FromRow)]
pub(super) struct FoundTicket {
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
    pub fn by_code(found: Vec<Self>) -> Tickets {
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
pub(super) struct FoundScan {
    organisation_id: OrganisationId,
    #[sqlx(flatten)]
    scan: RecordedScan,
}

impl FoundScan {
    /// Those that were found, by organisation and id.
    pub fn by_id(found: Vec<Self>) -> Scans {
        found.into_iter().map(|found| ((found.organisation_id, found.scan.id), found.scan)).collect()
    }
}

/// A ticket that another live event of the organisation has.
#[derive(FromRow)]
pub(super) struct FoundElsewhere {
    organisation_id: OrganisationId,
    event_id: EventId,
    code: String,
    id: EventId,
    name: String,
}

impl FoundElsewhere {
    /// Those that were found, by what was looked for; of several the last in the order found.
    pub fn by_code(found: Vec<Self>) -> Elsewhere {
        found.into_iter().map(|f| ((f.organisation_id, f.event_id, f.code), Named::new(f.id, f.name))).collect()
    }
}

/// The organisation, event and code of each look whose event has not the ticket.
pub(super) fn missing<'l>(looks: &'l [Look], authorities: &Authorities, tickets: &Tickets) -> HashSet<(OrganisationId, EventId, &'l str)> {
    let missing = |look: &'l Look| {
        let code = look.code.as_ref().filter(|code| !tickets.contains_key(&(look.event, (*code).clone())))?;
        Some((authorities.get(&look.session)?.membership.organisation_id, look.event, code.as_str()))
    };
    looks.iter().filter_map(missing).collect()
}

/// The scan of each look, with the organisation that it is unique in.
pub(super) fn scans_named(looks: &[Look], authorities: &Authorities) -> Vec<(OrganisationId, ScanId)> {
    looks.iter().filter_map(|look| Some((authorities.get(&look.session)?.membership.organisation_id, look.scan?))).collect()
}

/// The one event in a member's list, if there is exactly one.
fn pin(authority: &Authority) -> Option<EventId> {
    match authority.membership.events.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

fn distinct<T: Into<Uuid>>(ids: impl Iterator<Item = T>) -> Vec<Uuid> {
    ids.map(Into::into).collect::<HashSet<Uuid>>().into_iter().collect()
}

/// What the ledger answered to refusal_checks: its position for each that is confirmed.
pub(super) fn confirmed(refusal_checks: usize, as_of: i64, moved: impl IntoIterator<Item = usize>) -> Vec<Option<i64>> {
    let mut all = vec![Some(as_of); refusal_checks];
    for place in moved {
        if let Some(one) = all.get_mut(place) {
            *one = None;
        }
    }
    all
}

on_both! {
    /// What each of these walks needs to see, in their order, all of one moment.
    pub async fn look(&self, looks: &[Look]) -> Result<Vec<Box<Seen>>, LedgerError> {
        let mut lease = self.lease_for_looks().await?;
        let seen = within(limits::ATTEMPT_TIMEOUT, self.snapshot(&mut lease, looks)).await?;
        lease.finish();
        Ok(seen)
    }

    async fn snapshot(&self, db: &mut <Self as Connected>::Connection, looks: &[Look]) -> Result<Vec<Box<Seen>>, sqlx::Error> {
        let mut tx = db.begin_with(Self::SNAPSHOT).await?;
        let as_of = self.position_on(&mut tx).await?;
        let authorities = Self::authorities_on(&mut tx, looks).await?;
        let events = Self::events_on(&mut tx, looks, &authorities).await?;
        let tickets = Self::tickets_on(&mut tx, looks).await?;
        let elsewhere = Self::elsewhere_on(&mut tx, &missing(looks, &authorities, &tickets)).await?;
        let scans = Self::scans_on(&mut tx, &scans_named(looks, &authorities)).await?;

        let mut all = Vec::with_capacity(looks.len());
        for look in looks {
            let mut seen = Box::new(Seen { as_of, ..Seen::default() });
            if let Some(authority) = authorities.get(&look.session) {
                let organisation = authority.membership.organisation_id;
                seen.event = events.get(&look.event).filter(|facts| facts.event.organisation_id == organisation).cloned();
                seen.pinned = pin(authority).and_then(|only| events.get(&only)).map(|facts| Named::new(facts.event.id, facts.event.name.clone()));
                seen.scan = look.scan.and_then(|id| scans.get(&(organisation, id)).cloned());
                if let (Some(code), true) = (&look.code, seen.event.is_some()) {
                    seen.ticket = tickets.get(&(look.event, code.clone())).cloned();
                    seen.elsewhere = elsewhere.get(&(organisation, look.event, code.clone())).cloned();
                }
                if let Some(sale) = look.sale {
                    seen.sale = Self::sale_on(&mut tx, organisation, sale).await?;
                }
                if let Some(hold) = look.hold {
                    seen.hold = Self::hold_on(&mut tx, organisation, hold).await?;
                }
                seen.authority = Some(Arc::clone(authority));
            }
            all.push(seen);
        }
        tx.commit().await?;
        Ok(all)
    }

    async fn authorities_on(db: &mut <Self as Connected>::Connection, looks: &[Look]) -> Result<Authorities, sqlx::Error> {
        let ids = Self::ids(&distinct(looks.iter().map(|look| look.session)));
        let among = Self::AMONG;
        let sessions: Vec<Session> =
            query_as(AssertSqlSafe(format!("select * from sessions where id {among}"))).bind(&ids).fetch_all(&mut *db).await?;
        let members: Vec<Membership> = query_as(AssertSqlSafe(format!(
            "select * from memberships where id in (select membership_id from sessions where id {among})"
        ))).bind(&ids).fetch_all(&mut *db).await?;
        let devices: Vec<Device> = query_as(AssertSqlSafe(format!(
            "select * from devices where id in (select device_id from sessions where id {among})"
        ))).bind(&ids).fetch_all(&mut *db).await?;
        let names: Vec<(MembershipId, String, String, String)> = query_as(AssertSqlSafe(format!(
            "select m.id, u.name, o.slug, o.name from memberships m join users u on u.id = m.user_id join organisations o on o.id = m.organisation_id
             where m.id in (select membership_id from sessions where id {among})"
        ))).bind(&ids).fetch_all(&mut *db).await?;

        let members: HashMap<MembershipId, Membership> = members.into_iter().map(|m| (m.id, m)).collect();
        let devices: HashMap<DeviceId, Device> = devices.into_iter().map(|d| (d.id, d)).collect();
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

    /// The events of these looks, and those that their callers are pinned to.
    async fn events_on(db: &mut <Self as Connected>::Connection, looks: &[Look], authorities: &Authorities) -> Result<Events, sqlx::Error> {
        let pins = authorities.values().filter_map(|authority| pin(authority));
        let ids = Self::ids(&distinct(looks.iter().map(|look| look.event).chain(pins)));
        let among = Self::AMONG;
        let events: Vec<Event> =
            query_as(AssertSqlSafe(format!("select * from events where id {among}"))).bind(&ids).fetch_all(&mut *db).await?;
        let types: Vec<TicketType> = query_as(AssertSqlSafe(format!("select * from ticket_types where event_id {among} order by id")))
            .bind(&ids).fetch_all(&mut *db).await?;
        let mut found: HashMap<EventId, EventFacts> =
            events.into_iter().map(|event| (event.id, EventFacts { event, types: Vec::new() })).collect();
        for ticket_type in types {
            if let Some(facts) = found.get_mut(&ticket_type.event_id) {
                facts.types.push(ticket_type);
            }
        }
        Ok(found.into_iter().map(|(id, facts)| (id, Arc::new(facts))).collect())
    }
}

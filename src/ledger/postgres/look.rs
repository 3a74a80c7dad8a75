//! Fresh looks in Postgres: what many walks need to see, read together in one snapshot.

use std::collections::{HashMap, HashSet};

use sqlx::{Connection, FromRow, PgConnection, query_as};
use uuid::Uuid;

use super::Postgres;
use crate::{
    clock::{Clock, Moment},
    ids::{DeviceId, EventId, MembershipId, Named, OrganisationId, ScanId, SessionId},
    ledger::{
        Connected,
        entry::{Look, Seen},
        error::LedgerError,
        lease::within,
        rows::{Authority, Device, Event, EventFacts, Membership, Movement, RecordedScan, Session, Ticket, TicketType},
    },
    limits,
};

impl Postgres {
    /// What each of these walks needs to see, in their order, all of one moment.
    pub async fn look(&self, looks: &[Look]) -> Result<Vec<Box<Seen>>, LedgerError> {
        let mut lease = self.looks.lease().await?;
        let seen = within(limits::WALK, snapshot(&mut lease, looks, self.clock)).await?;
        lease.finish();
        Ok(seen)
    }
}

async fn snapshot(db: &mut PgConnection, looks: &[Look], clock: Clock) -> Result<Vec<Box<Seen>>, sqlx::Error> {
    let mut tx = db.begin_with(Postgres::SNAPSHOT).await?;
    let asked = clock.mark();
    let (as_of, time): (i64, Moment) = query_as("select change_seq, clock_timestamp() from book").fetch_one(&mut *tx).await?;
    // A refusal is confirmed by a fresh look: it then goes by the clock of the book as well.
    clock.heard(asked, time);
    let authorities = authorities(&mut tx, looks).await?;
    let events = events(&mut tx, looks, &authorities).await?;
    let tickets = tickets(&mut tx, looks).await?;
    let elsewhere = elsewhere(&mut tx, looks, &authorities, &tickets).await?;
    let scans = scans(&mut tx, looks, &authorities).await?;

    let mut all = Vec::with_capacity(looks.len());
    for look in looks {
        let mut seen = Box::new(Seen { as_of, ..Seen::default() });
        if let Some(authority) = authorities.get(&look.session) {
            let organisation = authority.membership.organisation_id;
            seen.event = events.get(&look.event).filter(|facts| facts.event.organisation_id == organisation).cloned();
            seen.pinned = pinned(authority, &events);
            seen.scan = look.scan.and_then(|id| scans.get(&(organisation, id)).cloned());
            if let (Some(code), true) = (&look.code, seen.event.is_some()) {
                seen.ticket = tickets.get(&(look.event, code.as_str())).cloned();
                seen.elsewhere = elsewhere.get(&(organisation, look.event, code.clone())).cloned();
            }
            if let Some(sale) = look.sale {
                seen.sale = Postgres::sale_on(&mut tx, organisation, sale).await?;
            }
            if let Some(hold) = look.hold {
                seen.hold = Postgres::hold_on(&mut tx, organisation, hold).await?;
            }
            seen.authority = Some(authority.clone());
        }
        all.push(seen);
    }
    tx.commit().await?;
    Ok(all)
}

/// The event that this member's list names, if it names exactly one.
fn pinned(authority: &Authority, events: &HashMap<EventId, EventFacts>) -> Option<Named> {
    match authority.membership.events.as_slice() {
        [only] => events.get(only).map(|facts| Named::new(*only, facts.event.name.clone())),
        _ => None,
    }
}

async fn authorities(db: &mut PgConnection, looks: &[Look]) -> Result<HashMap<SessionId, Authority>, sqlx::Error> {
    let ids: HashSet<SessionId> = looks.iter().map(|look| look.session).collect();
    let ids: Vec<Uuid> = ids.into_iter().map(Uuid::from).collect();
    let sessions: Vec<Session> = query_as("select * from sessions where id = any($1)").bind(&ids).fetch_all(&mut *db).await?;
    let members: Vec<Membership> =
        query_as("select * from memberships where id in (select membership_id from sessions where id = any($1))")
            .bind(&ids)
            .fetch_all(&mut *db)
            .await?;
    let devices: Vec<Device> = query_as("select * from devices where id in (select device_id from sessions where id = any($1))")
        .bind(&ids)
        .fetch_all(&mut *db)
        .await?;
    let names: Vec<(MembershipId, String, String, String)> = query_as(
        "select m.id, u.name, o.slug, o.name from memberships m join users u on u.id = m.user_id join organisations o on o.id = m.organisation_id
         where m.id in (select membership_id from sessions where id = any($1))",
    )
    .bind(&ids)
    .fetch_all(&mut *db)
    .await?;

    let members: HashMap<MembershipId, Membership> = members.into_iter().map(|m| (m.id, m)).collect();
    let devices: HashMap<DeviceId, Device> = devices.into_iter().map(|d| (d.id, d)).collect();
    let names: HashMap<MembershipId, (String, String, String)> =
        names.into_iter().map(|(id, user, slug, name)| (id, (user, slug, name))).collect();
    let whole = |session: Session| {
        let (user_name, organisation_slug, organisation_name) = names.get(&session.membership_id)?.clone();
        let membership = members.get(&session.membership_id)?.clone();
        let device = session.device_id.and_then(|id| devices.get(&id).cloned());
        Some((session.id, Authority { session, membership, device, user_name, organisation_slug, organisation_name }))
    };
    Ok(sessions.into_iter().filter_map(whole).collect())
}

async fn events(
    db: &mut PgConnection,
    looks: &[Look],
    authorities: &HashMap<SessionId, Authority>,
) -> Result<HashMap<EventId, EventFacts>, sqlx::Error> {
    let pins = authorities.values().filter_map(|a| match a.membership.events.as_slice() {
        [only] => Some(*only),
        _ => None,
    });
    let ids: HashSet<EventId> = looks.iter().map(|look| look.event).chain(pins).collect();
    let ids: Vec<Uuid> = ids.into_iter().map(Uuid::from).collect();
    let events: Vec<Event> = query_as("select * from events where id = any($1)").bind(&ids).fetch_all(&mut *db).await?;
    let types: Vec<TicketType> =
        query_as("select * from ticket_types where event_id = any($1) order by id").bind(&ids).fetch_all(&mut *db).await?;
    let mut found: HashMap<EventId, EventFacts> =
        events.into_iter().map(|event| (event.id, EventFacts { event, types: Vec::new() })).collect();
    for ticket_type in types {
        if let Some(facts) = found.get_mut(&ticket_type.event_id) {
            facts.types.push(ticket_type);
        }
    }
    Ok(found)
}

type Elsewhere = HashMap<(OrganisationId, EventId, String), Named>;

/// Live events of the same organisations that have the tickets which the events asked for have not.
async fn elsewhere(
    db: &mut PgConnection,
    looks: &[Look],
    authorities: &HashMap<SessionId, Authority>,
    tickets: &Tickets<'_>,
) -> Result<Elsewhere, sqlx::Error> {
    let missing = looks.iter().filter_map(|look| {
        let code = look.code.as_deref().filter(|code| !tickets.contains_key(&(look.event, code)))?;
        Some((authorities.get(&look.session)?.membership.organisation_id.0, (look.event.0, code)))
    });
    let (organisations, (events, codes)): (Vec<Uuid>, (Vec<Uuid>, Vec<&str>)) = missing.unzip();
    if organisations.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<(OrganisationId, EventId, String, Uuid, String)> = query_as(
        "select w.organisation_id, w.event_id, w.code, e.id, e.name
         from unnest($1::uuid[], $2::uuid[], $3::text[]) as w (organisation_id, event_id, code)
         join events e on e.organisation_id = w.organisation_id and e.id <> w.event_id and e.status = 'live'
         join tickets t on t.event_id = e.id and t.code = w.code collate \"C\"
         order by e.id desc",
    )
    .bind(organisations)
    .bind(events)
    .bind(codes)
    .fetch_all(&mut *db)
    .await?;
    Ok(found.into_iter().map(|(organisation, event, code, id, name)| ((organisation, event, code), Named::new(id, name))).collect())
}

/// A ticket as it is found by event and code, with its last movement beside it.
#[derive(FromRow)]
struct FoundTicket {
    event_id: EventId,
    #[sqlx(flatten)]
    ticket: Ticket,
    last_seq: Option<i32>,
    last_direction: Option<crate::ledger::words::Direction>,
    last_used: Option<i32>,
    last_inside: Option<i32>,
    last_gate: Option<String>,
    last_recorded_at: Option<crate::clock::Moment>,
    last_device_id: Option<crate::ids::DeviceId>,
    last_device_name: Option<String>,
}

impl FoundTicket {
    fn last(&self) -> Option<Movement> {
        Some(Movement {
            seq: self.last_seq?,
            direction: self.last_direction?,
            used: self.last_used?,
            inside: self.last_inside?,
            gate: self.last_gate.clone(),
            recorded_at: self.last_recorded_at?,
            device_id: self.last_device_id,
            device_name: self.last_device_name.clone(),
        })
    }
}

type Tickets<'l> = HashMap<(EventId, &'l str), (Ticket, Option<Movement>)>;

async fn tickets<'l>(db: &mut PgConnection, looks: &'l [Look]) -> Result<Tickets<'l>, sqlx::Error> {
    let wanted: HashSet<(EventId, &str)> = looks.iter().filter_map(|look| Some((look.event, look.code.as_deref()?))).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (events, codes): (Vec<Uuid>, Vec<&str>) = wanted.iter().map(|(event, code)| (event.0, *code)).unzip();
    let found: Vec<FoundTicket> = query_as(
        "select t.event_id, t.id, t.ticket_type_id, t.code, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until, t.version,
                l.seq as last_seq, l.direction as last_direction, l.used as last_used, l.inside as last_inside, l.gate as last_gate,
                l.recorded_at as last_recorded_at, l.device_id as last_device_id, d.name as last_device_name
         from unnest($1::uuid[], $2::text[]) as w (event_id, code)
         join tickets t on t.event_id = w.event_id and t.code = w.code collate \"C\"
         left join lateral (select * from admissions a where a.ticket_id = t.id order by a.seq desc limit 1) l on true
         left join devices d on d.id = l.device_id",
    )
    .bind(events)
    .bind(codes)
    .fetch_all(&mut *db)
    .await?;
    let found: HashMap<(EventId, String), FoundTicket> = found.into_iter().map(|f| ((f.event_id, f.ticket.code.clone()), f)).collect();
    let pair = |(event, code): (EventId, &'l str)| {
        let row = found.get(&(event, code.to_owned()))?;
        Some(((event, code), (row.ticket.clone(), row.last())))
    };
    Ok(wanted.into_iter().filter_map(pair).collect())
}

/// A recorded scan with the organisation that it is unique in.
#[derive(FromRow)]
struct FoundScan {
    organisation_id: OrganisationId,
    #[sqlx(flatten)]
    scan: RecordedScan,
}

async fn scans(
    db: &mut PgConnection,
    looks: &[Look],
    authorities: &HashMap<SessionId, Authority>,
) -> Result<HashMap<(OrganisationId, ScanId), RecordedScan>, sqlx::Error> {
    let wanted = looks.iter().filter_map(|look| Some((authorities.get(&look.session)?.membership.organisation_id.0, look.scan?.0)));
    let (organisations, ids): (Vec<Uuid>, Vec<Uuid>) = wanted.unzip();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<FoundScan> = query_as(
        "select a.organisation_id, a.id, a.device_id, a.fingerprint, a.seq, a.direction, a.used - coalesce(p.used, 0) as uses, a.used, a.gate,
                a.recorded_at, b.seq as back_seq, b.used as back_used, b.recorded_at as back_recorded_at, a.ticket_id,
                t.holder, t.entries_allowed, t.ticket_type_id, y.name as ticket_type_name
         from unnest($1::uuid[], $2::uuid[]) as w (organisation_id, id)
         join admissions a on a.organisation_id = w.organisation_id and a.id = w.id
         left join admissions p on p.ticket_id = a.ticket_id and p.seq = a.seq - 1
         left join admissions b on b.organisation_id = a.organisation_id and b.undoes = a.id
         join tickets t on t.id = a.ticket_id
         join ticket_types y on y.id = t.ticket_type_id",
    )
    .bind(organisations)
    .bind(ids)
    .fetch_all(&mut *db)
    .await?;
    Ok(found.into_iter().map(|f| ((f.organisation_id, f.scan.id), f.scan)).collect())
}

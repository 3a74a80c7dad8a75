//! Fresh looks in Postgres: what many walks need to see, read together in one snapshot.

use std::collections::{HashMap, HashSet};

use sqlx::{Connection, FromRow, PgConnection, query_as, query_scalar};
use uuid::Uuid;

use super::Postgres;
use crate::{
    ids::{EventId, Named, OrganisationId, ScanId, SessionId},
    ledger::{
        entry::{Look, Seen},
        error::LedgerError,
        lease::within,
        rows::{Authority, EventFacts, Movement, RecordedScan, Ticket},
    },
    limits,
};

impl Postgres {
    /// What each of these walks needs to see, in their order, all of one moment.
    pub async fn look(&self, looks: &[Look]) -> Result<Vec<Box<Seen>>, LedgerError> {
        let mut lease = self.looks.lease().await?;
        let seen = within(limits::WALK, snapshot(&mut lease, looks)).await?;
        lease.finish();
        Ok(seen)
    }
}

async fn snapshot(db: &mut PgConnection, looks: &[Look]) -> Result<Vec<Box<Seen>>, sqlx::Error> {
    let mut tx = db.begin_with("begin isolation level repeatable read read only").await?;
    let as_of: i64 = query_scalar("select change_seq from book").fetch_one(&mut *tx).await?;
    let authorities = authorities(&mut tx, looks).await?;
    let events = events(&mut tx, looks, &authorities).await?;
    let tickets = tickets(&mut tx, looks).await?;
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
                if seen.ticket.is_none() {
                    seen.elsewhere = Postgres::elsewhere_on(&mut tx, organisation, look.event, code).await?;
                }
            }
            if let Some(sale) = look.sale {
                seen.sale = Postgres::sale_on(&mut tx, organisation, sale).await?;
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
    let distinct: HashSet<SessionId> = looks.iter().map(|look| look.session).collect();
    let mut found = HashMap::with_capacity(distinct.len());
    for session in distinct {
        if let Some(authority) = Postgres::authority_on(&mut *db, session).await? {
            found.insert(session, authority);
        }
    }
    Ok(found)
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
    let distinct: HashSet<EventId> = looks.iter().map(|look| look.event).chain(pins).collect();
    let mut found = HashMap::with_capacity(distinct.len());
    for id in distinct {
        if let Some(facts) = Postgres::event_on(&mut *db, id).await? {
            found.insert(id, facts);
        }
    }
    Ok(found)
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
            device_id: self.last_device_id?,
            device_name: self.last_device_name.clone().unwrap_or_default(),
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
        "select t.event_id, t.id, t.ticket_type_id, t.code, t.holder, t.status, t.entries_allowed, t.version,
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
        "select a.organisation_id, a.id, a.device_id, a.fingerprint, a.seq, a.direction, a.used, a.recorded_at, a.ticket_id,
                t.holder, t.entries_allowed, t.ticket_type_id, y.name as ticket_type_name
         from unnest($1::uuid[], $2::uuid[]) as w (organisation_id, id)
         join admissions a on a.organisation_id = w.organisation_id and a.id = w.id
         join tickets t on t.id = a.ticket_id
         join ticket_types y on y.id = t.ticket_type_id",
    )
    .bind(organisations)
    .bind(ids)
    .fetch_all(&mut *db)
    .await?;
    Ok(found.into_iter().map(|f| ((f.organisation_id, f.scan.id), f.scan)).collect())
}

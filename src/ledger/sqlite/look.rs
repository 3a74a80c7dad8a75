//! Fresh looks in SQLite: what many walks need to see, read in one transaction and so of one moment.

use sqlx::{Connection, SqliteConnection, query_as, query_scalar};

use super::Sqlite;
use crate::{
    ids::{EventId, Named, OrganisationId, ScanId},
    ledger::{
        entry::{Look, Seen},
        error::LedgerError,
        rows::{Movement, RecordedScan, Ticket},
        words::EventStatus,
    },
};

impl Sqlite {
    /// What each of these walks needs to see, in their order, all of one moment.
    pub async fn look(&self, looks: &[Look]) -> Result<Vec<Box<Seen>>, LedgerError> {
        let mut lease = self.lease().await?;
        let mut tx = lease.begin().await?;
        let mut all = Vec::with_capacity(looks.len());
        for look in looks {
            all.push(Box::new(one(&mut tx, look).await?));
        }
        tx.commit().await?;
        lease.finish();
        Ok(all)
    }
}

async fn one(db: &mut SqliteConnection, look: &Look) -> Result<Seen, sqlx::Error> {
    let as_of = query_scalar("select change_seq from book").fetch_one(&mut *db).await?;
    let mut seen = Seen { as_of, authority: Sqlite::authority_on(&mut *db, look.session).await?, ..Seen::default() };
    let Some(membership) = seen.authority.as_ref().map(|a| a.membership.clone()) else { return Ok(seen) };
    let organisation = membership.organisation_id;
    seen.event = Sqlite::event_on(&mut *db, look.event, None).await?.filter(|facts| facts.event.organisation_id == organisation);
    if let [only] = membership.events.as_slice() {
        seen.pinned = Sqlite::event_named_on(&mut *db, *only).await?;
    }
    if let Some(id) = look.scan {
        seen.scan = scan(&mut *db, organisation, id).await?;
    }
    if let Some(id) = look.sale {
        seen.sale = Sqlite::sale_on(&mut *db, organisation, id).await?;
    }
    if let Some(id) = look.hold {
        seen.hold = Sqlite::hold_on(&mut *db, organisation, id).await?;
    }
    if let (Some(code), true) = (&look.code, seen.event.is_some()) {
        seen.ticket = ticket(&mut *db, look.event, code).await?;
        if seen.ticket.is_none() {
            seen.elsewhere = elsewhere(&mut *db, organisation, look.event, code).await?;
        }
    }
    Ok(seen)
}

async fn ticket(db: &mut SqliteConnection, event: EventId, code: &str) -> Result<Option<(Ticket, Option<Movement>)>, sqlx::Error> {
    let found: Option<Ticket> = query_as(
        "select id, ticket_type_id, code, holder, status, entries_allowed, valid_from, valid_until, version from tickets where event_id = $1 and code = $2",
    )
    .bind(event)
    .bind(code)
    .fetch_optional(&mut *db)
    .await?;
    let Some(ticket) = found else { return Ok(None) };
    let last = query_as(
        "select a.seq, a.direction, a.used, a.inside, a.gate, a.recorded_at, a.device_id, d.name as device_name
         from admissions a left join devices d on d.id = a.device_id where a.ticket_id = $1 order by a.seq desc limit 1",
    )
    .bind(ticket.id)
    .fetch_optional(&mut *db)
    .await?;
    Ok(Some((ticket, last)))
}

async fn scan(db: &mut SqliteConnection, organisation: OrganisationId, id: ScanId) -> Result<Option<RecordedScan>, sqlx::Error> {
    query_as(
        "select a.id, a.device_id, a.fingerprint, a.seq, a.direction, a.used - coalesce(p.used, 0) as uses, a.used, a.gate,
                a.recorded_at, b.seq as back_seq, b.used as back_used, b.recorded_at as back_recorded_at, a.ticket_id,
                t.holder, t.entries_allowed, t.ticket_type_id, y.name as ticket_type_name
         from admissions a
         left join admissions p on p.ticket_id = a.ticket_id and p.seq = a.seq - 1
         left join admissions b on b.organisation_id = a.organisation_id and b.undoes = a.id
         join tickets t on t.id = a.ticket_id join ticket_types y on y.id = t.ticket_type_id
         where a.organisation_id = $1 and a.id = $2",
    )
    .bind(organisation)
    .bind(id)
    .fetch_optional(db)
    .await
}

/// The live event of the organisation, other than this one, that has a ticket with this code.
async fn elsewhere(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    event: EventId,
    code: &str,
) -> Result<Option<Named>, sqlx::Error> {
    let found: Option<(EventId, String)> = query_as(
        "select e.id, e.name from events e join tickets t on t.event_id = e.id and t.code = $3
         where e.organisation_id = $1 and e.id <> $2 and e.status = $4 order by e.id limit 1",
    )
    .bind(organisation)
    .bind(event)
    .bind(code)
    .bind(EventStatus::Live)
    .fetch_optional(&mut *db)
    .await?;
    Ok(found.map(|(id, name)| Named::new(id, name)))
}

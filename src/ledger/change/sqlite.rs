//! Changes in SQLite: what `store_change` and `store_tickets` do in Postgres, statement by statement in one transaction.

use std::collections::HashMap;

use sqlx::{SqliteConnection, query, query_as, query_scalar, types::Json};
use uuid::Uuid;

use crate::ledger::sqlite::{Sqlite, begin};
use crate::{
    clock::Moment,
    ids::{EventId, OrganisationId, TicketTypeId},
    ledger::{
        Carried, CarryOverEntry, Note, SIGNING_KEYS, UploadChunk, UploadCount, UploadTicket,
        change::{Change, Ending, Guard, Images, Rotation},
        error::LedgerError,
        kinds::TicketStatus,
        note,
    },
};

impl Sqlite {
    /// Stores a change, whole or not at all. Answers its number in the log of changes, 0 when it altered nothing that others know.
    pub async fn store(&self, change: &Change) -> Result<i64, LedgerError> {
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        guard(&mut tx, &change.guards).await?;
        images(&mut tx, change.organisation, &change.images).await?;
        let number = log(&mut tx, change.organisation, change.at, &change.altered()).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Ends open sessions. Answers which, and the change's number.
    pub async fn end_sessions(&self, ending: &Ending) -> Result<(Vec<Uuid>, i64), LedgerError> {
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        guard(&mut tx, &ending.guards).await?;
        let ended: Vec<Uuid> = query_scalar(
            "update sessions set ended_at = $2, end_reason = 'ended', version = version + 1
             where organisation_id = $1 and ended_at is null and ($3 is null or membership_id = $3)
               and ($4 is null or device_id = $4) and id is not $5
             returning id",
        )
        .bind(ending.organisation)
        .bind(ending.at)
        .bind(ending.member)
        .bind(ending.device)
        .bind(ending.keep)
        .fetch_all(&mut *tx)
        .await?;
        let number = log(&mut tx, ending.organisation, ending.at, &ended).await?;
        tx.commit().await?;
        Ok((ended, number))
    }

    /// Changes the signing keys. Answers the change's number.
    pub async fn rotate_keys(&self, rotation: &Rotation<'_>) -> Result<i64, LedgerError> {
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        query("update signing_keys set retired_at = $1 where retired_at is null").bind(rotation.at).execute(&mut *tx).await?;
        query("delete from signing_keys where $1 or kid in (select value from json_each($2))")
            .bind(rotation.forget_old)
            .bind(Json(rotation.forget))
            .execute(&mut *tx)
            .await?;
        note::in_sqlite(&mut tx, Note::SigningKey(rotation.fresh)).await?;
        let number = log(&mut tx, OrganisationId(SIGNING_KEYS), rotation.at, &[SIGNING_KEYS]).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Stores a chunk of an upload.
    pub async fn store_tickets(&self, chunk: &UploadChunk<'_>) -> Result<UploadCount, LedgerError> {
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        guard(&mut tx, chunk.carried.decided_on()).await?;
        let incoming = serde_json::to_string(chunk.tickets).map_err(|_| LedgerError::Broken)?;
        let mut taken: HashMap<TicketTypeId, i64> = HashMap::new();
        let fresh = add_tickets(&mut tx, chunk, &incoming).await?;
        let mut count = UploadCount { created: i64::try_from(fresh.len()).unwrap_or(i64::MAX), ..UploadCount::default() };
        fresh.iter().for_each(|state| counts(&mut taken, *state, 1));
        if fresh.len() < chunk.tickets.len() {
            let known = differing(&mut tx, chunk.carried.event, &incoming).await?;
            known.iter().for_each(|(_, ticket_type, status)| counts(&mut taken, (*ticket_type, *status), -1));
            let places = known.iter().filter_map(|(place, ..)| usize::try_from(*place).ok());
            let tickets: Vec<&UploadTicket> = places.filter_map(|place| chunk.tickets.get(place)).collect();
            tickets.iter().for_each(|ticket| counts(&mut taken, (ticket.ticket_type_id, ticket.status), 1));
            count.updated = i64::try_from(tickets.len()).unwrap_or(i64::MAX);
            if !tickets.is_empty() {
                let next: i64 = query_scalar("update events set version = version + 1 where id = $1 returning version")
                    .bind(chunk.carried.event)
                    .fetch_one(&mut *tx)
                    .await?;
                update_tickets(&mut tx, chunk.carried.event, &tickets, next).await?;
                count.seq = log(&mut tx, chunk.carried.organisation(), chunk.carried.at, &[chunk.carried.event.0]).await?;
            }
        }
        for (ticket_type, more) in taken {
            query("update ticket_types set taken = taken + $2 where id = $1").bind(ticket_type).bind(more).execute(&mut *tx).await?;
        }
        let carried =
            carry_over(&mut tx, chunk.carried.organisation(), chunk.carried.event, chunk.carried.at, &chunk.carried.visits).await?;
        count.carried = i64::try_from(carried).unwrap_or(i64::MAX);
        tx.commit().await?;
        Ok(count)
    }

    /// Carries earlier check-ins over. Answers how many movements were written.
    pub async fn carry_over(&self, entry: &CarryOverEntry) -> Result<u64, LedgerError> {
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        guard(&mut tx, entry.decided_on()).await?;
        let written = carry_over(&mut tx, entry.organisation(), entry.event, entry.at, &entry.visits).await?;
        tx.commit().await?;
        Ok(written)
    }
}

/// Fails if anything in the guard has changed. It is one statement for all of it: each statement would be a change of threads, during which no
/// other write can begin.
pub(in crate::ledger) async fn guard(db: &mut SqliteConnection, guards: &[Guard]) -> Result<(), LedgerError> {
    let stands: bool = query_scalar(
        "select not exists (
             select 1
             from (select value ->> 'kind' as kind, unhex(value ->> 'id', '-') as id, value ->> 'version' as version from json_each($1)) g
             where g.version is not case g.kind
                 when 'membership'     then (select version from memberships where id = g.id)
                 when 'device'         then (select version from devices where id = g.id)
                 when 'session'        then (select version from sessions where id = g.id)
                 when 'event'          then (select version from events where id = g.id)
                 when 'open_of_member' then (select count(*) from sessions where membership_id = g.id and ended_at is null)
                 when 'open_of_device' then (select count(*) from sessions where device_id = g.id and ended_at is null)
             end)",
    )
    .bind(Json(guards))
    .fetch_one(&mut *db)
    .await?;
    if stands { Ok(()) } else { Err(LedgerError::Moved) }
}

/// Stores one image: its row is new, or is now what the image's author read.
macro_rules! image {
    ($db:expr, $statement:expr, $($value:expr),+) => {
        if query($statement)$(.bind($value))+.execute(&mut *$db).await?.rows_affected() != 1 {
            return Err(LedgerError::Moved);
        }
    };
}
pub(in crate::ledger) use image;

async fn images(db: &mut SqliteConnection, organisation: OrganisationId, images: &Images) -> Result<(), LedgerError> {
    for o in &images.organisations {
        image!(
            db,
            "insert into organisations (id, slug, name, version, created_at) values ($1, $2, $3, $4, $5)
            on conflict (id) do update set name = excluded.name, version = excluded.version where version = excluded.version - 1",
            o.id,
            &o.slug,
            &o.name,
            o.version,
            o.created_at
        );
        query("insert into receipt_counters (organisation_id) values ($1) on conflict do nothing")
            .bind(organisation)
            .execute(&mut *db)
            .await?;
    }
    for u in &images.users {
        image!(db, "insert into users (id, name, email, password_hash, version, created_at) values ($1, $2, $3, $4, $5, $6)
            on conflict (id) do update set name = excluded.name, email = excluded.email, password_hash = excluded.password_hash, version = excluded.version
            where version = excluded.version - 1",
            u.id, &u.name, &u.email, &u.password_hash, u.version, u.created_at);
    }
    for m in &images.memberships {
        image!(db, "insert into memberships (id, organisation_id, user_id, username, username_key, role, grants, revokes, events, status, version, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            on conflict (id) do update set role = excluded.role, grants = excluded.grants, revokes = excluded.revokes, events = excluded.events,
                status = excluded.status, version = excluded.version where version = excluded.version - 1",
            m.id, m.organisation_id, m.user_id, &m.username, &m.username_key, m.role, Json(m.grants), Json(m.revokes), Json(&m.events), m.status,
            m.version, m.created_at);
    }
    for d in &images.devices {
        image!(db, "insert into devices (id, organisation_id, name, kind, gate, enrolment_hash, enrolment_expires_at, enrolment_id, enrolled_at, revoked_at,
                hardware, version, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            on conflict (id) do update set name = excluded.name, gate = excluded.gate, enrolment_hash = excluded.enrolment_hash,
                enrolment_expires_at = excluded.enrolment_expires_at, enrolment_id = excluded.enrolment_id, enrolled_at = excluded.enrolled_at,
                revoked_at = excluded.revoked_at, hardware = excluded.hardware, version = excluded.version where version = excluded.version - 1",
            d.id, d.organisation_id, &d.name, d.kind, &d.gate, &d.enrolment_hash, d.enrolment_expires_at, d.enrolment_id, d.enrolled_at, d.revoked_at,
            d.hardware.as_ref().map(Json), d.version, d.created_at);
    }
    for e in &images.events {
        image!(db, "insert into events (id, organisation_id, name, venue, starts_at, ends_at, timezone, currency, status, version, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            on conflict (id) do update set name = excluded.name, venue = excluded.venue, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
                timezone = excluded.timezone, currency = excluded.currency, status = excluded.status, version = excluded.version
            where version = excluded.version - 1",
            e.id, e.organisation_id, &e.name, &e.venue, e.starts_at, e.ends_at, &e.timezone, &e.currency, e.status, e.version, e.created_at);
    }
    for t in &images.ticket_types {
        image!(db, "insert into ticket_types (id, organisation_id, event_id, name, price_minor, quota, entries_allowed, reentry, gates, valid_from, valid_until, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            on conflict (id) do update set name = excluded.name, price_minor = excluded.price_minor, quota = excluded.quota,
                entries_allowed = excluded.entries_allowed, reentry = excluded.reentry, gates = excluded.gates, valid_from = excluded.valid_from,
                valid_until = excluded.valid_until",
            t.id, t.organisation_id, t.event_id, &t.name, t.price_minor, t.quota, t.entries_allowed, t.reentry, Json(&t.gates), t.valid_from,
            t.valid_until, t.created_at);
    }
    for s in &images.sessions {
        image!(db, "insert into sessions (id, organisation_id, membership_id, device_id, kind, started_at, expires_at, idle_seconds, ended_at, end_reason,
                displaced_by, version, seen_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            on conflict (id) do update set ended_at = excluded.ended_at, end_reason = excluded.end_reason, displaced_by = excluded.displaced_by,
                version = excluded.version where version = excluded.version - 1",
            s.id, s.organisation_id, s.membership_id, s.device_id, s.kind, s.started_at, s.expires_at, s.idle_seconds, s.ended_at, s.end_reason,
            &s.displaced_by, s.version, s.seen_at);
    }
    Ok(())
}

/// Writes down which things have changed, as the last step of a change.
pub(in crate::ledger) async fn log(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    at: Moment,
    altered: &[Uuid],
) -> Result<i64, sqlx::Error> {
    if altered.is_empty() {
        return Ok(0);
    }
    let number: i64 = query_scalar("update book set change_seq = change_seq + 1 returning change_seq").fetch_one(&mut *db).await?;
    query("insert into changes (seq, organisation_id, at, ids) values ($1, $2, $3, $4)")
        .bind(number)
        .bind(organisation)
        .bind(at)
        .bind(Json(altered))
        .execute(&mut *db)
        .await?;
    Ok(number)
}

/// A ticket's type and state count for or against what is taken.
fn counts(taken: &mut HashMap<TicketTypeId, i64>, (ticket_type, status): (TicketTypeId, TicketStatus), more: i64) {
    if status != TicketStatus::Void {
        *taken.entry(ticket_type).or_default() += more;
    }
}

/// Adds the tickets of a chunk that the event does not have, and answers of which type and state they are.
async fn carry_over(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    event: EventId,
    at: Moment,
    visits: &[Carried],
) -> Result<u64, LedgerError> {
    if visits.is_empty() {
        return Ok(0);
    }
    let visits = serde_json::to_string(visits).map_err(|_| LedgerError::Broken)?;
    let entries = query(
        "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, gate, scanned_at, recorded_at, fingerprint)
         select $1, unhex(v ->> 'entry_id', '-'), $2, t.id, 1, 'in', 1, 1, v ->> 'gate', v ->> 'entered_at', $3, 'carried over'
         from (select value as v from json_each($4)) cross join tickets t on t.event_id = $2 and t.code = v ->> 'code'
         where not exists (select 1 from admissions a where a.ticket_id = t.id)
           and not exists (select 1 from admissions a where a.organisation_id = $1 and a.id = unhex(v ->> 'entry_id', '-'))",
    );
    let entries = entries.bind(organisation).bind(event).bind(at).bind(&visits).execute(&mut *db).await?;
    let exits = query(
        "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, gate, scanned_at, recorded_at, fingerprint)
         select $1, unhex(v ->> 'exit_id', '-'), $2, t.id, 2, 'out', case when y.reentry then 0 else 1 end, 0, v ->> 'gate', v ->> 'left_at', $3, 'carried over'
         from (select value as v from json_each($4)) cross join tickets t on t.event_id = $2 and t.code = v ->> 'code'
         cross join ticket_types y on y.id = t.ticket_type_id
         cross join admissions a on a.ticket_id = t.id and a.seq = 1 and a.id = unhex(v ->> 'entry_id', '-')
         where v ->> 'is_over' and not exists (select 1 from admissions l where l.ticket_id = t.id and l.seq > 1)
           and not exists (select 1 from admissions x where x.organisation_id = $1 and x.id = unhex(v ->> 'exit_id', '-'))",
    );
    let exits = exits.bind(organisation).bind(event).bind(at).bind(&visits).execute(&mut *db).await?;
    Ok(entries.rows_affected() + exits.rows_affected())
}

async fn add_tickets(
    db: &mut SqliteConnection,
    chunk: &UploadChunk<'_>,
    incoming: &str,
) -> Result<Vec<(TicketTypeId, TicketStatus)>, sqlx::Error> {
    query_as(
        "insert into tickets (id, organisation_id, event_id, ticket_type_id, code, holder, status, entries_allowed, valid_from, valid_until, created_at)
         select unhex(v ->> 'id', '-'), $1, $2, unhex(v ->> 'ticket_type_id', '-'), v ->> 'code', v ->> 'holder', v ->> 'status',
                v ->> 'entries_allowed', v ->> 'valid_from', v ->> 'valid_until', $3
         from (select value as v from json_each($4)) where true
         on conflict (event_id, code) do nothing
         returning ticket_type_id, status",
    )
    .bind(chunk.carried.organisation())
    .bind(chunk.carried.event)
    .bind(chunk.carried.at)
    .bind(incoming)
    .fetch_all(db)
    .await
}

/// The places of those tickets of a chunk that the event has with other values, and their type and state there. A cross join
/// keeps the order of its sides: a look-up for each ticket of the chunk, never a pass over the event's.
async fn differing(
    db: &mut SqliteConnection,
    event: EventId,
    incoming: &str,
) -> Result<Vec<(i64, TicketTypeId, TicketStatus)>, sqlx::Error> {
    query_as(
        "select j.key, t.ticket_type_id, t.status
         from (select key, value as v from json_each($2)) j cross join tickets t on t.event_id = $1 and t.code = v ->> 'code'
         where (t.ticket_type_id, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until) is not
               (unhex(v ->> 'ticket_type_id', '-'), case when v ->> 'keeps_holder' then t.holder else v ->> 'holder' end, v ->> 'status',
                v ->> 'entries_allowed', case when v ->> 'sets_window' then v ->> 'valid_from' else t.valid_from end,
                case when v ->> 'sets_window' then v ->> 'valid_until' else t.valid_until end)",
    )
    .bind(event)
    .bind(incoming)
    .fetch_all(db)
    .await
}

/// Brings tickets to the state of the upload.
async fn update_tickets(db: &mut SqliteConnection, event: EventId, tickets: &[&UploadTicket], version: i64) -> Result<(), sqlx::Error> {
    for ticket in tickets {
        query(
            "update tickets
             set ticket_type_id = $4, status = $5, entries_allowed = $6, holder = case when $3 ->> 'keeps_holder' then holder else $3 ->> 'holder' end,
                 valid_from = case when $3 ->> 'sets_window' then $3 ->> 'valid_from' else valid_from end,
                 valid_until = case when $3 ->> 'sets_window' then $3 ->> 'valid_until' else valid_until end,
                 version = $7
             where event_id = $1 and code = $2",
        )
        .bind(event)
        .bind(&ticket.code)
        .bind(Json(ticket))
        .bind(ticket.ticket_type_id)
        .bind(ticket.status)
        .bind(ticket.entries_allowed)
        .bind(version)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

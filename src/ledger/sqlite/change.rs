//! Changes in SQLite: what `store_change` and `store_tickets` do in Postgres, statement by statement in one transaction.

use std::collections::HashMap;

use sqlx::{SqliteConnection, query, query_as, query_scalar, types::Json};
use uuid::Uuid;

use super::{Sqlite, begin};
use crate::{
    clock::Moment,
    ids::{EventId, OrganisationId, TicketId, TicketTypeId},
    ledger::{
        Note, SIGNING_KEYS, UploadChunk, UploadCount, UploadTicket,
        change::{Change, Ending, Guard, Images, Rotation},
        error::LedgerError,
        rows::Ticket,
        words::TicketStatus,
    },
};

impl Sqlite {
    /// Stores a change, whole or not at all. Answers its number in the log of changes, 0 when it altered nothing that others know.
    pub async fn store(&self, change: &Change) -> Result<i64, LedgerError> {
        let mut writer = self.writer().await;
        let mut tx = begin!(writer)?;
        guard(&mut tx, &change.guards).await?;
        images(&mut tx, change.organisation, &change.images).await?;
        let number = log(&mut tx, change.organisation, change.at, &change.altered()).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Ends open sessions. Answers which, and the change's number.
    pub async fn end_sessions(&self, ending: &Ending) -> Result<(Vec<Uuid>, i64), LedgerError> {
        let mut writer = self.writer().await;
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
        let mut writer = self.writer().await;
        let mut tx = begin!(writer)?;
        query("update signing_keys set retired_at = $1 where retired_at is null").bind(rotation.at).execute(&mut *tx).await?;
        query("delete from signing_keys where $1 or kid in (select value from json_each($2))")
            .bind(rotation.forget_old)
            .bind(Json(rotation.forget))
            .execute(&mut *tx)
            .await?;
        Self::note_on(&mut tx, Note::SigningKey(rotation.fresh)).await?;
        let number = log(&mut tx, OrganisationId(SIGNING_KEYS), rotation.at, &[SIGNING_KEYS]).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Stores a chunk of an upload.
    pub async fn store_tickets(&self, chunk: &UploadChunk) -> Result<UploadCount, LedgerError> {
        let mut writer = self.writer().await;
        let mut tx = begin!(writer)?;
        guard(&mut tx, &chunk.guards).await?;
        let next: i64 = query_scalar("select version + 1 from events where id = $1").bind(chunk.event).fetch_one(&mut *tx).await?;
        let mut count = UploadCount::default();
        let mut taken: HashMap<TicketTypeId, i64> = HashMap::new();
        for ticket in &chunk.tickets {
            store_ticket(&mut tx, chunk, ticket, next, &mut count, &mut taken).await?;
        }
        for (ticket_type, more) in taken {
            query("update ticket_types set taken = taken + $2 where id = $1").bind(ticket_type).bind(more).execute(&mut *tx).await?;
        }
        if count.updated > 0 {
            query("update events set version = $2 where id = $1").bind(chunk.event).bind(next).execute(&mut *tx).await?;
            count.seq = log(&mut tx, chunk.organisation, chunk.at, &[chunk.event.0]).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// The tickets of an event that have one of these codes.
    pub async fn tickets_by_code(&self, event: EventId, codes: &[&str]) -> Result<Vec<Ticket>, LedgerError> {
        let mut lease = self.lease().await?;
        let statement = query_as(
            "select id, ticket_type_id, code, holder, status, entries_allowed, version from tickets
             where event_id = $1 and code in (select value from json_each($2))",
        );
        let found = statement.bind(event).bind(Json(codes)).fetch_all(&mut *lease).await?;
        lease.finish();
        Ok(found)
    }

    /// Writes a note.
    pub async fn note(&self, note: Note<'_>) -> Result<(), LedgerError> {
        let mut writer = self.writer().await;
        let mut tx = begin!(writer)?;
        Self::note_on(&mut tx, note).await?;
        Ok(tx.commit().await?)
    }
}

pub(super) async fn guard(db: &mut SqliteConnection, guards: &[Guard]) -> Result<(), LedgerError> {
    for guard in guards {
        let (statement, id, version) = match *guard {
            Guard::Session { id, version } => ("select version = $2 from sessions where id = $1", id.0, version),
            Guard::Membership { id, version } => ("select version = $2 from memberships where id = $1", id.0, version),
            Guard::Device { id, version } => ("select version = $2 from devices where id = $1", id.0, version),
            Guard::Event { id, version } => ("select version = $2 from events where id = $1", id.0, version),
            Guard::OpenOfMember { id, version } => {
                ("select count(*) = $2 from sessions where membership_id = $1 and ended_at is null", id.0, version)
            }
            Guard::OpenOfDevice { id, version } => {
                ("select count(*) = $2 from sessions where device_id = $1 and ended_at is null", id.0, version)
            }
        };
        let stands: Option<bool> = query_scalar(statement).bind(id).bind(version).fetch_optional(&mut *db).await?;
        if stands != Some(true) {
            return Err(LedgerError::Moved);
        }
    }
    Ok(())
}

/// Stores one image: its row is new, or is now what the image's author read.
macro_rules! image {
    ($db:expr, $statement:expr, $($value:expr),+) => {
        if query($statement)$(.bind($value))+.execute(&mut *$db).await?.rows_affected() != 1 {
            return Err(LedgerError::Moved);
        }
    };
}
pub(super) use image;

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
pub(super) async fn log(db: &mut SqliteConnection, organisation: OrganisationId, at: Moment, altered: &[Uuid]) -> Result<i64, sqlx::Error> {
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

type Known = (TicketId, TicketTypeId, Option<String>, TicketStatus, i32);

async fn store_ticket(
    db: &mut SqliteConnection,
    chunk: &UploadChunk,
    ticket: &UploadTicket,
    next: i64,
    count: &mut UploadCount,
    taken: &mut HashMap<TicketTypeId, i64>,
) -> Result<(), sqlx::Error> {
    let known: Option<Known> =
        query_as("select id, ticket_type_id, holder, status, entries_allowed from tickets where event_id = $1 and code = $2")
            .bind(chunk.event)
            .bind(&ticket.code)
            .fetch_optional(&mut *db)
            .await?;
    match known {
        None => {
            query(
                "insert into tickets (id, organisation_id, event_id, ticket_type_id, code, holder, status, entries_allowed, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(ticket.id)
            .bind(chunk.organisation)
            .bind(chunk.event)
            .bind(ticket.ticket_type_id)
            .bind(&ticket.code)
            .bind(&ticket.holder)
            .bind(ticket.status)
            .bind(ticket.entries_allowed)
            .bind(chunk.at)
            .execute(&mut *db)
            .await?;
            count.created += 1;
        }
        Some((id, ticket_type, holder, status, entries)) => {
            if (ticket_type, &holder, status, entries) == (ticket.ticket_type_id, &ticket.holder, ticket.status, ticket.entries_allowed) {
                return Ok(());
            }
            query("update tickets set ticket_type_id = $2, holder = $3, status = $4, entries_allowed = $5, version = $6 where id = $1")
                .bind(id)
                .bind(ticket.ticket_type_id)
                .bind(&ticket.holder)
                .bind(ticket.status)
                .bind(ticket.entries_allowed)
                .bind(next)
                .execute(&mut *db)
                .await?;
            count.updated += 1;
            if status != TicketStatus::Void {
                *taken.entry(ticket_type).or_default() -= 1;
            }
        }
    }
    if ticket.status != TicketStatus::Void {
        *taken.entry(ticket.ticket_type_id).or_default() += 1;
    }
    Ok(())
}

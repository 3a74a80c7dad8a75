//! Guest lists in SQLite: what the functions of the Postgres ledger do, statement by statement in one transaction.

use sqlx::{SqliteConnection, query, query_as, query_scalar};

use crate::ledger::{
    change::sqlite::{guard, image},
    sqlite::{Sqlite, begin},
};
use crate::{
    ids::EventId,
    ledger::{
        error::LedgerError,
        guestlist::{Guest, GuestChange, GuestList, reads::GUEST_CENSUS},
    },
    limits,
};

impl Sqlite {
    /// Stores a change of guest lists, whole or not at all.
    pub async fn store_guests(&self, change: &GuestChange) -> Result<(), LedgerError> {
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        guard(&mut tx, &change.guards).await?;
        if let Some((id, version)) = change.on_list {
            let stands: bool =
                query_scalar("select exists (select 1 from guest_lists where organisation_id = $1 and id = $2 and version = $3)")
                    .bind(change.organisation)
                    .bind(id)
                    .bind(version)
                    .fetch_one(&mut *tx)
                    .await?;
            if !stands {
                return Err(LedgerError::Moved);
            }
        }
        let before = census(&mut tx, change.event()).await?;
        for list in &change.lists {
            store_list(&mut tx, list).await?;
        }
        for guest in &change.guests {
            store_guest(&mut tx, guest).await?;
        }
        let after = census(&mut tx, change.event()).await?;
        if (after.0 > limits::GUEST_LISTS_MAX && after.0 > before.0) || (after.1 > limits::GUESTS_MAX && after.1 > before.1) {
            return Err(LedgerError::Moved);
        }
        Ok(tx.commit().await?)
    }
}

/// How many guest lists and how many guests the event has now.
async fn census(db: &mut SqliteConnection, event: Option<EventId>) -> Result<(i64, i64), sqlx::Error> {
    match event {
        Some(event) => query_as(GUEST_CENSUS).bind(event).fetch_one(db).await,
        None => Ok((0, 0)),
    }
}

async fn store_list(db: &mut SqliteConnection, list: &GuestList) -> Result<(), LedgerError> {
    image!(
        db,
        "insert into guest_lists (organisation_id, id, event_id, name, note, removed_at, version, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (organisation_id, id) do update set name = excluded.name, note = excluded.note, removed_at = excluded.removed_at,
                version = excluded.version where version = excluded.version - 1",
        list.organisation_id,
        list.id,
        list.event_id,
        &list.name,
        &list.note,
        list.removed_at,
        list.version,
        list.created_at
    );
    if list.removed_at.is_some() {
        // Who is on a list is struck off with it.
        query(
            "update guests set removed_at = $3, version = version + 1 where organisation_id = $1 and list_id = $2 and removed_at is null",
        )
        .bind(list.organisation_id)
        .bind(list.id)
        .bind(list.removed_at)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

async fn store_guest(db: &mut SqliteConnection, guest: &Guest) -> Result<(), LedgerError> {
    image!(
        db,
        "insert into guests (organisation_id, id, event_id, list_id, name, name_key, company, note, party_size, removed_at, version, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            on conflict (organisation_id, id) do update set name = excluded.name, name_key = excluded.name_key, company = excluded.company,
                note = excluded.note, party_size = excluded.party_size, removed_at = excluded.removed_at, version = excluded.version
            where version = excluded.version - 1 and arrived <= excluded.party_size",
        guest.organisation_id,
        guest.id,
        guest.event_id,
        guest.list_id,
        &guest.name,
        &guest.name_key,
        &guest.company,
        &guest.note,
        guest.party_size,
        guest.removed_at,
        guest.version,
        guest.created_at
    );
    Ok(())
}

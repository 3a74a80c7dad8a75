//! Guest lists in SQLite: what the functions of the Postgres ledger do, statement by statement in one transaction.

use sqlx::{SqliteConnection, query, query_as, query_scalar};

use super::{
    Sqlite, begin,
    change::{guard, image},
};
use crate::{
    clock::Moment,
    ids::{EventId, GuestId, OrganisationId},
    ledger::{
        error::LedgerError,
        guestlist::{CheckInEntry, CheckedIn, Guest, GuestChange, GuestList, ListedGuest},
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

    /// Writes a batch of check-ins of one organisation; one outcome per entry, in their order. None: it was not written.
    pub async fn commit_check_ins(
        &self,
        organisation: OrganisationId,
        at: Moment,
        batch: &[CheckInEntry],
    ) -> Result<Vec<Option<CheckedIn>>, LedgerError> {
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for entry in batch {
            outcomes.push(match guard(&mut tx, &entry.guards).await {
                Err(LedgerError::Moved) => None,
                stands => {
                    stands?;
                    check_in(&mut tx, organisation, at, entry).await?
                }
            });
        }
        tx.commit().await?;
        Ok(outcomes)
    }

    /// Those of these guests that there are.
    pub async fn guests_by_id(&self, organisation: OrganisationId, ids: &[GuestId]) -> Result<Vec<ListedGuest>, LedgerError> {
        let mut lease = self.lease().await?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(Self::guest_on(&mut lease, organisation, *id).await?);
        }
        lease.finish();
        Ok(found)
    }
}

/// How many guest lists and how many guests the event has now.
async fn census(db: &mut SqliteConnection, event: Option<EventId>) -> Result<(i64, i64), sqlx::Error> {
    match event {
        Some(event) => Sqlite::guest_census_on(db, event).await,
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

/// Counts and writes a movement whose ground stands.
async fn check_in(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    at: Moment,
    entry: &CheckInEntry,
) -> Result<Option<CheckedIn>, sqlx::Error> {
    let (id, version) = entry.guest;
    let party: Option<(i32, i32)> =
        query_as("select party_size, arrived from guests where organisation_id = $1 and id = $2 and version = $3")
            .bind(organisation)
            .bind(id)
            .bind(version)
            .fetch_optional(&mut *db)
            .await?;
    let known: bool = query_scalar("select exists (select 1 from guest_check_ins where organisation_id = $1 and (id = $2 or undoes = $3))")
        .bind(organisation)
        .bind(entry.id)
        .bind(entry.undoes)
        .fetch_one(&mut *db)
        .await?;
    let Some((party_size, before)) = party.filter(|_| !known) else { return Ok(None) };
    let people = entry.people.unwrap_or(party_size - before);
    let arrived = before + people;
    if people == 0 || !(0..=party_size).contains(&arrived) {
        return Ok(None);
    }
    let seq: i32 = query_scalar(
        "insert into guest_check_ins (organisation_id, id, event_id, guest_id, seq, people, arrived, party_size, undoes, session_id,
                                      membership_id, device_id, gate, recorded_at, fingerprint)
         values ($1, $2, $3, $4, (select coalesce(max(seq), 0) + 1 from guest_check_ins where organisation_id = $1 and guest_id = $4),
                 $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         returning seq",
    )
    .bind(organisation)
    .bind(entry.id)
    .bind(entry.event)
    .bind(id)
    .bind(people)
    .bind(arrived)
    .bind(party_size)
    .bind(entry.undoes)
    .bind(entry.session)
    .bind(entry.membership)
    .bind(entry.device)
    .bind(&entry.gate)
    .bind(at)
    .bind(&entry.fingerprint)
    .fetch_one(&mut *db)
    .await?;
    query("update guests set arrived = $3 where organisation_id = $1 and id = $2")
        .bind(organisation)
        .bind(id)
        .bind(arrived)
        .execute(&mut *db)
        .await?;
    Ok(Some(CheckedIn { seq, people, arrived, recorded_at: at }))
}

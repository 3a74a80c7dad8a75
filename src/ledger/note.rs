//! Notes: small writes beside the changes.

use sqlx::{Executor, PgConnection, SqliteConnection, query, query_with, types::Json};

use super::{
    Ledger, Store,
    db::{Arg, for_postgres, for_sqlite},
    error::LedgerError,
    lease::within,
    postgres::Postgres,
    rows::SigningKey,
    sqlite::{Sqlite, begin},
};
use crate::{
    clock::Moment,
    ids::{DeviceId, EnrolmentId, SessionId},
    limits,
};

/// A small write that no decision rests on: it has no version, takes no lock, and is no change.
#[derive(Clone, Copy)]
pub enum Note<'n> {
    /// A signing key, unless there is one that is active.
    SigningKey(&'n SigningKey),
    /// Forget signing keys that were retired before this moment.
    PruneKeys(Moment),
    /// Forget changes that no copy can be older than.
    PruneChanges,
    /// Forget some of the scans that were refused before this moment.
    PruneRefused(Moment),
    /// What the app reports of this device's hardware, as the device was enrolled then.
    Hardware(DeviceId, Option<EnrolmentId>, &'n serde_json::Value),
    /// These sessions and devices were in use at this moment. A row that is being changed just now keeps an older moment.
    Used(&'n [SessionId], &'n [DeviceId], Moment),
}

/// A statement with its arguments; or, for last uses, what each database writes in its own way.
enum Work<'n> {
    Statement(&'static str, Vec<Arg<'n>>),
    LastUses(&'n [SessionId], &'n [DeviceId], Moment),
}

impl<'n> Note<'n> {
    fn work(self) -> Work<'n> {
        match self {
            Self::SigningKey(key) => Work::Statement(
                "insert into signing_keys (kid, seed, created_at) values ($1, $2, $3) on conflict do nothing",
                vec![(&key.kid).into(), (&key.seed).into(), key.created_at.into()],
            ),
            Self::PruneKeys(before) => Work::Statement("delete from signing_keys where retired_at < $1", vec![before.into()]),
            Self::PruneChanges => Work::Statement(
                "delete from changes where seq <= (select change_seq from book) - $1",
                vec![limits::CHANGES_KEPT_MAX.into()],
            ),
            Self::PruneRefused(before) => Work::Statement(
                "delete from refused_scans where id in (select id from refused_scans where refused_at < $1 order by refused_at limit $2)",
                vec![before.into(), limits::REFUSED_PRUNED_ROWS.into()],
            ),
            Self::Hardware(device, enrolment, hardware) => Work::Statement(
                "update devices set hardware = $3 where id = $1 and enrolment_id = $2 and revoked_at is null",
                vec![Arg::id(device), Arg::optional_id(enrolment), Arg::Json(hardware)],
            ),
            Self::Used(sessions, devices, at) => Work::LastUses(sessions, devices, at),
        }
    }
}

impl Ledger {
    /// Writes a note.
    pub async fn note(&self, note: Note<'_>) -> Result<(), LedgerError> {
        match &self.store {
            Store::Postgres(ledger) => ledger.note(note).await,
            Store::Sqlite(ledger) => ledger.note(note).await,
        }
    }
}

impl Postgres {
    async fn note(&self, note: Note<'_>) -> Result<(), LedgerError> {
        let mut lease = self.lease().await?;
        within(lease.left(limits::LEDGER_BULK_TIMEOUT), in_postgres(&mut lease, note)).await?;
        lease.finish();
        Ok(())
    }
}

async fn in_postgres(db: &mut PgConnection, note: Note<'_>) -> Result<(), sqlx::Error> {
    match note.work() {
        Work::Statement(sql, args) => {
            db.execute(query_with(sql, for_postgres(&args)?)).await?;
        }
        // All in one commit, and without a wait for a lock: a change may hold one of these rows and wait for another, and Postgres needs a
        // second to find such a deadlock.
        Work::LastUses(sessions, devices, at) => {
            query(
                "with free_sessions as (
                 select id from sessions where id = any($1) and seen_at < $3 order by id for no key update skip locked
             ),
             free_devices as (select id from devices where id = any($2) order by id for no key update skip locked),
             seen as (update sessions set seen_at = $3 from free_sessions f where sessions.id = f.id)
             update devices set seen_at = $3 from free_devices f where devices.id = f.id",
            )
            .bind(sessions)
            .bind(devices)
            .bind(at)
            .execute(db)
            .await?;
        }
    }
    Ok(())
}

impl Sqlite {
    async fn note(&self, note: Note<'_>) -> Result<(), LedgerError> {
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        in_sqlite(&mut tx, note).await?;
        Ok(tx.commit().await?)
    }
}

/// Writes a note in the transaction that is open on this connection.
pub(super) async fn in_sqlite(db: &mut SqliteConnection, note: Note<'_>) -> Result<(), sqlx::Error> {
    match note.work() {
        Work::Statement(sql, args) => {
            db.execute(query_with(sql, for_sqlite(&args)?)).await?;
        }
        // Two statements, however many rows: each statement is a change of threads, during which no other write can begin.
        Work::LastUses(sessions, devices, at) => {
            query("update sessions set seen_at = $2 where id in (select unhex(value, '-') from json_each($1)) and seen_at < $2")
                .bind(Json(sessions))
                .bind(at)
                .execute(&mut *db)
                .await?;
            query("update devices set seen_at = $2 where id in (select unhex(value, '-') from json_each($1))")
                .bind(Json(devices))
                .bind(at)
                .execute(db)
                .await?;
        }
    }
    Ok(())
}

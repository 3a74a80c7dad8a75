//! Holds in SQLite: a batch is one transaction.

use sqlx::{SqliteConnection, query, query_as, query_scalar};

use crate::ledger::change::sqlite::guard;
use crate::ledger::sqlite::{InOrder, Sqlite, begin};
use crate::{
    clock::Moment,
    ids::{HoldId, OrganisationId, SaleId, TicketTypeId},
    ledger::{
        entry::{DecidedOn, Outcome},
        error::LedgerError,
        hold::{HoldEntry, HoldRefused, ReleaseEntry},
        rows::SaleLine,
        sale::SoldOut,
    },
    limits,
};

impl Sqlite {
    /// Gives a hold's stock back, if the hold is neither used nor released.
    pub async fn release_hold(&self, at: Moment, entry: &ReleaseEntry) -> Result<Outcome<()>, LedgerError> {
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        guard(&mut tx, &entry.decided_on().guards()).await?;
        let released = end_hold(&mut tx, entry.organisation(), entry.0, None, at).await?;
        tx.commit().await?;
        Ok(if released { Outcome::Recorded(()) } else { Outcome::Moved })
    }
}

/// Ends a hold that is neither used nor released: by this sale, or without one. Answers whether it was there to be ended.
pub(in crate::ledger) async fn end_hold(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    hold: HoldId,
    sale: Option<SaleId>,
    at: Moment,
) -> Result<bool, sqlx::Error> {
    let ended = query(
        "update holds set used_by = $3, released_at = $4
         where organisation_id = $1 and id = $2 and used_by is null and released_at is null",
    )
    .bind(organisation)
    .bind(hold)
    .bind(sale)
    .bind(sale.is_none().then_some(at))
    .execute(&mut *db)
    .await?
    .rows_affected();
    query("update hold_lines set kept = 0 where organisation_id = $1 and hold_id = $2")
        .bind(organisation)
        .bind(hold)
        .execute(&mut *db)
        .await?;
    Ok(ended == 1)
}

/// The first type whose quota does not cover these lines, and what is left of it. Stock in live holds is not left, except that of one hold.
pub(in crate::ledger) async fn short(
    db: &mut SqliteConnection,
    lines: &[SaleLine],
    at: Moment,
    but_for: Option<HoldId>,
) -> Result<Option<(TicketTypeId, i32)>, sqlx::Error> {
    for line in lines {
        let (left,): (Option<i32>,) = query_as(
            "select quota - taken - (
                 select coalesce(sum(l.quantity), 0) from hold_lines l
                 where l.ticket_type_id = t.id and l.kept and l.expires_at > $2 and l.hold_id is not $3)
             from ticket_types t where t.id = $1",
        )
        .bind(line.ticket_type_id)
        .bind(at)
        .bind(but_for)
        .fetch_one(&mut *db)
        .await?;
        if let Some(left) = left.filter(|left| *left < line.quantity) {
            return Ok(Some((line.ticket_type_id, left.max(0))));
        }
    }
    Ok(None)
}

impl InOrder for HoldEntry {
    fn basis(&self) -> &DecidedOn {
        self.decided_on()
    }

    async fn insert(
        &self,
        db: &mut SqliteConnection,
        organisation: OrganisationId,
        at: Moment,
    ) -> Result<Outcome<(), HoldRefused>, sqlx::Error> {
        let known: bool = query_scalar("select exists (select 1 from holds where organisation_id = $1 and id = $2)")
            .bind(organisation)
            .bind(self.id)
            .fetch_one(&mut *db)
            .await?;
        if known {
            return Ok(Outcome::Moved);
        }
        let live: i32 =
            query_scalar("select count(*) from holds where device_id = $1 and expires_at > $2 and used_by is null and released_at is null")
                .bind(self.decided_on().device_id())
                .bind(at)
                .fetch_one(&mut *db)
                .await?;
        if live >= limits::HOLDS_PER_TILL_MAX {
            return Ok(Outcome::Refused(HoldRefused::TooMany));
        }
        if let Some((ticket_type, left)) = short(db, &self.lines, at, None).await? {
            return Ok(Outcome::Refused(HoldRefused::SoldOut(SoldOut { ticket_type, left })));
        }
        write_hold(db, organisation, at, self).await?;
        Ok(Outcome::Recorded(()))
    }
}

async fn write_hold(db: &mut SqliteConnection, organisation: OrganisationId, at: Moment, entry: &HoldEntry) -> Result<(), sqlx::Error> {
    query(
        "insert into holds (organisation_id, id, event_id, session_id, device_id, currency, total_minor, recorded_at, expires_at, fingerprint)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(organisation)
    .bind(entry.id)
    .bind(entry.decided_on().event.0)
    .bind(entry.decided_on().session.0)
    .bind(entry.decided_on().device_id())
    .bind(&entry.currency)
    .bind(entry.total_minor)
    .bind(at)
    .bind(entry.expires_at)
    .bind(&entry.fingerprint)
    .execute(&mut *db)
    .await?;
    for (place, line) in (1_i32..).zip(&entry.lines) {
        query(
            "insert into hold_lines (organisation_id, hold_id, place, ticket_type_id, name, quantity, unit_minor, amount_minor, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(organisation)
        .bind(entry.id)
        .bind(place)
        .bind(line.ticket_type_id)
        .bind(&line.name)
        .bind(line.quantity)
        .bind(line.unit_minor)
        .bind(line.amount_minor)
        .bind(entry.expires_at)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

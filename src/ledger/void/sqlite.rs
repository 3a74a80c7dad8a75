//! Voids in SQLite: what `commit_void` does in Postgres, statement by statement in one transaction.

use sqlx::{SqliteConnection, query, query_as, query_scalar};

use crate::ledger::change::sqlite::{guard, log};
use crate::ledger::sqlite::{Sqlite, begin};
use crate::{
    clock::Moment,
    ids::{OrganisationId, SaleId, TicketId, TicketTypeId},
    ledger::{
        entry::Outcome,
        error::LedgerError,
        kinds::TicketStatus,
        void::{StillInside, VoidEntry, VoidOutcome},
    },
};

impl Sqlite {
    /// Voids a sale. Answers what became of it and the number of the change, 0 when nothing was written.
    pub async fn commit_void(&self, at: Moment, entry: &VoidEntry) -> Result<(VoidOutcome, i64), LedgerError> {
        let organisation = entry.organisation();
        let mut writer = self.writer.lock().await?;
        let mut tx = begin!(writer)?;
        guard(&mut tx, &entry.decided_on().guards()).await?;
        let known: bool = query_scalar("select exists (select 1 from sale_voids where organisation_id = $1 and (id = $2 or sale_id = $3))")
            .bind(organisation)
            .bind(entry.id)
            .bind(entry.sale)
            .fetch_one(&mut *tx)
            .await?;
        if known {
            return Ok((Outcome::Moved, 0));
        }
        if let Some(ticket) = inside(&mut tx, organisation, entry.sale).await? {
            return Ok((Outcome::Refused(StillInside(ticket)), 0));
        }
        write_void(&mut tx, organisation, at, entry).await?;
        give_back(&mut tx, organisation, entry).await?;
        let number = log(&mut tx, organisation, at, &[entry.decided_on().event.0.0]).await?;
        tx.commit().await?;
        Ok((Outcome::Recorded(at), number))
    }
}

/// The first ticket of the sale that is inside.
async fn inside(db: &mut SqliteConnection, organisation: OrganisationId, sale: SaleId) -> Result<Option<TicketId>, sqlx::Error> {
    query_scalar(
        "select t.id from tickets t join admissions a on a.ticket_id = t.id
         where t.organisation_id = $1 and t.sale_id = $2 and a.inside > 0
           and a.seq = (select max(seq) from admissions where ticket_id = t.id)
         order by t.id limit 1",
    )
    .bind(organisation)
    .bind(sale)
    .fetch_optional(db)
    .await
}

async fn write_void(db: &mut SqliteConnection, organisation: OrganisationId, at: Moment, entry: &VoidEntry) -> Result<(), sqlx::Error> {
    query(
        "insert into sale_voids (organisation_id, id, sale_id, event_id, session_id, device_id, reason, recorded_at, fingerprint)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(organisation)
    .bind(entry.id)
    .bind(entry.sale)
    .bind(entry.decided_on().event.0)
    .bind(entry.decided_on().session.0)
    .bind(entry.decided_on().device_id())
    .bind(&entry.reason)
    .bind(at)
    .bind(&entry.fingerprint)
    .execute(db)
    .await?;
    Ok(())
}

/// The tickets become void at the event's next version, and their stock comes back; one that was void already gave it back then.
async fn give_back(db: &mut SqliteConnection, organisation: OrganisationId, entry: &VoidEntry) -> Result<(), sqlx::Error> {
    let event = entry.decided_on().event.0;
    let next: i64 =
        query_scalar("update events set version = version + 1 where id = $1 returning version").bind(event).fetch_one(&mut *db).await?;
    let gone: Vec<(TicketTypeId, i64)> = query_as(
        "select ticket_type_id, count(*) from tickets where organisation_id = $1 and sale_id = $2 and status <> $3 group by ticket_type_id",
    )
    .bind(organisation)
    .bind(entry.sale)
    .bind(TicketStatus::Void)
    .fetch_all(&mut *db)
    .await?;
    for (ticket_type, count) in gone {
        query("update ticket_types set taken = taken - $2 where id = $1").bind(ticket_type).bind(count).execute(&mut *db).await?;
    }
    query("update tickets set status = $3, version = $4 where organisation_id = $1 and sale_id = $2 and status <> $3")
        .bind(organisation)
        .bind(entry.sale)
        .bind(TicketStatus::Void)
        .bind(next)
        .execute(&mut *db)
        .await?;
    Ok(())
}

//! Scans in SQLite: a batch is one transaction.

use sqlx::{SqliteConnection, query, query_as, query_scalar};

use super::{Sqlite, Standing, begin};
use crate::{
    clock::Moment,
    ids::OrganisationId,
    ledger::{
        entry::{ScanEntry, ScanOutcome},
        error::LedgerError,
    },
};

impl Sqlite {
    /// Writes a batch of scans of one organisation; one outcome per entry, in their order.
    pub async fn commit_scans(
        &self,
        organisation: OrganisationId,
        at: Moment,
        batch: &[ScanEntry],
    ) -> Result<Vec<ScanOutcome>, LedgerError> {
        let mut writer = self.writer().await;
        let mut tx = begin!(writer)?;
        let mut standing = Standing::default();
        let mut outcomes = Vec::with_capacity(batch.len());
        for entry in batch {
            let written = match standing.of(&mut tx, &entry.ground).await? {
                true => write(&mut tx, organisation, at, entry).await?,
                false => ScanOutcome::NotWritten,
            };
            outcomes.push(written);
        }
        tx.commit().await?;
        Ok(outcomes)
    }
}

async fn write(db: &mut SqliteConnection, organisation: OrganisationId, at: Moment, entry: &ScanEntry) -> Result<ScanOutcome, sqlx::Error> {
    let known: bool = query_scalar("select exists (select 1 from admissions where organisation_id = $1 and id = $2)")
        .bind(organisation)
        .bind(entry.id)
        .fetch_one(&mut *db)
        .await?;
    let last: Option<(i32, i32, i32)> = query_as("select seq, used, inside from admissions where ticket_id = $1 order by seq desc limit 1")
        .bind(entry.ticket)
        .fetch_optional(&mut *db)
        .await?;
    let (seq, used, inside) = last.unwrap_or_default();
    let (seq, used, inside) = (seq + 1, used + entry.uses, inside + entry.moves());
    let used_up = entry.uses > 0 && used > entry.allowed;
    if known || used_up || used < 0 || inside < 0 {
        return Ok(ScanOutcome::NotWritten);
    }
    query(
        "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate, scanned_at, recorded_at, fingerprint)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(organisation)
    .bind(entry.id)
    .bind(entry.ground.event.0)
    .bind(entry.ticket)
    .bind(seq)
    .bind(entry.direction)
    .bind(used)
    .bind(inside)
    .bind(entry.ground.session.0)
    .bind(entry.ground.device.0)
    .bind(&entry.gate)
    .bind(entry.scanned_at)
    .bind(at)
    .bind(&entry.fingerprint)
    .execute(&mut *db)
    .await?;
    Ok(ScanOutcome::Recorded { seq, used, inside, recorded_at: at })
}

//! Scans in SQLite: a batch is one transaction.

use sqlx::{SqliteConnection, query, query_as, query_scalar};

use super::{Entry, Sqlite};
use crate::{
    clock::Moment,
    ids::OrganisationId,
    ledger::{
        entry::{Ground, ScanEntry, ScanOutcome},
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
        self.commit(organisation, at, batch).await
    }
}

impl Entry for ScanEntry {
    type Outcome = ScanOutcome;
    const NOT_WRITTEN: ScanOutcome = ScanOutcome::NotWritten;

    fn ground(&self) -> &Ground {
        &self.ground
    }

    async fn write(&self, db: &mut SqliteConnection, organisation: OrganisationId, at: Moment) -> Result<ScanOutcome, sqlx::Error> {
        let known: bool = query_scalar(
            "select exists (select 1 from admissions where organisation_id = $1 and id = $2)
                 or exists (select 1 from admissions where organisation_id = $1 and undoes = $3)",
        )
        .bind(organisation)
        .bind(self.id)
        .bind(self.undoes)
        .fetch_one(&mut *db)
        .await?;
        let last: Option<(i32, i32, i32)> =
            query_as("select seq, used, inside from admissions where ticket_id = $1 order by seq desc limit 1")
                .bind(self.ticket)
                .fetch_optional(&mut *db)
                .await?;
        let (seq, used, inside) = last.unwrap_or_default();
        let (seq, used, inside) = (seq + 1, used + self.uses, inside + self.moves());
        let used_up = self.uses > 0 && used > self.allowed;
        if known || used_up || used < 0 || inside < 0 {
            return Ok(ScanOutcome::NotWritten);
        }
        query(
            "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate, scanned_at, recorded_at, fingerprint, undoes)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(organisation)
        .bind(self.id)
        .bind(self.ground.event.0)
        .bind(self.ticket)
        .bind(seq)
        .bind(self.direction)
        .bind(used)
        .bind(inside)
        .bind(self.ground.session.0)
        .bind(self.ground.device.0)
        .bind(&self.gate)
        .bind(self.scanned_at)
        .bind(at)
        .bind(&self.fingerprint)
        .bind(self.undoes)
        .execute(&mut *db)
        .await?;
        Ok(ScanOutcome::Recorded { seq, used, inside, recorded_at: at })
    }
}

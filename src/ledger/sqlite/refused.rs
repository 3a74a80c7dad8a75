//! The log of refused scans in SQLite: a batch is one transaction on the one writer, and short for that reason.

use sqlx::query;

use super::{Sqlite, begin};
use crate::ledger::{error::LedgerError, rows::RefusedScan};

impl Sqlite {
    /// Writes refused scans down.
    pub async fn log_refused(&self, batch: &[RefusedScan]) -> Result<(), LedgerError> {
        let mut writer = self.writer().await;
        let mut tx = begin!(writer)?;
        for refused in batch {
            query(
                "insert into refused_scans (id, organisation_id, event_id, scan_id, code, ticket_id, direction, reason, gate, session_id, device_id,
                                            scanned_at, refused_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            )
            .bind(refused.id)
            .bind(refused.organisation_id)
            .bind(refused.event_id)
            .bind(refused.scan_id)
            .bind(&refused.code)
            .bind(refused.ticket_id)
            .bind(refused.direction)
            .bind(refused.reason)
            .bind(&refused.gate)
            .bind(refused.session_id)
            .bind(refused.device_id)
            .bind(refused.scanned_at)
            .bind(refused.refused_at)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }
}

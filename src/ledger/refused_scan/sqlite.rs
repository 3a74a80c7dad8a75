//! The log of refused scans in SQLite: a batch is one statement on the one writer, and short for that reason.

use serde_json::{Value, json};
use sqlx::{query, types::Json};

use crate::ledger::sqlite::{Sqlite, in_the_ledger};
use crate::ledger::{error::LedgerError, rows::RefusedScan};

fn as_json(refused: &RefusedScan) -> Value {
    json!([
        refused.id,
        refused.organisation_id,
        refused.event_id,
        refused.scan_id,
        refused.code,
        refused.ticket_id,
        refused.direction,
        refused.reason,
        refused.gate,
        refused.session_id,
        refused.device_id,
        refused.scanned_at.map(in_the_ledger),
        in_the_ledger(refused.refused_at),
    ])
}

impl Sqlite {
    /// Writes refused scans down.
    pub async fn log_refused(&self, batch: &[RefusedScan]) -> Result<(), LedgerError> {
        let rows: Vec<Value> = batch.iter().map(as_json).collect();
        let mut writer = self.writer.lock().await?;
        query(
            "insert into refused_scans (id, organisation_id, event_id, scan_id, code, ticket_id, direction, reason, gate, session_id, device_id,
                                        scanned_at, refused_at)
             select unhex(value ->> 0, '-'), unhex(value ->> 1, '-'), unhex(value ->> 2, '-'), unhex(value ->> 3, '-'), value ->> 4,
                    unhex(value ->> 5, '-'), value ->> 6, value ->> 7, value ->> 8, unhex(value ->> 9, '-'), unhex(value ->> 10, '-'),
                    value ->> 11, value ->> 12
             from json_each($1)",
        )
        .bind(Json(rows))
        .execute(&mut *writer)
        .await?;
        Ok(())
    }
}

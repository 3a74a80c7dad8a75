//! The log of refused scans in Postgres: a batch is one statement, on a connection of its own.

use sqlx::query;

use crate::ledger::postgres::Postgres;
use crate::{
    ledger::{error::LedgerError, lease::within, rows::RefusedScan},
    limits,
};

impl Postgres {
    /// Writes refused scans down.
    pub async fn log_refused(&self, batch: &[RefusedScan]) -> Result<(), LedgerError> {
        macro_rules! column {
            ($row:ident => $value:expr) => {
                batch.iter().map(|$row| $value).collect::<Vec<_>>()
            };
        }
        let mut lease = self.logs.lease().await?;
        let statement = query(
            "insert into refused_scans (id, organisation_id, event_id, scan_id, code, ticket_id, direction, reason, gate, session_id, device_id,
                                        scanned_at, refused_at)
             select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[],
                                  $10::uuid[], $11::uuid[], $12::timestamptz[], $13::timestamptz[])",
        )
        .bind(column!(r => r.id.0))
        .bind(column!(r => r.organisation_id.0))
        .bind(column!(r => r.event_id.0))
        .bind(column!(r => r.scan_id.0))
        .bind(column!(r => r.code.as_str()))
        .bind(column!(r => r.ticket_id.map(|id| id.0)))
        .bind(column!(r => r.direction.as_str()))
        .bind(column!(r => r.reason))
        .bind(column!(r => r.gate.as_deref()))
        .bind(column!(r => r.session_id.0))
        .bind(column!(r => r.device_id.0))
        .bind(column!(r => r.scanned_at))
        .bind(column!(r => r.refused_at));
        within(lease.left(limits::LEDGER_CALL_TIMEOUT), statement.execute(&mut *lease)).await?;
        lease.finish();
        Ok(())
    }
}

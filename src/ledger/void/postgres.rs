//! Voids in Postgres: one call of `commit_void`.

use serde_json::json;
use sqlx::{query_as, types::Json};

use crate::ledger::postgres::Postgres;
use crate::{
    clock::Moment,
    ids::TicketId,
    ledger::{
        entry::Outcome,
        error::LedgerError,
        lease::within,
        void::{StillInside, VoidEntry, VoidOutcome},
    },
    limits,
};

impl Postgres {
    /// Voids a sale. Answers what became of it and the number of the change, 0 when nothing was written.
    pub async fn commit_void(&self, at: Moment, entry: &VoidEntry) -> Result<(VoidOutcome, i64), LedgerError> {
        let void = json!({
            "id": entry.id,
            "sale_id": entry.sale,
            "event_id": entry.decided_on().event.0,
            "session_id": entry.decided_on().session.0,
            "device_id": entry.decided_on().device_id(),
            "reason": entry.reason,
            "fingerprint": entry.fingerprint,
        });
        let mut lease = self.lease().await?;
        let statement = query_as("select outcome, ticket, seq from commit_void($1, $2, $3, $4)")
            .bind(entry.organisation())
            .bind(at)
            .bind(Json(entry.decided_on().guards()))
            .bind(Json(void));
        let (outcome, inside, number): (String, Option<TicketId>, i64) =
            within(lease.left(limits::LEDGER_CALL_TIMEOUT), statement.fetch_one(&mut *lease)).await?;
        lease.finish();
        let outcome = match (outcome.as_str(), inside) {
            ("recorded", _) => Outcome::Recorded(at),
            ("inside", Some(ticket)) => Outcome::Refused(StillInside(ticket)),
            _ => Outcome::Moved,
        };
        Ok((outcome, number))
    }
}

//! What is read of scans outside of fresh looks.

use crate::{
    ids::{EventId, ScanId, SessionId},
    ledger::{Ledger, LedgerError, db::Arg},
    limits,
};

impl Ledger {
    /// Where a scan of the session's organisation was made: the event, and the ticket's code. A movement that takes another back is no scan.
    pub async fn scanned(&self, session: SessionId, scan: ScanId) -> Result<Option<(EventId, String)>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        db.optional(
            "select a.event_id, t.code from sessions s
             join admissions a on a.organisation_id = s.organisation_id and a.id = $2 and a.undoes is null
             join tickets t on t.id = a.ticket_id
             where s.id = $1",
            &[Arg::id(session), Arg::id(scan)],
        )
        .await
    }
}

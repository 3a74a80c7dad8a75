//! What is read of tickets.

use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    ids::EventId,
    ledger::{KnownTicket, Ledger, LedgerError, db::Arg, rows::Ticket},
    limits,
};

/// A ticket, and whether it was ever scanned.
#[derive(FromRow)]
struct TicketUse {
    #[sqlx(flatten)]
    ticket: Ticket,
    scanned: bool,
}

impl Ledger {
    /// A page of an event's tickets, in the order of their codes.
    pub async fn tickets(&self, event: EventId, after: &str) -> Result<Vec<Ticket>, LedgerError> {
        self.reader(limits::LEDGER_BULK_TIMEOUT)
            .await?
            .all(
                "select id, ticket_type_id, code, holder, status, entries_allowed, valid_from, valid_until, version from tickets where event_id = $1 and code > $2 order by code limit $3",
                &[Arg::id(event), after.into(), limits::WARM_PAGE_ROWS.into()],
            )
            .await
    }

    /// An event's tickets that have changed since an older version of it.
    pub async fn tickets_changed(&self, event: EventId, since: i64) -> Result<Vec<Ticket>, LedgerError> {
        self.reader(limits::LEDGER_BULK_TIMEOUT)
            .await?
            .all(
                "select id, ticket_type_id, code, holder, status, entries_allowed, valid_from, valid_until, version from tickets where event_id = $1 and version > $2 and version > 0",
                &[Arg::id(event), since.into()],
            )
            .await
    }

    /// Every ticket of an event, and whether it was ever scanned; for a demo's list of what can be tried.
    pub async fn tickets_with_use(&self, event: EventId) -> Result<Vec<(Ticket, bool)>, LedgerError> {
        let found: Vec<TicketUse> = self
            .reader(limits::LEDGER_BULK_TIMEOUT)
            .await?
            .all(
                "select t.id, t.ticket_type_id, t.code, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until, t.version,
                    exists (select 1 from admissions a where a.ticket_id = t.id) as scanned
             from tickets t where t.event_id = $1 order by t.code",
                &[Arg::id(event)],
            )
            .await?;
        Ok(found.into_iter().map(|found| (found.ticket, found.scanned)).collect())
    }

    /// The tickets of an event that have one of these codes.
    pub async fn tickets_by_code(&self, event: EventId, codes: &[&str]) -> Result<Vec<KnownTicket>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        let statement = format!(
            "select t.id, t.ticket_type_id, t.code, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until, t.version,
                    (select count(*) from admissions a where a.ticket_id = t.id) as movements,
                    (select a.id from admissions a where a.ticket_id = t.id and a.seq = 1) as first
             from tickets t where t.event_id = $2 and t.code {}",
            db.kind().among_texts()
        );
        db.all(AssertSqlSafe(statement), &[Arg::Texts(codes), Arg::id(event)]).await
    }
}

//! Sales in Postgres: a batch of one organisation is one call of `commit_sales`.

use serde_json::{Value, json};
use sqlx::{query_as, types::Json};

use crate::ledger::{postgres::Postgres, scan::postgres::DecidedOnSet};
use crate::{
    clock::Moment,
    ids::{OrganisationId, TicketTypeId},
    ledger::{
        entry::Outcome,
        error::LedgerError,
        lease::within,
        sale::{NewTicket, SaleEntry, SaleRecorded, SoldOut},
    },
    limits,
};

/// The outcome, the receipt number, the type that lacks and what is left of it.
type Row = (String, Option<i64>, Option<TicketTypeId>, Option<i32>);

impl Postgres {
    /// Writes a batch of sales of one organisation; one outcome per entry, in their order.
    pub async fn commit_sales(
        &self,
        organisation: OrganisationId,
        at: Moment,
        batch: &[SaleEntry],
    ) -> Result<Vec<Outcome<SaleRecorded, SoldOut>>, LedgerError> {
        let mut all_decided_on = DecidedOnSet::default();
        let sales: Vec<Value> = batch.iter().map(|entry| as_json(entry, all_decided_on.place(entry.decided_on()))).collect();
        let mut lease = self.commits.lease().await?;
        let statement = query_as("select outcome, receipt, lacking, remaining from commit_sales($1, $2, $3, $4)")
            .bind(organisation)
            .bind(at)
            .bind(all_decided_on.into_json())
            .bind(Json(sales));
        let answers: Vec<Row> = within(limits::ATTEMPT_TIMEOUT, statement.fetch_all(&mut *lease)).await?;
        lease.finish();
        Ok(answers.into_iter().map(|answer| outcome(answer, at)).collect())
    }
}

fn outcome((outcome, receipt_number, ticket_type, left): Row, recorded_at: Moment) -> Outcome<SaleRecorded, SoldOut> {
    match (outcome.as_str(), receipt_number, ticket_type, left) {
        ("recorded", Some(receipt_number), _, _) => Outcome::Recorded(SaleRecorded { receipt_number, recorded_at }),
        ("sold_out", _, Some(ticket_type), Some(left)) => Outcome::Refused(SoldOut { ticket_type, left }),
        _ => Outcome::Moved,
    }
}

fn as_json(entry: &SaleEntry, decided_on: i32) -> Value {
    let ticket = |t: &NewTicket| json!({ "id": t.id, "ticket_type_id": t.ticket_type_id, "code": t.code, "entries_allowed": t.entries_allowed, "admission": t.admission });
    json!({
        "ground": decided_on,
        "id": entry.id,
        "event_id": entry.decided_on().event.0,
        "session_id": entry.decided_on().session.0,
        "device_id": entry.decided_on().device_id(),
        "currency": entry.currency,
        "total_minor": entry.total_minor,
        "method": entry.method,
        "tendered_minor": entry.tendered_minor,
        "change_minor": entry.change_minor,
        "reference": entry.reference,
        "fingerprint": entry.fingerprint,
        "gate": entry.gate,
        "hold_id": entry.hold,
        "lines": entry.lines,
        "tickets": entry.tickets.iter().map(ticket).collect::<Vec<_>>(),
    })
}

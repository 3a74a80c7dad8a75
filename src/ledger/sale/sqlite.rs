//! Sales in SQLite: a batch is one transaction.

use sqlx::{SqliteConnection, query, query_scalar};

use crate::ledger::{
    hold::sqlite::{end_hold, short},
    sqlite::InOrder,
};
use crate::{
    clock::Moment,
    ids::OrganisationId,
    ledger::{
        entry::{DecidedOn, Outcome},
        kinds::TicketStatus,
        sale::{NewTicket, SaleEntry, SaleRecorded, SoldOut},
    },
};

impl InOrder for SaleEntry {
    fn basis(&self) -> &DecidedOn {
        self.decided_on()
    }

    async fn insert(
        &self,
        db: &mut SqliteConnection,
        organisation: OrganisationId,
        at: Moment,
    ) -> Result<Outcome<SaleRecorded, SoldOut>, sqlx::Error> {
        let known: bool = query_scalar("select exists (select 1 from sales where organisation_id = $1 and id = $2)")
            .bind(organisation)
            .bind(self.id)
            .fetch_one(&mut *db)
            .await?;
        if known {
            return Ok(Outcome::Moved);
        }
        if let Some((ticket_type, left)) = short(db, &self.lines, at, self.hold).await? {
            return Ok(Outcome::Refused(SoldOut { ticket_type, left }));
        }
        if let Some(hold) = self.hold
            && !end_hold(db, organisation, hold, Some(self.id), at).await?
        {
            return Ok(Outcome::Moved);
        }
        for line in &self.lines {
            query("update ticket_types set taken = taken + $2 where id = $1")
                .bind(line.ticket_type_id)
                .bind(line.quantity)
                .execute(&mut *db)
                .await?;
        }
        let receipt_number: i64 = query_scalar("update receipt_counters set last = last + 1 where organisation_id = $1 returning last")
            .bind(organisation)
            .fetch_one(&mut *db)
            .await?;
        write_sale(db, organisation, at, self, receipt_number).await?;
        for (place, line) in (1_i32..).zip(&self.lines) {
            query(
                "insert into sale_lines (organisation_id, sale_id, place, ticket_type_id, name, quantity, unit_minor, amount_minor)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(organisation)
            .bind(self.id)
            .bind(place)
            .bind(line.ticket_type_id)
            .bind(&line.name)
            .bind(line.quantity)
            .bind(line.unit_minor)
            .bind(line.amount_minor)
            .execute(&mut *db)
            .await?;
        }
        for ticket in &self.tickets {
            write_ticket(db, organisation, at, self, ticket).await?;
        }
        Ok(Outcome::Recorded(SaleRecorded { receipt_number, recorded_at: at }))
    }
}

async fn write_sale(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    at: Moment,
    entry: &SaleEntry,
    receipt_number: i64,
) -> Result<(), sqlx::Error> {
    query(
        "insert into sales (organisation_id, id, event_id, receipt_number, session_id, device_id, currency, total_minor, method, tendered_minor,
                            change_minor, reference, recorded_at, fingerprint, hold_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(organisation)
    .bind(entry.id)
    .bind(entry.decided_on().event.0)
    .bind(receipt_number)
    .bind(entry.decided_on().session.0)
    .bind(entry.decided_on().device_id())
    .bind(&entry.currency)
    .bind(entry.total_minor)
    .bind(entry.method)
    .bind(entry.tendered_minor)
    .bind(entry.change_minor)
    .bind(&entry.reference)
    .bind(at)
    .bind(&entry.fingerprint)
    .bind(entry.hold)
    .execute(&mut *db)
    .await?;
    Ok(())
}

async fn write_ticket(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    at: Moment,
    entry: &SaleEntry,
    ticket: &NewTicket,
) -> Result<(), sqlx::Error> {
    query(
        "insert into tickets (id, organisation_id, event_id, ticket_type_id, code, status, entries_allowed, sale_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(ticket.id)
    .bind(organisation)
    .bind(entry.decided_on().event.0)
    .bind(ticket.ticket_type_id)
    .bind(&ticket.code)
    .bind(TicketStatus::Valid)
    .bind(ticket.entries_allowed)
    .bind(entry.id)
    .bind(at)
    .execute(&mut *db)
    .await?;
    let Some(admission) = ticket.admission else { return Ok(()) };
    query(
        "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate, recorded_at, fingerprint)
         values ($1, $2, $3, $4, 1, 'in', 1, 1, $5, $6, $7, $8, $9)",
    )
    .bind(organisation)
    .bind(admission)
    .bind(entry.decided_on().event.0)
    .bind(ticket.id)
    .bind(entry.decided_on().session.0)
    .bind(entry.decided_on().device_id())
    .bind(&entry.gate)
    .bind(at)
    .bind(format!("sale {}", entry.id))
    .execute(&mut *db)
    .await?;
    Ok(())
}

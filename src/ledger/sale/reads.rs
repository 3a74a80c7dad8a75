//! What is read of sales: single ones, their lists and their sums.

use sqlx::AssertSqlSafe;

use crate::{
    clock::Moment,
    ids::{EventId, Named, OrganisationId, SaleId},
    ledger::{
        Ledger, LedgerError, Page,
        db::{Arg, Kind, Reader, Statement},
        event::reads::event_named_on,
        rows::{ListedSale, QuarterSum, RecordedSale, Sale, SaleFilter, SaleLine, SaleSum, SoldTicket, TypeSum},
    },
    limits,
};

/// A sale of this organisation.
pub(in crate::ledger) async fn sale_on(
    db: &mut Reader,
    organisation: OrganisationId,
    id: SaleId,
) -> Result<Option<RecordedSale>, LedgerError> {
    let key = [Arg::id(organisation), Arg::id(id)];
    let Some(sale) = db.optional::<Sale>("select * from sales where organisation_id = $1 and id = $2", &key).await? else {
        return Ok(None);
    };
    let lines: Vec<SaleLine> = db.all("select * from sale_lines where organisation_id = $1 and sale_id = $2 order by place", &key).await?;
    let tickets: Vec<SoldTicket> = db
        .all(
            "select t.id, t.code, t.ticket_type_id, l.name as ticket_type_name
             from tickets t join sale_lines l on l.organisation_id = t.organisation_id and l.sale_id = t.sale_id and l.ticket_type_id = t.ticket_type_id
             where t.organisation_id = $1 and t.sale_id = $2 order by t.id",
            &key,
        )
        .await?;
    let event = event_named_on(db, sale.event_id).await?.unwrap_or_else(|| Named::new(sale.event_id, ""));
    let voided_at: Option<(Moment,)> =
        db.optional("select recorded_at from sale_voids where organisation_id = $1 and sale_id = $2", &key).await?;
    Ok(Some(RecordedSale { sale, lines, tickets, event, voided_at: voided_at.map(|(at,)| at) }))
}

/// Adds the conditions of this filter.
fn narrow(query: &mut Statement<'_>, filter: &SaleFilter) {
    let SaleFilter { event, device, session, user, method, voided, from, to, receipt_number } = *filter;
    if let Some(event) = event {
        query.push_with(" and s.event_id = ", Arg::id(event));
    }
    if let Some(device) = device {
        query.push_with(" and s.device_id = ", Arg::id(device));
    }
    if let Some(session) = session {
        query.push_with(" and s.session_id = ", Arg::id(session));
    }
    if let Some(user) = user {
        query.push_with(" and m.user_id = ", Arg::id(user));
    }
    if let Some(method) = method {
        query.push_with(" and s.method = ", method.as_str());
    }
    if let Some(voided) = voided {
        query.push(if voided { " and v.id is not null" } else { " and v.id is null" });
    }
    if let Some(from) = from {
        query.push_with(" and s.recorded_at >= ", from);
    }
    if let Some(to) = to {
        query.push_with(" and s.recorded_at < ", to);
    }
    if let Some(number) = receipt_number {
        query.push_with(" and s.receipt_number = ", number);
    }
}

/// The quarter of an hour in which a sale `s` was recorded.
fn quarter(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => "cast(floor(extract(epoch from s.recorded_at) / 900) as bigint)",
        Kind::Sqlite => "cast(strftime('%s', s.recorded_at) as integer) / 900",
    }
}

impl Ledger {
    /// A sale of this organisation.
    pub async fn sale(&self, organisation: OrganisationId, id: SaleId) -> Result<Option<RecordedSale>, LedgerError> {
        sale_on(&mut self.reader(limits::LEDGER_CALL_TIMEOUT).await?, organisation, id).await
    }

    /// Sales of this organisation, newest first: those before the receipt number at which the page begins, if it names one.
    pub async fn sales(&self, organisation: OrganisationId, filter: &SaleFilter, page: Page) -> Result<Vec<ListedSale>, LedgerError> {
        // The condition on receipt numbers, which begin at one, is there for Postgres: its index of them serves nothing else (migration 0015).
        let mut sales = Statement::new(
            "select s.id, s.receipt_number, s.event_id, e.name as event_name, s.device_id, d.name as device_name, s.session_id,
                    m.user_id, u.name as user_name,
                    (select cast(sum(l.quantity) as bigint) from sale_lines l where l.organisation_id = s.organisation_id and l.sale_id = s.id) as tickets,
                    s.currency, s.total_minor, s.method, s.tendered_minor, s.change_minor, s.reference, s.recorded_at,
                    v.recorded_at as voided_at, v.reason as void_reason
             from sales s
             join events e on e.id = s.event_id
             join devices d on d.id = s.device_id
             join sessions n on n.id = s.session_id
             join memberships m on m.id = n.membership_id
             join users u on u.id = m.user_id
             left join sale_voids v on v.organisation_id = s.organisation_id and v.sale_id = s.id
             where s.receipt_number > 0",
        );
        sales.push_with(" and s.organisation_id = ", Arg::id(organisation));
        narrow(&mut sales, filter);
        if !page.after.is_nil() {
            sales.push_with(" and s.receipt_number < ", i64::try_from(page.after.as_u128()).unwrap_or(i64::MAX));
        }
        sales.push_with(" order by s.receipt_number desc limit ", page.limit);
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        db.all(AssertSqlSafe(sales.sql), &sales.args).await
    }

    /// The sums of these sales of this organisation, by currency and kind of payment.
    pub async fn sale_sums(&self, organisation: OrganisationId, filter: &SaleFilter) -> Result<Vec<SaleSum>, LedgerError> {
        let mut sums = Statement::new(
            "select s.currency, s.method, cast(count(*) as bigint) as count, cast(sum(s.total_minor) as bigint) as gross_minor,
                    cast(count(v.id) as bigint) as voided_count,
                    cast(sum(case when v.id is null then 0 else s.total_minor end) as bigint) as voided_minor
             from sales s
             join sessions n on n.id = s.session_id
             join memberships m on m.id = n.membership_id
             left join sale_voids v on v.organisation_id = s.organisation_id and v.sale_id = s.id",
        );
        sums.push_with(" where s.organisation_id = ", Arg::id(organisation));
        narrow(&mut sums, filter);
        sums.push(" group by s.currency, s.method order by s.currency, s.method");
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        db.all(AssertSqlSafe(sums.sql), &sums.args).await
    }

    /// What was sold of each type of an event.
    pub async fn sums_by_type(&self, event: EventId) -> Result<Vec<TypeSum>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        db.all(
            "select l.ticket_type_id, cast(sum(l.quantity) as bigint) as tickets, cast(sum(l.amount_minor) as bigint) as gross_minor
             from sales s join sale_lines l on l.organisation_id = s.organisation_id and l.sale_id = s.id
             where s.event_id = $1
               and not exists (select 1 from sale_voids v where v.organisation_id = s.organisation_id and v.sale_id = s.id)
             group by l.ticket_type_id",
            &[Arg::id(event)],
        )
        .await
    }

    /// What was sold in each quarter of an hour for an event, oldest first; no offset of a time zone is finer.
    pub async fn sums_by_quarter(&self, event: EventId) -> Result<Vec<QuarterSum>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        let statement = format!(
            "select {} as quarter, cast(sum(l.quantity) as bigint) as tickets, cast(sum(l.amount_minor) as bigint) as gross_minor
             from sales s join sale_lines l on l.organisation_id = s.organisation_id and l.sale_id = s.id
             where not exists (select 1 from sale_voids v where v.organisation_id = s.organisation_id and v.sale_id = s.id)
               and s.event_id = $1 group by 1 order by 1",
            quarter(db.kind())
        );
        db.all(AssertSqlSafe(statement), &[Arg::id(event)]).await
    }
}

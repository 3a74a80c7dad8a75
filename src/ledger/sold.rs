//! What the till and its back office read back: holds, voids, lists and sums of sales. Statements that both databases understand, as in
//! [`super::both`].

use sqlx::{QueryBuilder, query_as};

use super::{
    Page,
    both::{ask, on_both},
    error::LedgerError,
    lease::within,
    postgres::Postgres,
    rows::{Hold, ListedSale, QuarterSum, RecordedHold, SaleFilter, SaleLine, SaleSum, TypeSum, Void},
    sqlite::Sqlite,
};
use crate::{
    ids::{EventId, HoldId, OrganisationId, VoidId},
    limits,
};

on_both! {
    /// A hold of this organisation.
    pub async fn hold(&self, organisation: OrganisationId, id: HoldId) -> Result<Option<RecordedHold>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => Self::hold_on(db, organisation, id))
    }

    pub(super) async fn hold_on(
        db: &mut <Self as super::Connected>::Connection, organisation: OrganisationId, id: HoldId,
    ) -> Result<Option<RecordedHold>, sqlx::Error> {
        let found = query_as::<_, Hold>("select * from holds where organisation_id = $1 and id = $2")
            .bind(organisation).bind(id).fetch_optional(&mut *db).await?;
        let Some(hold) = found else { return Ok(None) };
        let lines = query_as::<_, SaleLine>("select * from hold_lines where organisation_id = $1 and hold_id = $2 order by place")
            .bind(organisation).bind(id).fetch_all(&mut *db).await?;
        Ok(Some(RecordedHold { hold, lines }))
    }

    /// A void of this organisation.
    pub async fn void(&self, organisation: OrganisationId, id: VoidId) -> Result<Option<Void>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_as("select id, sale_id, device_id, recorded_at, fingerprint from sale_voids where organisation_id = $1 and id = $2")
            .bind(organisation).bind(id).fetch_optional(db))
    }

    /// Sales of this organisation, newest first: those before the receipt number at which the page begins, if it names one.
    pub async fn sales(&self, organisation: OrganisationId, filter: &SaleFilter, page: Page) -> Result<Vec<ListedSale>, LedgerError> {
        // That receipts are numbered from one is said for Postgres: its index of them serves nothing else (0015).
        let mut sales = QueryBuilder::new(
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
             where s.receipt_number > 0 and s.organisation_id = ",
        );
        sales.push_bind(organisation);
        Self::narrow(&mut sales, filter);
        if !page.after.is_nil() {
            sales.push(" and s.receipt_number < ").push_bind(i64::try_from(page.after.as_u128()).unwrap_or(i64::MAX));
        }
        sales.push(" order by s.receipt_number desc limit ").push_bind(i64::from(page.limit));
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => sales.build_query_as().fetch_all(db))
    }

    /// The sums of these sales of this organisation, by currency and kind of payment.
    pub async fn sale_sums(&self, organisation: OrganisationId, filter: &SaleFilter) -> Result<Vec<SaleSum>, LedgerError> {
        let mut sums = QueryBuilder::new(
            "select s.currency, s.method, cast(count(*) as bigint) as count, cast(sum(s.total_minor) as bigint) as gross_minor,
                    cast(count(v.id) as bigint) as voided_count,
                    cast(sum(case when v.id is null then 0 else s.total_minor end) as bigint) as voided_minor
             from sales s
             join sessions n on n.id = s.session_id
             join memberships m on m.id = n.membership_id
             left join sale_voids v on v.organisation_id = s.organisation_id and v.sale_id = s.id
             where s.organisation_id = ",
        );
        sums.push_bind(organisation);
        Self::narrow(&mut sums, filter);
        sums.push(" group by s.currency, s.method order by s.currency, s.method");
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => sums.build_query_as().fetch_all(db))
    }

    fn narrow(query: &mut QueryBuilder<<<Self as super::Connected>::Connection as sqlx::Connection>::Database>, filter: &SaleFilter) {
        let SaleFilter { event, device, session, user, method, voided, from, to, receipt_number } = *filter;
        if let Some(event) = event {
            query.push(" and s.event_id = ").push_bind(event);
        }
        if let Some(device) = device {
            query.push(" and s.device_id = ").push_bind(device);
        }
        if let Some(session) = session {
            query.push(" and s.session_id = ").push_bind(session);
        }
        if let Some(user) = user {
            query.push(" and m.user_id = ").push_bind(user);
        }
        if let Some(method) = method {
            query.push(" and s.method = ").push_bind(method);
        }
        if let Some(voided) = voided {
            query.push(if voided { " and v.id is not null" } else { " and v.id is null" });
        }
        if let Some(from) = from {
            query.push(" and s.recorded_at >= ").push_bind(from);
        }
        if let Some(to) = to {
            query.push(" and s.recorded_at < ").push_bind(to);
        }
        if let Some(number) = receipt_number {
            query.push(" and s.receipt_number = ").push_bind(number);
        }
    }

    /// What was sold of each type of an event.
    pub async fn sums_by_type(&self, event: EventId) -> Result<Vec<TypeSum>, LedgerError> {
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_as(
            "select l.ticket_type_id, cast(sum(l.quantity) as bigint) as tickets, cast(sum(l.amount_minor) as bigint) as gross_minor
             from sales s join sale_lines l on l.organisation_id = s.organisation_id and l.sale_id = s.id
             where s.event_id = $1
               and not exists (select 1 from sale_voids v where v.organisation_id = s.organisation_id and v.sale_id = s.id)
             group by l.ticket_type_id",
        ).bind(event).fetch_all(db))
    }

    /// What was sold in each quarter of an hour for an event, oldest first; no offset of a time zone is finer.
    pub async fn sums_by_quarter(&self, event: EventId) -> Result<Vec<QuarterSum>, LedgerError> {
        let mut sums = QueryBuilder::new("select ");
        sums.push(Self::QUARTER).push(
            " as quarter, cast(sum(l.quantity) as bigint) as tickets, cast(sum(l.amount_minor) as bigint) as gross_minor
             from sales s join sale_lines l on l.organisation_id = s.organisation_id and l.sale_id = s.id
             where not exists (select 1 from sale_voids v where v.organisation_id = s.organisation_id and v.sale_id = s.id)
               and s.event_id = ",
        ).push_bind(event).push(" group by 1 order by 1");
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => sums.build_query_as().fetch_all(db))
    }
}

impl Postgres {
    /// The quarter of an hour in which a sale was recorded.
    const QUARTER: &str = "cast(floor(extract(epoch from s.recorded_at) / 900) as bigint)";
}

impl Sqlite {
    /// The same.
    const QUARTER: &str = "cast(strftime('%s', s.recorded_at) as integer) / 900";
}

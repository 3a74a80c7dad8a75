//! What is read of the log of refused scans.

use uuid::Uuid;

use crate::{
    ids::{EventId, OrganisationId},
    ledger::{
        Ledger, LedgerError, Page,
        db::Arg,
        rows::{ListedRefusal, RefusalFilter},
    },
    limits,
};

impl Ledger {
    /// Refused scans of an event of this organisation, newest first: those before the id after which the page begins.
    pub async fn refused_scans(
        &self,
        organisation: OrganisationId,
        event: EventId,
        filter: &RefusalFilter,
        page: Page,
    ) -> Result<Vec<ListedRefusal>, LedgerError> {
        let before = if page.after.is_nil() { Uuid::max() } else { page.after };
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        db.all(
            "select r.id, r.scan_id, r.code, r.ticket_id, t.ticket_type_id, y.name as ticket_type_name, r.direction, r.reason, r.gate,
                    r.device_id, d.name as device_name, m.user_id, u.name as user_name, r.scanned_at, r.refused_at
             from refused_scans r
             join devices d on d.id = r.device_id
             join sessions s on s.id = r.session_id
             join memberships m on m.id = s.membership_id
             join users u on u.id = m.user_id
             left join tickets t on t.id = r.ticket_id
             left join ticket_types y on y.id = t.ticket_type_id
             where r.event_id = $1 and r.organisation_id = $2 and r.id < $3
               and ($4 is null or r.reason = $4) and ($5 is null or r.device_id = $5) and ($6 is null or r.gate = $6)
               and ($7 is null or r.refused_at >= $7) and ($8 is null or r.refused_at < $8)
             order by r.id desc limit $9",
            &[
                Arg::id(event),
                Arg::id(organisation),
                Arg::id(before),
                filter.reason.into(),
                Arg::optional_id(filter.device),
                filter.gate.as_deref().into(),
                filter.from.into(),
                filter.until.into(),
                page.limit.into(),
            ],
        )
        .await
    }
}

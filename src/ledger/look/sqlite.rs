//! Fresh looks in SQLite: arguments are JSON.

use serde_json::json;
use sqlx::{query_as, types::Json};

use crate::{
    ledger::{
        error::LedgerError,
        lease::within,
        look::{RefusalCheck, confirmed},
        sqlite::Sqlite,
    },
    limits,
};

/// Tickets by event and code, each with its last movement.
pub(super) const TICKETS: &str =
    "select t.event_id, t.id, t.ticket_type_id, t.code, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until, t.version,
                    l.seq as last_seq, l.direction as last_direction, l.used as last_used, l.inside as last_inside, l.gate as last_gate,
                    l.recorded_at as last_recorded_at, l.device_id as last_device_id, d.name as last_device_name
             from json_each($1) w
             cross join tickets t on t.event_id = unhex(w.value ->> 0, '-') and t.code = w.value ->> 1
             left join admissions l on l.ticket_id = t.id and l.seq = (select max(seq) from admissions where ticket_id = t.id)
             left join devices d on d.id = l.device_id";

/// Live events of the same organisations that have the tickets which the given events lack.
pub(super) const ELSEWHERE: &str = "select w.organisation_id, w.event_id, w.code, e.id, e.name
             from (select unhex(value ->> 0, '-') as organisation_id, unhex(value ->> 1, '-') as event_id, value ->> 2 as code
                   from json_each($1)) w
             cross join events e on e.organisation_id = w.organisation_id and e.id <> w.event_id and e.status = 'live'
             cross join tickets t on t.event_id = e.id and t.code = w.code
             order by e.id desc";

/// Scans by organisation and id.
pub(super) const SCANS: &str =
    "select a.organisation_id, a.id, a.device_id, a.fingerprint, a.seq, a.direction, a.used - coalesce(p.used, 0) as uses, a.used, a.gate,
                    a.recorded_at, b.seq as back_seq, b.used as back_used, b.recorded_at as back_recorded_at, a.ticket_id,
                    t.holder, t.entries_allowed, t.ticket_type_id, y.name as ticket_type_name
             from json_each($1) w
             cross join admissions a on a.organisation_id = unhex(w.value ->> 0, '-') and a.id = unhex(w.value ->> 1, '-')
             left join admissions p on p.ticket_id = a.ticket_id and p.seq = a.seq - 1
             left join admissions b on b.organisation_id = a.organisation_id and b.undoes = a.id
             join tickets t on t.id = a.ticket_id join ticket_types y on y.id = t.ticket_type_id";

impl Sqlite {
    /// Confirms refusals, each with the position of the log of changes: one statement, and so one snapshot.
    pub(in crate::ledger) async fn confirm(&self, refusal_checks: &[RefusalCheck]) -> Result<Vec<Option<i64>>, LedgerError> {
        let as_json =
            |refusal_check: &RefusalCheck| json!([refusal_check.organisation, refusal_check.scan, refusal_check.ticket, refusal_check.seq]);
        let mut lease = self.lease().await?;
        let statement = query_as(
            "select change_seq, (
                 select json_group_array(w.key) from json_each($1) w
                 where exists (select 1 from admissions where ticket_id = unhex(w.value ->> 2, '-') and seq > w.value ->> 3)
                    or exists (select 1 from admissions where organisation_id = unhex(w.value ->> 0, '-') and id = unhex(w.value ->> 1, '-'))
             )
             from book",
        )
        .bind(Json(refusal_checks.iter().map(as_json).collect::<Vec<_>>()));
        let (as_of, Json(moved)): (i64, Json<Vec<usize>>) = within(limits::ATTEMPT_TIMEOUT, statement.fetch_one(&mut *lease)).await?;
        lease.finish();
        Ok(confirmed(refusal_checks.len(), as_of, moved))
    }
}

//! Fresh looks in Postgres: arguments are arrays.

use sqlx::query_as;

use crate::{
    clock::{self, Moment},
    ledger::{
        error::LedgerError,
        lease::within,
        look::{RefusalCheck, confirmed},
        postgres::Postgres,
    },
    limits,
};

/// Tickets by event and code, each with its last movement.
pub(super) const TICKETS: &str =
    "select t.event_id, t.id, t.ticket_type_id, t.code, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until, t.version,
                    l.seq as last_seq, l.direction as last_direction, l.used as last_used, l.inside as last_inside, l.gate as last_gate,
                    l.recorded_at as last_recorded_at, l.device_id as last_device_id, d.name as last_device_name
             from unnest($1::uuid[], $2::text[]) as w (event_id, code)
             join tickets t on t.event_id = w.event_id and t.code = w.code collate \"C\"
             left join lateral (select * from admissions a where a.ticket_id = t.id order by a.seq desc limit 1) l on true
             left join devices d on d.id = l.device_id";

/// Live events of the same organisations that have the tickets which the given events lack.
pub(super) const ELSEWHERE: &str = "select w.organisation_id, w.event_id, w.code, e.id, e.name
             from unnest($1::uuid[], $2::uuid[], $3::text[]) as w (organisation_id, event_id, code)
             join events e on e.organisation_id = w.organisation_id and e.id <> w.event_id and e.status = 'live'
             join tickets t on t.event_id = e.id and t.code = w.code collate \"C\"
             order by e.id desc";

/// Scans by organisation and id.
pub(super) const SCANS: &str =
    "select a.organisation_id, a.id, a.device_id, a.fingerprint, a.seq, a.direction, a.used - coalesce(p.used, 0) as uses, a.used, a.gate,
                    a.recorded_at, b.seq as back_seq, b.used as back_used, b.recorded_at as back_recorded_at, a.ticket_id,
                    t.holder, t.entries_allowed, t.ticket_type_id, y.name as ticket_type_name
             from unnest($1::uuid[], $2::uuid[]) as w (organisation_id, id)
             join admissions a on a.organisation_id = w.organisation_id and a.id = w.id
             left join admissions p on p.ticket_id = a.ticket_id and p.seq = a.seq - 1
             left join admissions b on b.organisation_id = a.organisation_id and b.undoes = a.id
             join tickets t on t.id = a.ticket_id
             join ticket_types y on y.id = t.ticket_type_id";

impl Postgres {
    /// Confirms refusals, each with the position of the log of changes: one statement, and so one snapshot.
    pub(in crate::ledger) async fn confirm(&self, refusal_checks: &[RefusalCheck]) -> Result<Vec<Option<i64>>, LedgerError> {
        macro_rules! column {
            ($refusal_check:ident => $value:expr) => {
                refusal_checks.iter().map(|$refusal_check| $value).collect::<Vec<_>>()
            };
        }
        let mut lease = self.looks.lease().await?;
        let asked = clock::mark();
        let statement = query_as(
            "select b.change_seq, clock_timestamp(), array(
                 select w.place
                 from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[]) with ordinality as w (organisation_id, id, ticket_id, seq, place)
                 left join lateral (select true as later from admissions a where a.ticket_id = w.ticket_id and a.seq > w.seq limit 1) m on true
                 left join lateral (
                     select true as known from admissions a where a.organisation_id = w.organisation_id and a.id = w.id limit 1
                 ) k on true
                 where m.later or k.known
             )
             from book b",
        )
        .bind(column!(d => d.organisation.0))
        .bind(column!(d => d.scan.0))
        .bind(column!(d => d.ticket.0))
        .bind(column!(d => d.seq));
        let (as_of, time, moved): (i64, Moment, Vec<i64>) = within(limits::ATTEMPT_TIMEOUT, statement.fetch_one(&mut *lease)).await?;
        lease.finish();
        self.clock.set(asked, time);
        // Places are counted from one.
        Ok(confirmed(refusal_checks.len(), as_of, moved.into_iter().filter_map(|place| usize::try_from(place - 1).ok())))
    }
}

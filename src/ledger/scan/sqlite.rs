//! Scans in SQLite: a batch is one statement, as in Postgres.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::{query_as, types::Json};

use crate::ledger::sqlite::{Sqlite, in_the_ledger};
use crate::{
    clock::Moment,
    ids::{OrganisationId, ScanId},
    ledger::{
        entry::{DecidedOn, Outcome},
        error::LedgerError,
        scan::{ScanEntry, ScanRecorded},
    },
};

/// The distinct grounds of a batch, and the place of each.
#[derive(Default)]
struct DecidedOnSet {
    places: HashMap<DecidedOn, usize>,
    all: Vec<Value>,
}

impl DecidedOnSet {
    fn place(&mut self, decided_on: &DecidedOn) -> usize {
        *self.places.entry(*decided_on).or_insert_with(|| {
            let DecidedOn { session, membership, device, event } = decided_on;
            let device = device.unzip();
            self.all.push(json!([session.0, session.1, membership.0, membership.1, device.0, device.1, event.0, event.1]));
            self.all.len() - 1
        })
    }
}

fn as_json(entry: &ScanEntry, decided_on: usize) -> Value {
    json!([
        decided_on,
        entry.id,
        entry.ticket,
        entry.direction,
        entry.uses,
        entry.moves(),
        entry.allowed,
        entry.gate,
        entry.scanned_at.map(in_the_ledger),
        entry.fingerprint,
        entry.undoes,
    ])
}

impl Sqlite {
    /// Writes a batch of scans of one organisation; one outcome per entry, in their order.
    ///
    /// The rows of a ticket are either all entries or one other movement. They are numbered and counted from the ticket's last movement
    /// and their place in the batch; what is not among the rows that were written was not: its ground has moved, its entries are used
    /// up, or its id is known.
    pub async fn commit_scans(
        &self,
        organisation: OrganisationId,
        at: Moment,
        batch: &[ScanEntry],
    ) -> Result<Vec<Outcome<ScanRecorded>>, LedgerError> {
        let mut all_decided_on = DecidedOnSet::default();
        let wanted: Vec<Value> = batch.iter().map(|entry| as_json(entry, all_decided_on.place(entry.decided_on()))).collect();
        let mut writer = self.writer.lock().await?;
        // One statement is a transaction of its own; to begin and to end it in words would cost two more changes of threads.
        let written: Vec<(ScanId, i32, i32, i32)> = query_as(
            "with standing as materialized (
                 select g.key as place, unhex(g.value ->> 0, '-') as session_id, unhex(g.value ->> 4, '-') as device_id,
                        unhex(g.value ->> 6, '-') as event_id
                 from json_each($3) g
                 where exists (select 1 from sessions where id = unhex(g.value ->> 0, '-') and version = g.value ->> 1)
                   and exists (select 1 from memberships where id = unhex(g.value ->> 2, '-') and version = g.value ->> 3)
                   and exists (select 1 from devices where id = unhex(g.value ->> 4, '-') and version = g.value ->> 5)
                   and exists (select 1 from events where id = unhex(g.value ->> 6, '-') and version = g.value ->> 7)
             ),
             wanted as materialized (
                 select w.key as place, w.value ->> 0 as ground, unhex(w.value ->> 1, '-') as id, unhex(w.value ->> 2, '-') as ticket_id,
                        w.value ->> 3 as direction, w.value ->> 4 as uses, w.value ->> 5 as moves, w.value ->> 6 as allowed,
                        w.value ->> 7 as gate, w.value ->> 8 as scanned_at, w.value ->> 9 as fingerprint,
                        unhex(w.value ->> 10, '-') as undoes
                 from json_each($4) w
             ),
             numbered as (
                 select w.*, g.session_id, g.device_id, g.event_id, row_number() over (partition by w.ticket_id order by w.place) as nth
                 from wanted w join standing g on g.place = w.ground
                 where not exists (select 1 from admissions where organisation_id = $1 and id = w.id)
                   and (w.undoes is null or not exists (select 1 from admissions where organisation_id = $1 and undoes = w.undoes))
             ),
             counted as (
                 select n.*, coalesce(l.seq, 0) + n.nth as seq, coalesce(l.used, 0) + n.uses * n.nth as used,
                        coalesce(l.inside, 0) + n.moves * n.nth as inside
                 from numbered n
                 left join admissions l on l.ticket_id = n.ticket_id and l.seq = (select max(seq) from admissions where ticket_id = n.ticket_id)
             )
             insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate,
                                     scanned_at, recorded_at, fingerprint, undoes)
             select $1, c.id, c.event_id, c.ticket_id, c.seq, c.direction, c.used, c.inside, c.session_id, c.device_id, c.gate,
                    c.scanned_at, $2, c.fingerprint, c.undoes
             from counted c
             where (c.uses <= 0 or c.used <= c.allowed) and c.used >= 0 and c.inside >= 0
             order by c.ticket_id, c.seq
             returning id, seq, used, inside",
        )
        .bind(organisation)
        .bind(at)
        .bind(Json(all_decided_on.all))
        .bind(Json(wanted))
        .fetch_all(&mut *writer)
        .await?;

        let written: HashMap<ScanId, (i32, i32, i32)> =
            written.into_iter().map(|(id, seq, used, inside)| (id, (seq, used, inside))).collect();
        let outcome = |entry: &ScanEntry| match written.get(&entry.id) {
            Some(&(seq, used, inside)) => Outcome::Recorded(ScanRecorded { seq, used, inside, recorded_at: at }),
            None => Outcome::Moved,
        };
        Ok(batch.iter().map(outcome).collect())
    }
}

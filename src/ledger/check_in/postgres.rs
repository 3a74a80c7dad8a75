//! Check-ins in Postgres: each entry of a batch is one call of `commit_check_in`, all in one statement.

use serde_json::{Value, json};
use sqlx::{query_as, types::Json};

use crate::{
    clock::Moment,
    ids::OrganisationId,
    ledger::{
        check_in::{CheckInEntry, CheckedIn},
        entry::Outcome,
        error::LedgerError,
        lease::within,
        postgres::Postgres,
    },
    limits,
};

/// The number of the movement, its people, and how many of the party are in after it.
type Row = (Option<i32>, Option<i32>, Option<i32>);

impl Postgres {
    /// Writes a batch of check-ins of one organisation; one outcome per entry, in their order.
    pub async fn commit_check_ins(
        &self,
        organisation: OrganisationId,
        at: Moment,
        batch: &[CheckInEntry],
    ) -> Result<Vec<Outcome<CheckedIn>>, LedgerError> {
        let mut entries: Vec<(usize, &CheckInEntry)> = batch.iter().enumerate().collect();
        // The row of each party is locked until the batch is on disk: all gateways lock them in one order, so that none waits in a circle.
        entries.sort_by_key(|(_, entry)| entry.guest.0);
        let wanted: Vec<Value> = entries.iter().map(|(place, entry)| as_json(*place, entry)).collect();
        let mut lease = self.commits.lease().await?;
        let statement = query_as(
            "select c.seq, c.people, c.arrived
             from jsonb_array_elements($3) w left join lateral commit_check_in($1, $2, w -> 'guards', w) c on true
             order by cast(w ->> 'place' as bigint)",
        )
        .bind(organisation)
        .bind(at)
        .bind(Json(wanted));
        let answers: Vec<Row> = within(limits::ATTEMPT_TIMEOUT, statement.fetch_all(&mut *lease)).await?;
        lease.finish();
        Ok(answers.into_iter().map(|answer| outcome(answer, at)).collect())
    }
}

fn outcome((seq, people, arrived): Row, at: Moment) -> Outcome<CheckedIn> {
    match (seq, people, arrived) {
        (Some(seq), Some(people), Some(arrived)) => Outcome::Recorded(CheckedIn { seq, people, arrived, recorded_at: at }),
        _ => Outcome::Moved,
    }
}

fn as_json(place: usize, entry: &CheckInEntry) -> Value {
    json!({
        "place": place,
        "guards": entry.decided_on().guards(),
        "id": entry.id,
        "event_id": entry.decided_on().event.0,
        "guest_id": entry.guest.0,
        "guest_version": entry.guest.1,
        "people": entry.people,
        "undoes": entry.undoes,
        "session_id": entry.decided_on().session.0,
        "membership_id": entry.decided_on().membership.0,
        "device_id": entry.decided_on().device_id(),
        "gate": entry.gate,
        "fingerprint": entry.fingerprint,
    })
}

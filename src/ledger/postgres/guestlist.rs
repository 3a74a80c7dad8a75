//! Guest lists in Postgres: what is written is one call of a function of the ledger.

use serde_json::{Value, json};
use sqlx::{query, query_as, types::Json};
use uuid::Uuid;

use super::Postgres;
use crate::{
    clock::Moment,
    ids::{GuestId, OrganisationId},
    ledger::{
        error::LedgerError,
        guestlist::{CheckInEntry, CheckedIn, GuestChange, ListedGuest, guests},
        lease::within,
    },
    limits,
};

type Answer = (Option<i32>, Option<i32>, Option<i32>);

impl Postgres {
    /// Stores a change of guest lists, whole or not at all.
    pub async fn store_guests(&self, change: &GuestChange) -> Result<(), LedgerError> {
        let on_list: Vec<Value> = change.on_list.iter().map(|(id, version)| json!({ "id": id, "version": version })).collect();
        let mut lease = self.lease().await?;
        let statement = query("select store_guest_lists($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(change.organisation)
            .bind(Json(&change.guards))
            .bind(Json(on_list))
            .bind(Json(&change.lists))
            .bind(Json(&change.guests))
            .bind(change.event())
            .bind(limits::GUEST_LISTS_MAX)
            .bind(limits::GUESTS_MAX);
        within(lease.left(limits::LEDGER_BULK_TIMEOUT), statement.execute(&mut *lease)).await?;
        lease.finish();
        Ok(())
    }

    /// Writes a batch of check-ins of one organisation; one outcome per entry, in their order. None: it was not written.
    pub async fn commit_check_ins(
        &self,
        organisation: OrganisationId,
        at: Moment,
        batch: &[CheckInEntry],
    ) -> Result<Vec<Option<CheckedIn>>, LedgerError> {
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
        let answers: Vec<Answer> = within(limits::ATTEMPT_TIMEOUT, statement.fetch_all(&mut *lease)).await?;
        lease.finish();
        Ok(answers.into_iter().map(|answer| outcome(answer, at)).collect())
    }

    /// Those of these guests that there are.
    pub async fn guests_by_id(&self, organisation: OrganisationId, ids: &[GuestId]) -> Result<Vec<ListedGuest>, LedgerError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let mut lease = self.lease().await?;
        let statement = query_as(guests!("where g.organisation_id = $1 and g.id = any($2)")).bind(organisation).bind(ids);
        let found = within(lease.left(limits::LEDGER_BULK_TIMEOUT), statement.fetch_all(&mut *lease)).await?;
        lease.finish();
        Ok(found)
    }
}

fn outcome((seq, people, arrived): Answer, at: Moment) -> Option<CheckedIn> {
    Some(CheckedIn { seq: seq?, people: people?, arrived: arrived?, recorded_at: at })
}

fn as_json(place: usize, entry: &CheckInEntry) -> Value {
    json!({
        "place": place,
        "guards": entry.guards,
        "id": entry.id,
        "event_id": entry.event,
        "guest_id": entry.guest.0,
        "guest_version": entry.guest.1,
        "people": entry.people,
        "undoes": entry.undoes,
        "session_id": entry.session,
        "membership_id": entry.membership,
        "device_id": entry.device,
        "gate": entry.gate,
        "fingerprint": entry.fingerprint,
    })
}

//! Guest lists in Postgres: what is written is one call of a function of the book.

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

impl Postgres {
    /// Stores a change of guest lists, whole or not at all.
    pub async fn store_guests(&self, change: &GuestChange) -> Result<(), LedgerError> {
        let on_list: Vec<Value> = change.on_list.iter().map(|(id, version)| json!({ "id": id, "version": version })).collect();
        let mut lease = self.lease().await?;
        let statement = query("select store_guest_lists($1, $2, $3, $4, $5)")
            .bind(change.organisation)
            .bind(Json(&change.guards))
            .bind(Json(on_list))
            .bind(Json(&change.lists))
            .bind(Json(&change.guests));
        within(limits::LEDGER_BULK, statement.execute(&mut *lease)).await?;
        lease.finish();
        Ok(())
    }

    /// Writes a check-in, or one taken back; none when it was not written.
    pub async fn commit_check_in(
        &self,
        organisation: OrganisationId,
        at: Moment,
        entry: &CheckInEntry,
    ) -> Result<Option<CheckedIn>, LedgerError> {
        let mut lease = self.commits.lease().await?;
        let statement = query_as("select seq, people, arrived from commit_check_in($1, $2, $3, $4)")
            .bind(organisation)
            .bind(at)
            .bind(Json(&entry.guards))
            .bind(Json(as_json(entry)));
        let written: Option<(i32, i32, i32)> = within(limits::WALK, statement.fetch_optional(&mut *lease)).await?;
        lease.finish();
        Ok(written.map(|(seq, people, arrived)| CheckedIn { seq, people, arrived, recorded_at: at }))
    }

    /// Those of these guests that there are.
    pub async fn guests_by_id(&self, organisation: OrganisationId, ids: &[GuestId]) -> Result<Vec<ListedGuest>, LedgerError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let mut lease = self.lease().await?;
        let statement = query_as(guests!("where g.organisation_id = $1 and g.id = any($2)")).bind(organisation).bind(ids);
        let found = within(limits::LEDGER_BULK, statement.fetch_all(&mut *lease)).await?;
        lease.finish();
        Ok(found)
    }
}

fn as_json(entry: &CheckInEntry) -> Value {
    json!({
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

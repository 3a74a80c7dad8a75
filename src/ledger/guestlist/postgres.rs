//! Guest lists in Postgres: what is written is one call of a function of the ledger.

use serde_json::{Value, json};
use sqlx::{query, types::Json};

use crate::ledger::postgres::Postgres;
use crate::{
    ledger::{error::LedgerError, guestlist::GuestChange, lease::within},
    limits,
};

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
}

//! Changes in Postgres: one call of `store_change` or `store_tickets`.

use std::collections::HashSet;

use sqlx::{query_as, query_scalar, types::Json};
use uuid::Uuid;

use crate::ledger::postgres::Postgres;
use crate::{
    ledger::{
        CarryOverEntry, UploadChunk, UploadCount,
        change::{Change, Ending, Rotation},
        error::LedgerError,
        lease::within,
    },
    limits,
};

impl Postgres {
    /// Stores a change, whole or not at all. Answers its number in the log of changes, 0 when it altered nothing that others know.
    pub async fn store(&self, change: &Change) -> Result<i64, LedgerError> {
        let mut lease = self.lease().await?;
        let statement = query_scalar("select store_change($1, $2, $3, $4, $5, $6)")
            .bind(change.organisation)
            .bind(change.alone())
            .bind(Json(&change.guards))
            .bind(Json(&change.images))
            .bind(Json(change.altered()))
            .bind(change.at);
        let number = within(lease.left(limits::LEDGER_CALL_TIMEOUT), statement.fetch_one(&mut *lease)).await?;
        lease.finish();
        Ok(number)
    }

    /// Ends open sessions. Answers which, and the change's number.
    pub async fn end_sessions(&self, ending: &Ending) -> Result<(Vec<Uuid>, i64), LedgerError> {
        let mut lease = self.lease().await?;
        let statement = query_as("select ended, number from end_sessions($1, $2, $3, $4, $5, $6)")
            .bind(ending.organisation)
            .bind(Json(&ending.guards))
            .bind(ending.member)
            .bind(ending.device)
            .bind(ending.keep)
            .bind(ending.at);
        let (Json(ended), number) = within(lease.left(limits::LEDGER_BULK_TIMEOUT), statement.fetch_one(&mut *lease)).await?;
        lease.finish();
        Ok((ended, number))
    }

    /// Changes the signing keys. Answers the change's number.
    pub async fn rotate_keys(&self, rotation: &Rotation<'_>) -> Result<i64, LedgerError> {
        let mut lease = self.lease().await?;
        let statement = query_scalar("select rotate_keys($1, $2, $3, $4, $5)")
            .bind(&rotation.fresh.kid)
            .bind(&rotation.fresh.seed)
            .bind(Json(rotation.forget))
            .bind(rotation.forget_old)
            .bind(rotation.at);
        let number = within(lease.left(limits::LEDGER_CALL_TIMEOUT), statement.fetch_one(&mut *lease)).await?;
        lease.finish();
        Ok(number)
    }

    /// Stores a chunk of an upload: what is new beside the open door, and what changes with the organisation's lock alone.
    pub async fn store_tickets(&self, chunk: &UploadChunk<'_>) -> Result<UploadCount, LedgerError> {
        let mut lease = self.lease().await?;
        // In one statement, so in one step; the entries come second, for they look for the tickets.
        let statement = query_as(
            "select a.created, a.differing, c.carried from add_tickets($1, $2, $3, $4, $5) a
             cross join lateral (select carry_over($1, $2, $3, $6, $5) as carried where a.created is not null) c",
        )
        .bind(chunk.carried.organisation())
        .bind(chunk.carried.event)
        .bind(Json(chunk.carried.decided_on()))
        .bind(Json(chunk.tickets))
        .bind(chunk.carried.at)
        .bind(Json(&chunk.carried.visits));
        let (created, differing, carried): (i64, Vec<String>, i64) =
            within(lease.left(limits::LEDGER_BULK_TIMEOUT), statement.fetch_one(&mut *lease)).await?;
        let mut count = UploadCount { created, carried, ..UploadCount::default() };
        if !differing.is_empty() {
            let differing: HashSet<&str> = differing.iter().map(String::as_str).collect();
            let tickets: Vec<_> = chunk.tickets.iter().filter(|ticket| differing.contains(ticket.code.as_str())).collect();
            let statement = query_as("select created, updated, seq from store_tickets($1, $2, $3, $4, $5)")
                .bind(chunk.carried.organisation())
                .bind(chunk.carried.event)
                .bind(Json(chunk.carried.decided_on()))
                .bind(Json(tickets))
                .bind(chunk.carried.at);
            let (more, updated, seq): (i64, i64, i64) =
                within(lease.left(limits::LEDGER_BULK_TIMEOUT), statement.fetch_one(&mut *lease)).await?;
            count = UploadCount { created: created + more, updated, seq, carried };
        }
        lease.finish();
        Ok(count)
    }

    /// Carries earlier check-ins over. Answers how many movements were written.
    pub async fn carry_over(&self, entry: &CarryOverEntry) -> Result<u64, LedgerError> {
        let mut lease = self.lease().await?;
        let statement = query_scalar("select carry_over($1, $2, $3, $4, $5)")
            .bind(entry.organisation())
            .bind(entry.event)
            .bind(Json(entry.decided_on()))
            .bind(Json(&entry.visits))
            .bind(entry.at);
        let written: i64 = within(lease.left(limits::LEDGER_BULK_TIMEOUT), statement.fetch_one(&mut *lease)).await?;
        lease.finish();
        Ok(written.unsigned_abs())
    }
}

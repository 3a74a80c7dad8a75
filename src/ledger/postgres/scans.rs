//! Scans in Postgres: a batch of one organisation is one call of `commit_scans`.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::{query_as, types::Json};
use uuid::Uuid;

use super::Postgres;
use crate::{
    clock::Moment,
    ids::OrganisationId,
    ledger::{
        entry::{Ground, ScanEntry, ScanOutcome},
        error::LedgerError,
        lease::within,
    },
    limits,
};

/// The distinct grounds of a batch, and the place of each, counted from one as Postgres does.
#[derive(Default)]
pub(super) struct Grounds {
    places: HashMap<Ground, i32>,
    all: Vec<Ground>,
}

impl Grounds {
    /// The place of this ground.
    pub fn place(&mut self, ground: &Ground) -> i32 {
        *self.places.entry(*ground).or_insert_with(|| {
            self.all.push(*ground);
            i32::try_from(self.all.len()).unwrap_or(i32::MAX)
        })
    }

    /// All of them, as `grounds_that_stand` takes them.
    pub fn into_json(self) -> Json<Vec<Value>> {
        let guard = |(place, ground): (usize, &Ground)| {
            json!({
                "place": place + 1,
                "session_id": ground.session.0, "session": ground.session.1,
                "membership_id": ground.membership.0, "membership": ground.membership.1,
                "device_id": ground.device.0, "device": ground.device.1,
                "event_id": ground.event.0, "event": ground.event.1,
            })
        };
        Json(self.all.iter().enumerate().map(guard).collect())
    }
}

impl Postgres {
    /// Writes a batch of scans of one organisation; one outcome per entry, in their order.
    pub async fn commit_scans(
        &self,
        organisation: OrganisationId,
        at: Moment,
        batch: &[ScanEntry],
    ) -> Result<Vec<ScanOutcome>, LedgerError> {
        // Sorted, so that two gateways that write movements of the same tickets wait for each other and never in a circle.
        let mut sorted: Vec<&ScanEntry> = batch.iter().collect();
        sorted.sort_by_key(|entry| (entry.ticket, entry.id));
        let mut grounds = Grounds::default();
        let places: Vec<i32> = sorted.iter().map(|e| grounds.place(&e.ground)).collect();

        macro_rules! column {
            ($entry:ident => $value:expr) => {
                sorted.iter().map(|$entry| $value).collect::<Vec<_>>()
            };
        }
        macro_rules! guards {
            ($ground:ident => $value:expr) => {
                grounds.all.iter().map(|$ground| $value).collect::<Vec<_>>()
            };
        }
        let mut lease = self.commits.lease().await?;
        let statement = query_as(
            "select written, seq, used, inside
             from commit_scans($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)",
        )
        .bind(organisation)
        .bind(at)
        .bind(guards!(g => g.session.0.0))
        .bind(guards!(g => g.session.1))
        .bind(guards!(g => g.membership.0.0))
        .bind(guards!(g => g.membership.1))
        .bind(guards!(g => g.device.0.0))
        .bind(guards!(g => g.device.1))
        .bind(guards!(g => g.event.0.0))
        .bind(guards!(g => g.event.1))
        .bind(places)
        .bind(column!(e => e.id.0))
        .bind(column!(e => e.ground.event.0.0))
        .bind(column!(e => e.ticket.0))
        .bind(column!(e => e.direction.as_str()))
        .bind(column!(e => e.uses))
        .bind(column!(e => e.moves()))
        .bind(column!(e => e.allowed))
        .bind(column!(e => e.ground.session.0.0))
        .bind(column!(e => e.ground.device.0.0))
        .bind(column!(e => e.gate.as_deref()))
        .bind(column!(e => e.scanned_at))
        .bind(column!(e => e.fingerprint.as_str()))
        .bind(column!(e => e.undoes.map(|id| id.0)));
        let written: Vec<(Uuid, i32, i32, i32)> = within(limits::WALK, statement.fetch_all(&mut *lease)).await?;
        lease.finish();

        let written: HashMap<Uuid, (i32, i32, i32)> =
            written.into_iter().map(|(id, seq, used, inside)| (id, (seq, used, inside))).collect();
        let outcome = |entry: &ScanEntry| match written.get(&entry.id.0) {
            Some(&(seq, used, inside)) => ScanOutcome::Recorded { seq, used, inside, recorded_at: at },
            None => ScanOutcome::NotWritten,
        };
        Ok(batch.iter().map(outcome).collect())
    }
}

//! Scans in Postgres: a batch of one organisation is one call of a function. Most batches are plain, and go to `commit_plain_scans`; what it
//! does not write goes to `commit_scans`, which decides for each entry of a batch.

use std::{collections::HashMap, sync::atomic::Ordering};

use serde_json::{Value, json};
use sqlx::{postgres::PgArguments, query::QueryAs, query_as, types::Json};
use uuid::Uuid;

use crate::ledger::postgres::Postgres;
use crate::{
    clock::Moment,
    ids::OrganisationId,
    ledger::{
        entry::{DecidedOn, Outcome},
        error::LedgerError,
        lease::within,
        rows::Version,
        scan::{ScanEntry, ScanRecorded},
    },
    limits,
};

/// The distinct grounds of a batch, and the place of each, counted from one as Postgres does.
#[derive(Default)]
pub(in crate::ledger) struct DecidedOnSet {
    places: HashMap<DecidedOn, i32>,
    all: Vec<DecidedOn>,
}

impl DecidedOnSet {
    /// The place of this ground.
    pub fn place(&mut self, decided_on: &DecidedOn) -> i32 {
        *self.places.entry(*decided_on).or_insert_with(|| {
            self.all.push(*decided_on);
            i32::try_from(self.all.len()).unwrap_or(i32::MAX)
        })
    }

    /// All of them, as `grounds_that_stand` takes them.
    pub fn into_json(self) -> Json<Vec<Value>> {
        let guard = |(place, decided_on): (usize, &DecidedOn)| {
            json!({
                "place": place + 1,
                "session_id": decided_on.session.0, "session": decided_on.session.1,
                "membership_id": decided_on.membership.0, "membership": decided_on.membership.1,
                "device_id": decided_on.device_id(), "device": decided_on.device.map(|(_, version)| version),
                "event_id": decided_on.event.0, "event": decided_on.event.1,
            })
        };
        Json(self.all.iter().enumerate().map(guard).collect())
    }
}

/// The number of a movement that was written, entries used and how many are inside after it, by its id.
type Written = (Uuid, i32, i32, i32);

type Statement<'q> = QueryAs<'q, sqlx::Postgres, Written, PgArguments>;

/// The things of one kind that a batch was decided on, each once and in the order of their ids, with their versions; none if one of them was
/// read at two versions, because then one of the two is no longer valid.
fn versions(things: impl Iterator<Item = (Uuid, Version)>) -> Option<(Vec<Uuid>, Vec<Version>)> {
    let mut things: Vec<(Uuid, Version)> = things.collect();
    things.sort_unstable();
    things.dedup();
    let one_each = things.windows(2).all(|pair| !matches!(pair, [one, next] if one.0 == next.0));
    one_each.then(|| things.into_iter().unzip())
}

/// A value of each entry.
macro_rules! column {
    ($entries:ident, $entry:ident => $value:expr) => {
        $entries.iter().map(|$entry| $value).collect::<Vec<_>>()
    };
}

/// Binds what both functions take of each entry.
fn with_rows<'q>(statement: Statement<'q>, sorted: &'q [&ScanEntry]) -> Statement<'q> {
    statement
        .bind(column!(sorted, e => e.id.0))
        .bind(column!(sorted, e => e.decided_on().event.0.0))
        .bind(column!(sorted, e => e.ticket.0))
        .bind(column!(sorted, e => e.direction.as_str()))
        .bind(column!(sorted, e => e.uses))
        .bind(column!(sorted, e => e.moves()))
        .bind(column!(sorted, e => e.allowed))
        .bind(column!(sorted, e => e.decided_on().session.0.0))
        .bind(column!(sorted, e => e.decided_on().device_id().map(|id| id.0)))
        .bind(column!(sorted, e => e.gate.as_deref()))
        .bind(column!(sorted, e => e.scanned_at))
        .bind(column!(sorted, e => e.fingerprint.as_str()))
}

impl Postgres {
    /// Writes a batch of scans of one organisation; one outcome per entry, in their order.
    pub async fn commit_scans(
        &self,
        organisation: OrganisationId,
        at: Moment,
        batch: &[ScanEntry],
    ) -> Result<Vec<Outcome<ScanRecorded>>, LedgerError> {
        // Sorted, so that two gateways that write movements of the same tickets wait for each other and never in a circle.
        let mut sorted: Vec<&ScanEntry> = batch.iter().collect();
        sorted.sort_by_key(|entry| (entry.ticket, entry.id));
        let written = match self.commit_if_plain(organisation, at, &sorted).await? {
            Some(written) => written,
            None => self.commit_with_care(organisation, at, &sorted).await?,
        };

        let written: HashMap<Uuid, (i32, i32, i32)> =
            written.into_iter().map(|(id, seq, used, inside)| (id, (seq, used, inside))).collect();
        let outcome = |entry: &ScanEntry| match written.get(&entry.id.0) {
            Some(&(seq, used, inside)) => Outcome::Recorded(ScanRecorded { seq, used, inside, recorded_at: at }),
            None => Outcome::Moved,
        };
        Ok(batch.iter().map(outcome).collect())
    }

    /// Writes a batch in which no ticket occurs twice and nothing is taken back, if no id in it is known and no version has changed. Most are
    /// like that, and it takes less work. None: this batch is not, and nothing is written.
    async fn commit_if_plain(
        &self,
        organisation: OrganisationId,
        at: Moment,
        sorted: &[&ScanEntry],
    ) -> Result<Option<Vec<Written>>, LedgerError> {
        let wary = self.wary.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |batches| batches.checked_sub(1)).is_ok();
        let one_each = sorted.windows(2).all(|pair| !matches!(pair, [one, next] if one.ticket == next.ticket));
        if wary || !one_each || sorted.iter().any(|entry| entry.undoes.is_some()) {
            return Ok(None);
        }
        let all_decided_on = || sorted.iter().map(|entry| *entry.decided_on());
        let (Some(sessions), Some(memberships), Some(devices), Some(events)) = (
            versions(all_decided_on().map(|g| (g.session.0.0, g.session.1))),
            versions(all_decided_on().map(|g| (g.membership.0.0, g.membership.1))),
            versions(all_decided_on().filter_map(|g| g.device).map(|(id, version)| (id.0, version))),
            versions(all_decided_on().map(|g| (g.event.0.0, g.event.1))),
        ) else {
            return Ok(None);
        };
        let mut lease = self.commits.lease().await?;
        let statement = query_as(
            "select written, seq, used, inside
             from commit_plain_scans($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
        )
        .bind(organisation)
        .bind(at)
        .bind(sessions.0)
        .bind(sessions.1)
        .bind(memberships.0)
        .bind(memberships.1)
        .bind(devices.0)
        .bind(devices.1)
        .bind(events.0)
        .bind(events.1);
        let statement = with_rows(statement, sorted);
        let written = match within(limits::ATTEMPT_TIMEOUT, statement.fetch_all(&mut *lease)).await {
            // An id is known, or another gateway has moved one of the tickets meanwhile. Where there is one such there may be more.
            Err(LedgerError::Moved) => {
                self.wary.store(limits::CAREFUL_BATCHES_COUNT, Ordering::Relaxed);
                Vec::new()
            }
            done => done?,
        };
        lease.finish();
        Ok(Some(written).filter(|written| !written.is_empty()))
    }

    /// Writes of a batch what can be written.
    async fn commit_with_care(&self, organisation: OrganisationId, at: Moment, sorted: &[&ScanEntry]) -> Result<Vec<Written>, LedgerError> {
        let mut all_decided_on = DecidedOnSet::default();
        let places: Vec<i32> = sorted.iter().map(|e| all_decided_on.place(e.decided_on())).collect();
        let all_decided_on = all_decided_on.all;
        let mut lease = self.commits.lease().await?;
        let statement = query_as(
            "select written, seq, used, inside
             from commit_scans($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)",
        )
        .bind(organisation)
        .bind(at)
        .bind(column!(all_decided_on, g => g.session.0.0))
        .bind(column!(all_decided_on, g => g.session.1))
        .bind(column!(all_decided_on, g => g.membership.0.0))
        .bind(column!(all_decided_on, g => g.membership.1))
        .bind(column!(all_decided_on, g => g.device_id().map(|id| id.0)))
        .bind(column!(all_decided_on, g => g.device.map(|(_, version)| version)))
        .bind(column!(all_decided_on, g => g.event.0.0))
        .bind(column!(all_decided_on, g => g.event.1))
        .bind(places);
        let statement = with_rows(statement, sorted).bind(column!(sorted, e => e.undoes.map(|id| id.0)));
        let written = within(limits::ATTEMPT_TIMEOUT, statement.fetch_all(&mut *lease)).await?;
        lease.finish();
        Ok(written)
    }
}

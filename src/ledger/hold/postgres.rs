//! Holds in Postgres: a batch of one organisation is one call of `commit_holds`.

use serde_json::{Value, json};
use sqlx::{query_as, query_scalar, types::Json};

use crate::ledger::{postgres::Postgres, scan::postgres::DecidedOnSet};
use crate::{
    clock::Moment,
    ids::{OrganisationId, TicketTypeId},
    ledger::{
        entry::Outcome,
        error::LedgerError,
        hold::{HoldEntry, HoldRefused, ReleaseEntry},
        lease::within,
        sale::SoldOut,
    },
    limits,
};

/// The outcome, the type that lacks and what is left of it.
type Row = (String, Option<TicketTypeId>, Option<i32>);

impl Postgres {
    /// Writes a batch of holds of one organisation; one outcome per entry, in their order.
    pub async fn commit_holds(
        &self,
        organisation: OrganisationId,
        at: Moment,
        batch: &[HoldEntry],
    ) -> Result<Vec<Outcome<(), HoldRefused>>, LedgerError> {
        let mut all_decided_on = DecidedOnSet::default();
        let holds: Vec<Value> = batch.iter().map(|entry| as_json(entry, all_decided_on.place(entry.decided_on()))).collect();
        let mut lease = self.commits.lease().await?;
        let statement = query_as("select outcome, lacking, remaining from commit_holds($1, $2, $3, $4, $5)")
            .bind(organisation)
            .bind(at)
            .bind(all_decided_on.into_json())
            .bind(limits::HOLDS_PER_TILL_MAX)
            .bind(Json(holds));
        let answers: Vec<Row> = within(limits::ATTEMPT_TIMEOUT, statement.fetch_all(&mut *lease)).await?;
        lease.finish();
        Ok(answers.into_iter().map(outcome).collect())
    }

    /// Gives a hold's stock back, if the hold is neither used nor released.
    pub async fn release_hold(&self, at: Moment, entry: &ReleaseEntry) -> Result<Outcome<()>, LedgerError> {
        let mut lease = self.lease().await?;
        let statement = query_scalar("select release_hold($1, $2, $3, $4)")
            .bind(entry.organisation())
            .bind(at)
            .bind(Json(entry.decided_on().guards()))
            .bind(entry.0);
        let released: bool = within(lease.left(limits::LEDGER_CALL_TIMEOUT), statement.fetch_one(&mut *lease)).await?;
        lease.finish();
        Ok(if released { Outcome::Recorded(()) } else { Outcome::Moved })
    }
}

fn outcome((outcome, ticket_type, left): Row) -> Outcome<(), HoldRefused> {
    match (outcome.as_str(), ticket_type, left) {
        ("recorded", _, _) => Outcome::Recorded(()),
        ("too_many", _, _) => Outcome::Refused(HoldRefused::TooMany),
        ("sold_out", Some(ticket_type), Some(left)) => Outcome::Refused(HoldRefused::SoldOut(SoldOut { ticket_type, left })),
        _ => Outcome::Moved,
    }
}

fn as_json(entry: &HoldEntry, decided_on: i32) -> Value {
    json!({
        "ground": decided_on,
        "id": entry.id,
        "event_id": entry.decided_on().event.0,
        "session_id": entry.decided_on().session.0,
        "device_id": entry.decided_on().device_id(),
        "currency": entry.currency,
        "total_minor": entry.total_minor,
        "expires_at": entry.expires_at,
        "fingerprint": entry.fingerprint,
        "lines": entry.lines,
    })
}

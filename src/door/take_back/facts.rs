//! What taking back is decided on: one fresh look at the ledger that sees authority, scan and ticket together.

use std::sync::Arc;

use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    attempt::{Found, Freshness, Sources},
    authenticate::token::SessionClaims,
    ids::{EventId, Named, ScanId},
    ledger::{
        LedgerError,
        look::Look,
        rows::{EventFacts, Movement, RecordedScan},
    },
};

/// What taking back is decided on.
#[derive(Debug)]
pub struct Facts {
    /// The event that the scan was made at, if the caller's organisation has such a scan.
    pub event: Option<Arc<EventFacts>>,
    /// The one event in the caller's list.
    pub pinned: Option<Named>,
    /// The ticket's code.
    pub code: String,
    /// Its last movement.
    pub last: Option<Movement>,
    /// The scan.
    pub recorded: Option<RecordedScan>,
}

/// Looks. Where a scan was made never changes, so that may be asked for first; all else is of one moment.
pub async fn gather(sources: &Sources, claims: SessionClaims, scan: ScanId, deadline: Instant) -> Result<Found<Facts>, LedgerError> {
    let place = sources.ledger.scanned(claims.session, scan).await?;
    let known = place.is_some();
    let (event, code) = place.unwrap_or_else(|| (EventId(Uuid::nil()), String::new()));
    let look =
        Look { session: claims.session, event, code: known.then(|| code.clone()), scan: known.then_some(scan), sale: None, hold: None };
    let seen = sources.ledger.look(look, deadline).await?;
    let facts = Facts { event: seen.event, pinned: seen.pinned, code, last: seen.ticket.and_then(|(_, last)| last), recorded: seen.scan };
    Ok(Found { freshness: Freshness::Fresh, authority: seen.authority, facts })
}

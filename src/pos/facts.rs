//! What sales and holds are decided on: the nearest copies, or one fresh look at the ledger.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    attempt::{Found, Freshness, Sources},
    authenticate::token::SessionClaims,
    ids::{EventId, HoldId, Named, SaleId},
    ledger::{
        LedgerError,
        look::Look,
        rows::{EventFacts, RecordedHold, RecordedSale},
    },
};

/// What was found.
#[derive(Debug)]
pub struct Facts {
    /// The event, if it is of the caller's organisation.
    pub event: Option<Arc<EventFacts>>,
    /// The one event in the caller's list.
    pub pinned: Option<Named>,
    /// What the ledger has under the sale's id.
    pub recorded: Option<RecordedSale>,
    /// What the ledger has under the hold's id.
    pub hold: Option<RecordedHold>,
}

/// What is looked up beside the event: entries that the ledger may have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sought {
    pub sale: Option<SaleId>,
    pub hold: Option<HoldId>,
}

/// Looks at an event for a session, and at what else is sought.
pub async fn look(
    sources: &Sources,
    claims: SessionClaims,
    event: EventId,
    sought: Sought,
    freshness: Freshness,
    deadline: Instant,
) -> Result<Found<Facts>, LedgerError> {
    if freshness == Freshness::Nearest
        && let Some(facts) = nearest(sources, claims, event).await
    {
        return Ok(facts);
    }
    fresh(sources, claims, event, sought, deadline).await
}

/// All from copies, or nothing.
async fn nearest(sources: &Sources, claims: SessionClaims, event: EventId) -> Option<Found<Facts>> {
    let facts = Arc::clone(sources.warm.nearest(event)?.facts());
    let authority = sources.hot.nearest(claims.session).await?;
    let event = (facts.event.organisation_id == authority.membership.organisation_id).then_some(facts);
    let facts = Facts { event, pinned: None, recorded: None, hold: None };
    Some(Found { freshness: Freshness::Nearest, authority: Some(authority), facts })
}

async fn fresh(
    sources: &Sources,
    claims: SessionClaims,
    event: EventId,
    sought: Sought,
    deadline: Instant,
) -> Result<Found<Facts>, LedgerError> {
    let look = Look { session: claims.session, event, code: None, scan: None, sale: sought.sale, hold: sought.hold };
    let seen = sources.ledger.look(look, deadline).await?;
    if let Some(authority) = &seen.authority {
        sources.hot.remember(seen.as_of, authority);
    }
    if let Some(event) = &seen.event {
        sources.warm.remember(seen.as_of, event, None);
    }
    let facts = Facts { event: seen.event, pinned: seen.pinned, recorded: seen.sale, hold: seen.hold };
    Ok(Found { freshness: Freshness::Fresh, authority: seen.authority, facts })
}

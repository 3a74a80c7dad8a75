//! What a sale is decided on: the nearest copies, or one fresh look at the ledger.

use std::sync::Arc;

use tokio::time::Instant;

use super::request::Request;
use crate::{
    attempt::{Freshness, Sources},
    authenticate::token::SessionClaims,
    ids::{EventId, HoldId, Named, SaleId},
    ledger::{
        LedgerError,
        entry::Look,
        rows::{Authority, EventFacts, RecordedHold, RecordedSale},
    },
};

/// What was seen.
#[derive(Debug)]
pub struct Facts {
    /// Where it was seen: a refusal found on a copy is confirmed by a fresh look before it is answered.
    pub freshness: Freshness,
    /// Who asks.
    pub authority: Option<Arc<Authority>>,
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
    /// A sale.
    pub sale: Option<SaleId>,
    /// A hold.
    pub hold: Option<HoldId>,
}

/// Looks for a sale. A hold that it names is in the ledger only, so there is nothing to be seen nearer.
pub async fn gather(
    sources: &Sources,
    claims: SessionClaims,
    request: &Request,
    freshness: Freshness,
    deadline: Instant,
) -> Result<Facts, LedgerError> {
    let freshness = if request.hold.is_some() { Freshness::Fresh } else { freshness };
    look(sources, claims, request.event, Sought { sale: Some(request.id), hold: request.hold }, freshness, deadline).await
}

/// Looks at an event for a session, and at what else is sought.
pub async fn look(
    sources: &Sources,
    claims: SessionClaims,
    event: EventId,
    sought: Sought,
    freshness: Freshness,
    deadline: Instant,
) -> Result<Facts, LedgerError> {
    if freshness == Freshness::Nearest
        && let Some(facts) = nearest(sources, claims, event).await
    {
        return Ok(facts);
    }
    fresh(sources, claims, event, sought, deadline).await
}

/// All from copies, or nothing.
async fn nearest(sources: &Sources, claims: SessionClaims, event: EventId) -> Option<Facts> {
    let facts = Arc::clone(sources.warm.nearest(event)?.facts());
    let authority = sources.hot.nearest(claims.session).await?;
    let event = (facts.event.organisation_id == authority.membership.organisation_id).then_some(facts);
    Some(Facts { freshness: Freshness::Nearest, authority: Some(authority), event, pinned: None, recorded: None, hold: None })
}

async fn fresh(sources: &Sources, claims: SessionClaims, event: EventId, sought: Sought, deadline: Instant) -> Result<Facts, LedgerError> {
    let look = Look { session: claims.session, event, code: None, scan: None, sale: sought.sale, hold: sought.hold };
    let seen = sources.ledger.look(look, deadline).await?;
    if let Some(authority) = &seen.authority {
        sources.hot.remember(seen.as_of, authority);
    }
    if let Some(event) = &seen.event {
        sources.warm.remember(seen.as_of, event, None);
    }
    Ok(Facts {
        freshness: Freshness::Fresh,
        authority: seen.authority,
        event: seen.event,
        pinned: seen.pinned,
        recorded: seen.sale,
        hold: seen.hold,
    })
}

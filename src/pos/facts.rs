//! What a sale is decided on: the nearest copies, or one fresh look at the book.

use std::sync::Arc;

use tokio::time::Instant;

use super::request::Request;
use crate::{
    authenticate::token::SessionClaims,
    ids::{EventId, Named, SaleId},
    ledger::{
        LedgerError,
        entry::Look,
        rows::{Authority, EventFacts, RecordedSale},
    },
    walk::{Sight, Sources},
};

/// What was seen.
#[derive(Debug)]
pub struct Facts {
    /// Where it was seen: a refusal found on a copy is confirmed by a fresh look before it is answered.
    pub sight: Sight,
    /// Who asks.
    pub authority: Option<Arc<Authority>>,
    /// The event, if it is of the caller's organisation.
    pub event: Option<Arc<EventFacts>>,
    /// The one event in the caller's list.
    pub pinned: Option<Named>,
    /// What the book has under the sale's id.
    pub recorded: Option<RecordedSale>,
}

/// Looks.
pub async fn gather(
    sources: &Sources,
    claims: SessionClaims,
    request: &Request,
    sight: Sight,
    deadline: Instant,
) -> Result<Facts, LedgerError> {
    look(sources, claims, request.event, Some(request.id), sight, deadline).await
}

/// Looks at an event for a session, and at the sale if there is one.
pub async fn look(
    sources: &Sources,
    claims: SessionClaims,
    event: EventId,
    sale: Option<SaleId>,
    sight: Sight,
    deadline: Instant,
) -> Result<Facts, LedgerError> {
    if sight == Sight::Nearest
        && let Some(facts) = nearest(sources, claims, event).await
    {
        return Ok(facts);
    }
    fresh(sources, claims, event, sale, deadline).await
}

/// All from copies, or nothing.
async fn nearest(sources: &Sources, claims: SessionClaims, event: EventId) -> Option<Facts> {
    let facts = Arc::clone(sources.warm.nearest(event)?.facts());
    let authority = sources.hot.nearest(claims.session).await?;
    let event = (facts.event.organisation_id == authority.membership.organisation_id).then_some(facts);
    Some(Facts { sight: Sight::Nearest, authority: Some(authority), event, pinned: None, recorded: None })
}

async fn fresh(
    sources: &Sources,
    claims: SessionClaims,
    event: EventId,
    sale: Option<SaleId>,
    deadline: Instant,
) -> Result<Facts, LedgerError> {
    let look = Look { session: claims.session, event, code: None, scan: None, sale };
    let seen = sources.book.look(look, deadline).await?;
    let authority = seen.authority.map(Arc::new);
    if let Some(authority) = &authority {
        sources.hot.remember(seen.as_of, authority);
    }
    if let Some(event) = &seen.event {
        sources.warm.remember(seen.as_of, event, None);
    }
    Ok(Facts { sight: Sight::Fresh, authority, event: seen.event.map(Arc::new), pinned: seen.pinned, recorded: seen.sale })
}

//! What a sale is decided on.

use tokio::time::Instant;

use super::request::Request;
use crate::{
    attempt::{Found, Freshness, Sources},
    authenticate::token::SessionClaims,
    ledger::LedgerError,
    pos::facts::{Facts, Sought, look},
};

/// Looks the facts up. A hold that the sale names is in the ledger only, so no copy is near enough.
pub async fn gather(
    sources: &Sources,
    claims: SessionClaims,
    request: &Request,
    freshness: Freshness,
    deadline: Instant,
) -> Result<Found<Facts>, LedgerError> {
    let freshness = if request.hold.is_some() { Freshness::Fresh } else { freshness };
    look(sources, claims, request.event, Sought { sale: Some(request.id), hold: request.hold }, freshness, deadline).await
}

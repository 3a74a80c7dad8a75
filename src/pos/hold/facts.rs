//! What a hold is decided on.

use tokio::time::Instant;

use super::request::HoldRequest;
use crate::{
    attempt::{Found, Freshness, Sources},
    authenticate::token::SessionClaims,
    ledger::LedgerError,
    pos::facts::{Facts, Sought, look},
};

/// Looks the facts up.
pub async fn gather(
    sources: &Sources,
    claims: SessionClaims,
    request: &HoldRequest,
    freshness: Freshness,
    deadline: Instant,
) -> Result<Found<Facts>, LedgerError> {
    look(sources, claims, request.event, Sought { hold: Some(request.id), sale: None }, freshness, deadline).await
}

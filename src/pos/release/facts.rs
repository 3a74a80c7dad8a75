//! What a release is decided on.

use std::sync::Arc;

use crate::{
    attempt::{Found, Freshness, Sources},
    authenticate::token::SessionClaims,
    ids::{HoldId, Named},
    ledger::{
        LedgerError,
        rows::{EventFacts, RecordedHold},
    },
};

/// What was found.
#[derive(Debug, Default)]
pub struct Facts {
    /// The hold, if the caller's organisation has it.
    pub hold: Option<RecordedHold>,
    pub event: Option<EventFacts>,
    /// The one event in the caller's list.
    pub pinned: Option<Named>,
}

/// Looks the facts up: in the ledger, for a release is rare.
pub async fn gather(sources: &Sources, claims: SessionClaims, hold: HoldId) -> Result<Found<Facts>, LedgerError> {
    let authority = sources.ledger.authority(claims.session).await?.map(Arc::new);
    let mut facts = Facts::default();
    if let Some(authority) = &authority {
        facts.hold = sources.ledger.hold(authority.membership.organisation_id, hold).await?;
        if let Some(hold) = &facts.hold {
            (facts.event, facts.pinned) = sources.ledger.event_for(&authority.membership, hold.hold.event_id).await?;
        }
    }
    Ok(Found { freshness: Freshness::Fresh, authority, facts })
}

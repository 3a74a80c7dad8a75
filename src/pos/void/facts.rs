//! What a void is decided on.

use std::sync::Arc;

use super::request::VoidRequest;
use crate::{
    attempt::{Found, Freshness, Sources},
    authenticate::token::SessionClaims,
    ids::Named,
    ledger::{
        LedgerError,
        rows::{EventFacts, RecordedSale, Void},
    },
};

/// What was found.
#[derive(Debug, Default)]
pub struct Facts {
    /// What the ledger has under the void's id, and the sale that it took back.
    pub recorded: Option<(Void, Option<RecordedSale>)>,
    /// The sale, if the caller's organisation has it.
    pub sale: Option<RecordedSale>,
    /// The sale's event.
    pub event: Option<EventFacts>,
    /// The one event in the caller's list.
    pub pinned: Option<Named>,
}

/// Looks the facts up: in the ledger, for a void is rare and changes tickets that other gateways keep warm.
pub async fn gather(sources: &Sources, claims: SessionClaims, request: &VoidRequest) -> Result<Found<Facts>, LedgerError> {
    let ledger = &sources.ledger;
    let authority = ledger.authority(claims.session).await?.map(Arc::new);
    let mut facts = Facts::default();
    if let Some(membership) = authority.as_ref().map(|authority| &authority.membership) {
        let organisation = membership.organisation_id;
        if let Some(void) = ledger.void(organisation, request.id).await? {
            let sale = ledger.sale(organisation, void.sale_id).await?;
            facts.recorded = Some((void, sale));
        } else {
            facts.sale = ledger.sale(organisation, request.sale).await?;
            if let Some(sale) = &facts.sale {
                (facts.event, facts.pinned) = ledger.event_for(membership, sale.sale.event_id).await?;
            }
        }
    }
    Ok(Found { freshness: Freshness::Fresh, authority, facts })
}

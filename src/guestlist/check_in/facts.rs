//! What a check-in, or one that is taken back, is decided on: always a fresh look at the ledger, because names are looked up by the hundred
//! and not by the hundred thousand.

use std::sync::Arc;

use crate::{
    attempt::{Found, Freshness, Sources},
    authenticate::token::SessionClaims,
    ids::{CheckInId, GuestId},
    ledger::{
        LedgerError,
        guestlist::{CheckInLook, CheckInSeen},
    },
};

/// Looks the facts up. Without a guest, the guest is the one of the check-in.
pub async fn gather(
    sources: &Sources,
    claims: SessionClaims,
    guest: Option<GuestId>,
    check_in: CheckInId,
) -> Result<Found<CheckInSeen>, LedgerError> {
    let mut facts = sources.ledger.check_in_look(CheckInLook { session: claims.session, guest, check_in }).await?;
    let authority = facts.authority.take().map(Arc::new);
    Ok(Found { freshness: Freshness::Fresh, authority, facts })
}

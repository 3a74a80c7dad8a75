//! What a scan is decided on: the nearest copies, or one fresh look at the ledger that sees authority and ticket together.

use std::sync::Arc;

use tokio::time::Instant;

use super::request::Request;
use crate::{
    attempt::{Found, Freshness, Sources},
    authenticate::token::SessionClaims,
    event::warm::CachedTicket,
    ids::Named,
    ledger::{
        LedgerError,
        look::{Look, RefusalCheck},
        rows::{EventFacts, Movement, RecordedScan, Ticket},
    },
};

/// What a scan is decided on.
#[derive(Debug)]
pub struct Facts {
    /// The event, if it is of the caller's organisation.
    pub event: Option<Arc<EventFacts>>,
    /// The one event in the caller's list.
    pub pinned: Option<Named>,
    pub ticket: Option<Ticket>,
    /// Where it is kept warm, if it was found there.
    pub cached: Option<CachedTicket>,
    /// Its last movement.
    pub last: Option<Movement>,
    /// A live event that has a ticket with this code.
    pub elsewhere: Option<Named>,
    /// What the ledger has under the scan's id.
    pub recorded: Option<RecordedScan>,
}

/// Looks.
pub async fn gather(
    sources: &Sources,
    claims: SessionClaims,
    request: &Request,
    freshness: Freshness,
    deadline: Instant,
) -> Result<Found<Facts>, LedgerError> {
    if freshness != Freshness::Fresh
        && let Some(facts) = nearest(sources, claims, request, freshness).await
    {
        return Ok(facts);
    }
    fresh(sources, claims, request, deadline).await
}

/// All from copies, or nothing.
async fn nearest(sources: &Sources, claims: SessionClaims, request: &Request, freshness: Freshness) -> Option<Found<Facts>> {
    let event = sources.warm.nearest(request.event)?;
    let (cached, ticket, last) = event.ticket(request.code()?)?;
    let authority = sources.hot.nearest(claims.session).await?;
    let facts = event.facts();
    let event = (facts.event.organisation_id == authority.membership.organisation_id).then(|| Arc::clone(facts));
    let (ticket, cached) = (Some(ticket), Some(cached));
    let facts = Facts { event, pinned: None, ticket, cached, last, elsewhere: None, recorded: None };
    Some(Found { freshness, authority: Some(authority), facts })
}

/// Whether the ledger says the same of the ticket as these copies. If so, the scan may be refused on the copies that are nearest now, because
/// this gateway knows every change up to that moment.
pub async fn confirm(sources: &Sources, request: &Request, found: &Found<Facts>, deadline: Instant) -> Result<bool, LedgerError> {
    let (Some(authority), Some(ticket)) = (&found.authority, &found.facts.ticket) else { return Ok(false) };
    let check = RefusalCheck {
        organisation: authority.membership.organisation_id,
        scan: request.id,
        ticket: ticket.id,
        seq: found.facts.last.as_ref().map_or(0, |last| last.seq),
    };
    let as_of = sources.ledger.confirm(check, deadline).await?;
    Ok(as_of.is_some_and(|as_of| sources.ledger.log().position() >= as_of))
}

async fn fresh(sources: &Sources, claims: SessionClaims, request: &Request, deadline: Instant) -> Result<Found<Facts>, LedgerError> {
    let look = Look {
        session: claims.session,
        event: request.event,
        code: request.code().map(str::to_owned),
        scan: Some(request.id),
        sale: None,
        hold: None,
    };
    let seen = sources.ledger.look(look, deadline).await?;
    if let Some(authority) = &seen.authority {
        sources.hot.remember(seen.as_of, authority);
    }
    if let Some(event) = &seen.event {
        sources.warm.remember(seen.as_of, event, seen.ticket.clone());
    }
    let (ticket, last) = seen.ticket.unzip();
    let facts = Facts {
        event: seen.event,
        pinned: seen.pinned,
        ticket,
        cached: None,
        last: last.flatten(),
        elsewhere: seen.elsewhere,
        recorded: seen.scan,
    };
    Ok(Found { freshness: Freshness::Fresh, authority: seen.authority, facts })
}

//! Refused scans for supervisors: what was refused, where, by which member and why.

use serde::Serialize;

use super::{
    DoorError,
    scan::{decide::Reason, facts::Facts, request::Request},
};
use crate::{
    attempt::Sources,
    authenticate::Caller,
    authorise::{self, Refused, StaffSession},
    clock::{self, Stamp},
    ids::{EventId, Named, RefusedScanId, ScanId, TicketId},
    ledger::{
        Ledger, LedgerError, Page,
        kinds::{Direction, Permission},
        rows::{ListedRefusal, RefusalFilter, RefusedScan},
    },
};

/// A refused scan.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = refused_scan)]
pub struct RefusedScanView {
    /// Its id in this list.
    pub id: RefusedScanId,
    /// The id that the phone gave the scan; sent again, it may be refused again.
    pub scan: ScanId,
    /// What was scanned.
    #[schema(example = "k7qj2kz5cmyyphx4jcrw3gcvbd")]
    pub code: String,
    /// The ticket, if the event has one with this code.
    pub ticket: Option<RefusedTicket>,
    /// Which way.
    pub direction: Direction,
    /// Why it was refused.
    pub reason: Reason,
    /// At which gate.
    #[schema(example = "North")]
    pub gate: Option<String>,
    /// On which device.
    pub device: Named,
    /// Who scanned.
    pub user: Named,
    /// When, as the phone had it.
    pub scanned_at: Option<Stamp>,
    /// When it was refused.
    pub refused_at: Stamp,
}

/// The ticket of a refused scan.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = refused_ticket)]
pub struct RefusedTicket {
    /// Its id.
    pub id: TicketId,
    /// Its type.
    #[serde(rename = "type")]
    pub ticket_type: Named,
}

/// A page of the refused scans of an event, newest first.
pub async fn list(
    ledger: &Ledger,
    staff: StaffSession<'_>,
    event: EventId,
    filter: &RefusalFilter,
    page: Page,
) -> Result<Vec<RefusedScanView>, DoorError> {
    let caller = staff.caller().await?;
    let organisation = caller.organisation();
    let known = ledger.event(event).await?.is_some_and(|facts| facts.event.organisation_id == organisation);
    let _mandate = authorise::mandate(known.then_some(caller).ok_or(Refused::NotFound)?, Permission::EventsManage)?;
    let found = ledger.refused_scans(organisation, event, filter, page).await?;
    found.into_iter().map(|refused| view(refused).map_err(DoorError::Ledger)).collect()
}

fn view(refused: ListedRefusal) -> Result<RefusedScanView, LedgerError> {
    let ticket = |id| {
        let ticket_type = Named::new(refused.ticket_type_id?, refused.ticket_type_name.unwrap_or_default());
        Some(RefusedTicket { id, ticket_type })
    };
    Ok(RefusedScanView {
        id: refused.id,
        scan: refused.scan_id,
        code: refused.code,
        ticket: refused.ticket_id.and_then(ticket),
        direction: refused.direction,
        reason: refused.reason.parse().map_err(|_| LedgerError::Broken)?,
        gate: refused.gate,
        device: Named::new(refused.device_id, refused.device_name),
        user: Named::new(refused.user_id, refused.user_name),
        scanned_at: refused.scanned_at.map(Stamp),
        refused_at: refused.refused_at.into(),
    })
}

/// Records a refusal if there is room in the queue; it never waits. A dry run was no attempt to come in.
pub(super) fn note(sources: &Sources, caller: &Caller, request: &Request, facts: &Facts, reason: Reason) {
    let authority = caller.authority();
    let Some(device) = authority.device.as_ref().filter(|_| !request.dry_run) else { return };
    let clock = sources.authenticator.clock;
    sources.ledger.note_refused(RefusedScan {
        id: clock::new_id(),
        organisation_id: authority.membership.organisation_id,
        event_id: request.event,
        scan_id: request.id,
        code: request.code.clone(),
        ticket_id: facts.ticket.as_ref().map(|ticket| ticket.id),
        direction: request.direction,
        reason: reason.as_str(),
        gate: request.gate_at(Some(device)).map(str::to_owned),
        session_id: authority.session.id,
        device_id: device.id,
        scanned_at: request.scanned_at,
        refused_at: clock.now(),
    });
}

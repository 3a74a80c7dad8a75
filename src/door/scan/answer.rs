//! The answer to a scan: one shape for yes and for no.

use serde::Serialize;

use super::{
    commit::Receipt,
    decide::{Reason, VerdictWord},
    facts::Facts,
    request::Request,
};
use crate::{
    authenticate::Caller,
    clock::Stamp,
    ids::{DeviceId, Named, ScanId, TicketId},
    ledger::{
        kinds::Direction,
        rows::{Movement, RecordedScan},
    },
};

/// The answer to a scan.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = scan_answer)]
pub struct ScanAnswer {
    /// The scan's id.
    pub id: ScanId,
    /// Yes or no.
    pub verdict: VerdictWord,
    /// Why not.
    pub reason: Option<Reason>,
    /// A sentence for the person at the door.
    pub message: String,
    /// The ticket.
    pub ticket: Option<TicketView>,
    /// The movement that was recorded.
    pub admission: Option<AdmissionView>,
    /// The movement before, where it is the reason of a refusal.
    pub previous: Option<PreviousView>,
    /// The live event that the ticket is for, with `wrong_event`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_event: Option<Named>,
    /// Whether this is the first answer again; a header, not a part of the body.
    #[serde(skip)]
    pub replayed: bool,
}

/// A ticket as the door sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = scanned_ticket)]
pub struct TicketView {
    /// Its id.
    pub id: TicketId,
    /// Its type.
    #[serde(rename = "type")]
    pub ticket_type: Named,
    /// Whose it is.
    pub holder: Option<String>,
    /// Entries used.
    pub entries_used: i32,
    /// Entries allowed.
    pub entries_allowed: i32,
}

impl TicketView {
    /// The ticket of a recorded scan, with so many entries used.
    pub fn recorded(recorded: &RecordedScan, entries_used: i32) -> Self {
        Self {
            id: recorded.ticket_id,
            ticket_type: Named::new(recorded.ticket_type_id, &recorded.ticket_type_name),
            holder: recorded.holder.clone(),
            entries_used,
            entries_allowed: recorded.entries_allowed,
        }
    }
}

/// A movement that was recorded.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = admission)]
pub struct AdmissionView {
    /// Its number among the movements of the ticket, from 1.
    pub seq: i32,
    /// Which way.
    pub direction: Direction,
    /// When it was recorded.
    pub recorded_at: Stamp,
}

/// An earlier movement.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = previous_admission)]
pub struct PreviousView {
    /// When it was recorded.
    pub recorded_at: Stamp,
    /// Which way.
    pub direction: Direction,
    /// At which gate.
    pub gate: Option<String>,
    /// On which device; null where another system made it, before this one took over.
    pub device: Option<Named>,
    /// Whether that is the asking device.
    pub same_device: bool,
}

/// Green: the movement is on disk.
pub fn admitted(request: &Request, facts: &Facts, receipt: &Receipt) -> ScanAnswer {
    let movement = receipt.movement();
    ScanAnswer {
        ticket: ticket(facts, movement.used),
        admission: Some(AdmissionView { seq: movement.seq, direction: movement.direction, recorded_at: movement.recorded_at.into() }),
        ..blank(request.id, VerdictWord::Admit, yes(request.direction))
    }
}

/// Green, but nothing is recorded: a dry run.
pub fn would_admit(request: &Request, facts: &Facts) -> ScanAnswer {
    ScanAnswer { ticket: ticket(facts, used(facts)), ..blank(request.id, VerdictWord::Admit, yes(request.direction)) }
}

/// Red.
pub fn refused(request: &Request, caller: &Caller, facts: &Facts, reason: Reason) -> ScanAnswer {
    let device = caller.authority().session.device_id;
    ScanAnswer {
        reason: Some(reason),
        ticket: ticket(facts, used(facts)),
        previous: facts.last.as_ref().map(|last| previous(last, device)),
        right_event: facts.elsewhere.clone().filter(|_| reason == Reason::WrongEvent),
        ..blank(request.id, VerdictWord::Refuse, no(reason, facts))
    }
}

/// The first answer again.
pub fn replayed(recorded: &RecordedScan) -> ScanAnswer {
    ScanAnswer {
        ticket: Some(TicketView::recorded(recorded, recorded.used)),
        admission: Some(AdmissionView { seq: recorded.seq, direction: recorded.direction, recorded_at: recorded.recorded_at.into() }),
        replayed: true,
        ..blank(recorded.id, VerdictWord::Admit, yes(recorded.direction))
    }
}

fn blank(id: ScanId, verdict: VerdictWord, message: String) -> ScanAnswer {
    ScanAnswer { id, verdict, reason: None, message, ticket: None, admission: None, previous: None, right_event: None, replayed: false }
}

fn ticket(facts: &Facts, entries_used: i32) -> Option<TicketView> {
    let ticket = facts.ticket.as_ref()?;
    let ticket_type = facts.event.as_deref()?.ticket_type(ticket.ticket_type_id)?;
    Some(TicketView {
        id: ticket.id,
        ticket_type: Named::new(ticket_type.id, &ticket_type.name),
        holder: ticket.holder.clone(),
        entries_used,
        entries_allowed: ticket.entries_allowed,
    })
}

fn used(facts: &Facts) -> i32 {
    facts.last.as_ref().map_or(0, |last| last.used)
}

fn previous(last: &Movement, device: Option<DeviceId>) -> PreviousView {
    PreviousView {
        recorded_at: last.recorded_at.into(),
        direction: last.direction,
        gate: last.gate.clone(),
        device: last.device(),
        same_device: device.is_some() && device == last.device_id,
    }
}

fn yes(direction: Direction) -> String {
    match direction {
        Direction::In => "Welcome.".to_owned(),
        Direction::Out => "Goodbye.".to_owned(),
    }
}

fn no(reason: Reason, facts: &Facts) -> String {
    match reason {
        Reason::UnknownTicket => "This ticket is not known.".to_owned(),
        Reason::WrongEvent => match &facts.elsewhere {
            Some(event) => format!("This ticket is for {}.", event.name),
            None => "This ticket is for another event.".to_owned(),
        },
        Reason::AlreadyAdmitted => "This ticket has been used.".to_owned(),
        Reason::Void => "This ticket was cancelled.".to_owned(),
        Reason::Refunded => "This ticket was refunded.".to_owned(),
        Reason::Unpaid => "This ticket is not paid for.".to_owned(),
        Reason::Blocked => "This ticket is blocked. Please ask the organiser.".to_owned(),
        Reason::TooEarly => "This ticket is not valid yet.".to_owned(),
        Reason::TooLate => "This ticket is no longer valid.".to_owned(),
        Reason::WrongGate => "This ticket is not admitted at this gate.".to_owned(),
        Reason::NotInside => "This ticket is not inside.".to_owned(),
    }
}

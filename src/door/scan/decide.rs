//! The verdict on a ticket: a pure function of what was seen, the request and the time.

use super::{facts::Facts, request::Request};
use crate::{
    authenticate::Caller,
    clock::Moment,
    ids::{Named, TicketId},
    ledger::{
        kinds::{Direction, TicketStatus},
        rows::{Device, Movement, RecordedScan, Ticket, TicketType},
    },
    string_enum::string_enum,
};

string_enum! {
    /// Why a ticket is refused.
    pub enum Reason {
        /// No ticket of this event has this code.
        UnknownTicket = "unknown_ticket",
        /// It is a ticket of another live event.
        WrongEvent = "wrong_event",
        /// Its entries are used up.
        AlreadyAdmitted = "already_admitted",
        /// It was cancelled.
        Void = "void",
        /// It was paid back.
        Refunded = "refunded",
        /// It is not paid for.
        Unpaid = "unpaid",
        /// It is held back by the organiser.
        Blocked = "blocked",
        /// Its time has not come.
        TooEarly = "too_early",
        /// Its time is over.
        TooLate = "too_late",
        /// It is not admitted at this gate.
        WrongGate = "wrong_gate",
        /// It goes out and is not inside.
        NotInside = "not_inside",
    }
}

/// What a decision about a ticket rests on.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The ticket, if the event has one with this code.
    pub ticket: Option<&'q Ticket>,
    pub ticket_type: Option<&'q TicketType>,
    /// Its last movement.
    pub last: Option<&'q Movement>,
    /// A live event that has a ticket with this code.
    pub elsewhere: Option<&'q Named>,
    /// Which way.
    pub direction: Direction,
    /// At which gate.
    pub gate: Option<&'q str>,
    /// When.
    pub now: Moment,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Green, once it is in the ledger.
    Admit {
        /// Entries that the movement uses.
        uses: i32,
    },
    /// Red.
    Refuse(Reason),
}

string_enum! {
    /// The spelling of a verdict in the contract.
    pub enum VerdictWord {
        /// Let in (or out).
        Admit = "admit",
        /// Do not.
        Refuse = "refuse",
    }
}

/// A movement that may be written: of this ticket, which allows so many entries, using so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    pub ticket: TicketId,
    pub allowed: i32,
    pub uses: i32,
}

/// Whether this is the request that the ledger has under its id already: of the same device, with the same meaning.
pub fn is_repeated(request: &Request, recorded: &RecordedScan, caller: &Caller) -> bool {
    let device = caller.authority().device.as_ref().filter(|device| Some(device.id) == recorded.device_id);
    device.is_some() && recorded.fingerprint == request.fingerprint(device)
}

/// The verdict on a request: the admission, or why there is none.
pub fn verdict(request: &Request, facts: &Facts, device: Option<&Device>, now: Moment) -> Result<Admission, Reason> {
    let ticket = facts.ticket.as_ref();
    let question = Question {
        ticket,
        ticket_type: ticket.and_then(|t| facts.event.as_deref()?.ticket_type(t.ticket_type_id)),
        last: facts.last.as_ref(),
        elsewhere: facts.elsewhere.as_ref(),
        direction: request.direction,
        gate: request.gate_at(device),
        now,
    };
    match (decide(&question), ticket) {
        (Verdict::Admit { uses }, Some(ticket)) => Ok(Admission { ticket: ticket.id, allowed: ticket.entries_allowed, uses }),
        (Verdict::Admit { .. }, None) => Err(Reason::UnknownTicket),
        (Verdict::Refuse(reason), _) => Err(reason),
    }
}

/// Decides. What concerns the ticket itself comes before when and where, and these before how often.
pub fn decide(question: &Question<'_>) -> Verdict {
    let (Some(ticket), Some(ticket_type)) = (question.ticket, question.ticket_type) else {
        return Verdict::Refuse(if question.elsewhere.is_some() { Reason::WrongEvent } else { Reason::UnknownTicket });
    };
    let refusal = by_status(ticket.status).or_else(|| match question.direction {
        Direction::In => by_time(ticket, ticket_type, question.now)
            .or_else(|| by_gate(ticket_type, question.gate))
            .or_else(|| by_entries(ticket, question.last)),
        // A person who is inside gets out, at any time and by any gate.
        Direction::Out => by_presence(question.last),
    });
    match (refusal, question.direction) {
        (Some(reason), _) => Verdict::Refuse(reason),
        (None, Direction::In) => Verdict::Admit { uses: 1 },
        (None, Direction::Out) => Verdict::Admit { uses: if ticket_type.reentry { -1 } else { 0 } },
    }
}

fn by_status(status: TicketStatus) -> Option<Reason> {
    match status {
        TicketStatus::Valid => None,
        TicketStatus::Void => Some(Reason::Void),
        TicketStatus::Refunded => Some(Reason::Refunded),
        TicketStatus::Unpaid => Some(Reason::Unpaid),
        TicketStatus::Blocked => Some(Reason::Blocked),
    }
}

/// A ticket's own window is used instead of its type's, whole: an end that it leaves open is open.
fn by_time(ticket: &Ticket, ticket_type: &TicketType, now: Moment) -> Option<Reason> {
    let (from, until) = match (ticket.valid_from, ticket.valid_until) {
        (None, None) => (ticket_type.valid_from, ticket_type.valid_until),
        own => own,
    };
    if from.is_some_and(|from| now < from) {
        return Some(Reason::TooEarly);
    }
    until.is_some_and(|until| now > until).then_some(Reason::TooLate)
}

fn by_gate(ticket_type: &TicketType, gate: Option<&str>) -> Option<Reason> {
    let admitted = ticket_type.gates.is_empty() || gate.is_some_and(|gate| ticket_type.gates.iter().any(|g| g == gate));
    (!admitted).then_some(Reason::WrongGate)
}

fn by_entries(ticket: &Ticket, last: Option<&Movement>) -> Option<Reason> {
    let used = last.map_or(0, |last| last.used);
    (used >= ticket.entries_allowed).then_some(Reason::AlreadyAdmitted)
}

fn by_presence(last: Option<&Movement>) -> Option<Reason> {
    last.is_none_or(|last| last.inside == 0).then_some(Reason::NotInside)
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

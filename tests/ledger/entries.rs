//! What is handed to the ledger at the door, decided on as the stage stands: uploads, movements, sales and looks.

use chrono::TimeDelta;
use stagedoor::clock::Clock;
use stagedoor::ledger::entry::{DecidedOn, HoldEntry, Look, NewTicket, SaleEntry, ScanEntry, VoidEntry};
use stagedoor::ledger::kinds::{Direction, PaymentMethod, TicketStatus};
use stagedoor::ledger::rows::{SaleLine, TicketType};
use stagedoor::ledger::{UploadChunk, UploadTicket};

use super::{Ledgers, Stage};
use crate::support::new_id;

impl Stage {
    pub fn decided_on(&self) -> DecidedOn {
        DecidedOn {
            session: (self.session.id, self.session.version),
            membership: (self.membership.id, self.membership.version),
            device: (self.device.id, self.device.version),
            event: (self.event.id, self.event.version),
        }
    }

    /// Grounds that do not stand: each of the four parts older and newer than the ledger has it.
    pub fn moved_grounds(&self) -> Vec<DecidedOn> {
        let decided_on = self.decided_on();
        let off_by = |by: i64| {
            [
                DecidedOn { session: (decided_on.session.0, decided_on.session.1 + by), ..decided_on },
                DecidedOn { membership: (decided_on.membership.0, decided_on.membership.1 + by), ..decided_on },
                DecidedOn { device: (decided_on.device.0, decided_on.device.1 + by), ..decided_on },
                DecidedOn { event: (decided_on.event.0, decided_on.event.1 + by), ..decided_on },
            ]
        };
        [off_by(-1), off_by(1)].concat()
    }

    /// Uploads one valid ticket for a seat.
    pub async fn ticket(&self, ledgers: &Ledgers, code: &str, entries_allowed: i32) -> UploadTicket {
        let ticket = self.upload(code, entries_allowed);
        ledgers.a.store_tickets(&self.chunk(vec![ticket.clone()])).await.unwrap();
        ticket
    }

    pub fn upload(&self, code: &str, entries_allowed: i32) -> UploadTicket {
        UploadTicket {
            id: Clock.id(),
            code: code.into(),
            ticket_type_id: self.seat.id,
            holder: Some("Ada".into()),
            keeps_holder: false,
            status: TicketStatus::Valid,
            entries_allowed,
            window_told: false,
            valid_from: None,
            valid_until: None,
        }
    }

    pub fn chunk(&self, tickets: Vec<UploadTicket>) -> UploadChunk {
        UploadChunk { organisation: self.organisation.id, event: self.event.id, guards: vec![], tickets, entries: vec![], at: Clock.now() }
    }

    /// One entry with this ticket, decided on as the ledger stands.
    pub fn entry(&self, ticket: &UploadTicket) -> ScanEntry {
        ScanEntry {
            decided_on: self.decided_on(),
            id: Clock.id(),
            ticket: ticket.id,
            direction: Direction::In,
            uses: 1,
            allowed: ticket.entries_allowed,
            gate: Some("North".into()),
            scanned_at: Some(Clock.now()),
            fingerprint: format!("in {}", ticket.code),
            undoes: None,
        }
    }

    /// One exit; `uses` is -1 where it gives the entry back.
    pub fn exit(&self, ticket: &UploadTicket, uses: i32) -> ScanEntry {
        ScanEntry { direction: Direction::Out, uses, ..self.entry(ticket) }
    }

    /// Takes back a movement that used so many entries.
    pub fn back(&self, movement: &ScanEntry) -> ScanEntry {
        let direction = movement.direction.reversed();
        ScanEntry { id: Clock.id(), direction, uses: -movement.uses, undoes: Some(movement.id), ..movement.clone() }
    }

    /// A sale paid in cash; its first ticket is let in at once.
    pub fn sale(&self, basket: &[(&TicketType, i32)]) -> SaleEntry {
        let line = |&(kind, quantity): &(&TicketType, i32)| SaleLine {
            ticket_type_id: kind.id,
            name: kind.name.clone(),
            quantity,
            unit_minor: kind.price_minor,
            amount_minor: kind.price_minor * i64::from(quantity),
        };
        let lines: Vec<SaleLine> = basket.iter().map(line).collect();
        let kinds = basket.iter().flat_map(|&(kind, quantity)| (0..quantity).map(move |_| kind));
        let ticket = |(place, kind): (usize, &TicketType)| NewTicket {
            id: Clock.id(),
            ticket_type_id: kind.id,
            code: new_id(),
            entries_allowed: kind.entries_allowed,
            admission: (place == 0).then(|| Clock.id()),
        };
        let total_minor = lines.iter().map(|line| line.amount_minor).sum();
        SaleEntry {
            decided_on: self.decided_on(),
            id: Clock.id(),
            currency: "EUR".into(),
            total_minor,
            method: PaymentMethod::Cash,
            tendered_minor: Some(total_minor + 150),
            change_minor: Some(150),
            reference: None,
            fingerprint: "sale".into(),
            tickets: kinds.enumerate().map(ticket).collect(),
            lines,
            gate: Some("North".into()),
            hold: None,
        }
    }

    /// A hold of the same lines as such a sale's, that lives for this long.
    pub fn hold(&self, basket: &[(&TicketType, i32)], lives: TimeDelta) -> HoldEntry {
        let SaleEntry { decided_on, currency, total_minor, lines, .. } = self.sale(basket);
        let expires_at = Clock.now() + lives;
        HoldEntry { decided_on, id: Clock.id(), currency, total_minor, expires_at, fingerprint: "hold".into(), lines }
    }

    /// A void of a sale.
    pub fn void(&self, sale: &SaleEntry) -> VoidEntry {
        VoidEntry { decided_on: self.decided_on(), id: Clock.id(), sale: sale.id, reason: "Wrong date".into(), fingerprint: "void".into() }
    }

    /// A look of this member at this event.
    pub fn look(&self) -> Look {
        Look { session: self.session.id, event: self.event.id, code: None, scan: None, sale: None, hold: None }
    }

    pub fn look_for(&self, code: &str) -> Look {
        Look { code: Some(code.into()), ..self.look() }
    }
}

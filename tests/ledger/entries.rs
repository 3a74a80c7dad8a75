//! What is handed to the ledger at the door: uploads, movements, sales and looks.
//!
//! A draft is what a test wants written and the versions that it shall rest on. It becomes an entry as everywhere: with a permit of `authorise`.

use chrono::TimeDelta;
use stagedoor::authorise;
use stagedoor::clock::Moment;
use stagedoor::clock::{self, Clock};
use stagedoor::ids::{CheckInId, GuestId, HoldId, SaleId, ScanId, TicketId, VoidId};
use stagedoor::ledger::check_in::{CheckIn, CheckInEntry};
use stagedoor::ledger::entry::{DecidedOn, Entry, Outcome};
use stagedoor::ledger::hold::{HoldEntry, HoldRefused, HoldRelease, NewHold, ReleaseEntry};
use stagedoor::ledger::kinds::{Direction, PaymentMethod, TicketStatus};
use stagedoor::ledger::look::Look;
use stagedoor::ledger::rows::{SaleLine, TicketType};
use stagedoor::ledger::sale::{NewSale, NewTicket, SaleEntry, SaleRecorded, SoldOut};
use stagedoor::ledger::scan::{Scan, ScanEntry, ScanRecorded};
use stagedoor::ledger::void::{NewVoid, VoidEntry};
use stagedoor::ledger::{Carried, CarryOver, UploadChunk, UploadTicket};

use super::{Ledgers, Stage};
use crate::support::new_id;

pub type ScanOutcome = Outcome<ScanRecorded>;
pub type SaleOutcome = Outcome<SaleRecorded, SoldOut>;
pub type HoldOutcome = Outcome<(), HoldRefused>;

#[derive(Clone, Debug)]
pub struct ScanDraft {
    pub decided_on: DecidedOn,
    pub id: ScanId,
    pub ticket: TicketId,
    pub direction: Direction,
    pub uses: i32,
    pub allowed: i32,
    pub gate: Option<String>,
    pub scanned_at: Option<Moment>,
    pub fingerprint: String,
    pub undoes: Option<ScanId>,
}

impl ScanDraft {
    pub fn entry(&self, stage: &Stage) -> ScanEntry {
        let stage = stage.as_of(self.decided_on);
        let permit = authorise::to_scan(&stage.caller(), Some(&stage.facts()), None).unwrap();
        let Self { id, ticket, direction, uses, allowed, gate, scanned_at, fingerprint, undoes, .. } = self.clone();
        Entry::new(permit, Scan { id, ticket, direction, uses, allowed, gate, scanned_at, fingerprint, undoes })
    }
}

#[derive(Clone, Debug)]
pub struct SaleDraft {
    pub decided_on: DecidedOn,
    pub id: SaleId,
    pub currency: String,
    pub total_minor: i64,
    pub method: PaymentMethod,
    pub tendered_minor: Option<i64>,
    pub change_minor: Option<i64>,
    pub reference: Option<String>,
    pub fingerprint: String,
    pub lines: Vec<SaleLine>,
    pub tickets: Vec<NewTicket>,
    pub gate: Option<String>,
    pub hold: Option<HoldId>,
}

impl SaleDraft {
    pub fn entry(&self, stage: &Stage) -> SaleEntry {
        let stage = stage.as_of(self.decided_on);
        let permit = authorise::to_sell(&stage.caller(), true, true, Some(&stage.facts()), None).unwrap();
        let Self {
            id,
            currency,
            total_minor,
            method,
            tendered_minor,
            change_minor,
            reference,
            fingerprint,
            lines,
            tickets,
            gate,
            hold,
            ..
        } = self.clone();
        Entry::new(
            permit,
            NewSale { id, currency, total_minor, method, tendered_minor, change_minor, reference, fingerprint, lines, tickets, gate, hold },
        )
    }
}

#[derive(Clone, Debug)]
pub struct HoldDraft {
    pub decided_on: DecidedOn,
    pub id: HoldId,
    pub currency: String,
    pub total_minor: i64,
    pub expires_at: Moment,
    pub fingerprint: String,
    pub lines: Vec<SaleLine>,
}

impl HoldDraft {
    pub fn entry(&self, stage: &Stage) -> HoldEntry {
        let stage = stage.as_of(self.decided_on);
        let permit = authorise::to_hold(&stage.caller(), Some(&stage.facts()), None).unwrap();
        let Self { id, currency, total_minor, expires_at, fingerprint, lines, .. } = self.clone();
        Entry::new(permit, NewHold { id, currency, total_minor, expires_at, fingerprint, lines })
    }
}

#[derive(Clone, Debug)]
pub struct VoidDraft {
    pub decided_on: DecidedOn,
    pub id: VoidId,
    pub sale: SaleId,
    pub reason: String,
    pub fingerprint: String,
}

impl VoidDraft {
    pub fn entry(&self, stage: &Stage) -> VoidEntry {
        let stage = stage.as_of(self.decided_on);
        let permit = authorise::to_void(&stage.caller(), true, Some(&stage.facts()), None).unwrap();
        let Self { id, sale, reason, fingerprint, .. } = self.clone();
        Entry::new(permit, NewVoid { id, sale, reason, fingerprint })
    }
}

#[derive(Clone, Debug)]
pub struct CheckInDraft {
    pub decided_on: DecidedOn,
    pub id: CheckInId,
    pub guest: (GuestId, i64),
    pub people: Option<i32>,
    pub undoes: Option<CheckInId>,
    pub gate: Option<String>,
    pub fingerprint: String,
}

impl CheckInDraft {
    pub fn entry(&self, stage: &Stage) -> CheckInEntry {
        let stage = stage.as_of(self.decided_on);
        let permit = authorise::guestlist::to_check_in(&stage.caller(), Some(&stage.event), None).unwrap();
        let Self { id, guest, people, undoes, gate, fingerprint, .. } = self.clone();
        Entry::new(permit, CheckIn { id, guest, people, undoes, gate, fingerprint })
    }
}

impl Stage {
    pub fn decided_on(&self) -> DecidedOn {
        DecidedOn {
            session: (self.session.id, self.session.version),
            membership: (self.membership.id, self.membership.version),
            device: Some((self.device.id, self.device.version)),
            event: (self.event.id, self.event.version),
        }
    }

    /// What an entry was decided on, with each of the four versions older and newer than the ledger's.
    pub fn moved_grounds(&self) -> Vec<DecidedOn> {
        let decided_on = self.decided_on();
        let off_by = |by: i64| {
            [
                DecidedOn { session: (decided_on.session.0, decided_on.session.1 + by), ..decided_on },
                DecidedOn { membership: (decided_on.membership.0, decided_on.membership.1 + by), ..decided_on },
                DecidedOn { device: decided_on.device.map(|(id, version)| (id, version + by)), ..decided_on },
                DecidedOn { event: (decided_on.event.0, decided_on.event.1 + by), ..decided_on },
            ]
        };
        [off_by(-1), off_by(1)].concat()
    }

    /// Uploads one valid ticket for a seat.
    pub async fn ticket(&self, ledgers: &Ledgers, code: &str, entries_allowed: i32) -> UploadTicket {
        let ticket = self.upload(code, entries_allowed);
        ledgers.a.store_tickets(&self.chunk(std::slice::from_ref(&ticket))).await.unwrap();
        ticket
    }

    pub fn upload(&self, code: &str, entries_allowed: i32) -> UploadTicket {
        UploadTicket {
            id: clock::new_id(),
            code: code.into(),
            ticket_type_id: self.seat.id,
            holder: Some("Ada".into()),
            keeps_holder: false,
            status: TicketStatus::Valid,
            entries_allowed,
            sets_window: false,
            valid_from: None,
            valid_until: None,
        }
    }

    pub fn chunk<'t>(&self, tickets: &'t [UploadTicket]) -> UploadChunk<'t> {
        self.chunk_with(tickets, vec![])
    }

    /// Tickets with their earlier admissions.
    pub fn chunk_with<'t>(&self, tickets: &'t [UploadTicket], visits: Vec<Carried>) -> UploadChunk<'t> {
        let permit = authorise::to_import(&self.caller()).unwrap();
        UploadChunk { tickets, carried: Entry::new(permit, CarryOver { event: self.event.id, visits, at: Clock::of_this_machine().now() }) }
    }

    /// The release of a hold, decided on at these versions.
    pub fn release(&self, decided_on: DecidedOn, hold: HoldId) -> ReleaseEntry {
        let stage = self.as_of(decided_on);
        Entry::new(authorise::to_release(&stage.caller(), Some(&stage.facts()), None).unwrap(), HoldRelease(hold))
    }

    /// One entry with this ticket, decided on the current state of the ledger.
    pub fn entry(&self, ticket: &UploadTicket) -> ScanDraft {
        ScanDraft {
            decided_on: self.decided_on(),
            id: clock::new_id(),
            ticket: ticket.id,
            direction: Direction::In,
            uses: 1,
            allowed: ticket.entries_allowed,
            gate: Some("North".into()),
            scanned_at: Some(Clock::of_this_machine().now()),
            fingerprint: format!("in {}", ticket.code),
            undoes: None,
        }
    }

    /// One exit; `uses` is -1 where it gives the entry back.
    pub fn exit(&self, ticket: &UploadTicket, uses: i32) -> ScanDraft {
        ScanDraft { direction: Direction::Out, uses, ..self.entry(ticket) }
    }

    /// Takes back a movement that used so many entries.
    pub fn back(&self, movement: &ScanDraft) -> ScanDraft {
        let direction = movement.direction.reversed();
        ScanDraft { id: clock::new_id(), direction, uses: -movement.uses, undoes: Some(movement.id), ..movement.clone() }
    }

    /// A sale paid in cash; its first ticket is let in at once.
    pub fn sale(&self, basket: &[(&TicketType, i32)]) -> SaleDraft {
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
            id: clock::new_id(),
            ticket_type_id: kind.id,
            code: new_id(),
            entries_allowed: kind.entries_allowed,
            admission: (place == 0).then(clock::new_id),
        };
        let total_minor = lines.iter().map(|line| line.amount_minor).sum();
        SaleDraft {
            decided_on: self.decided_on(),
            id: clock::new_id(),
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
    pub fn hold(&self, basket: &[(&TicketType, i32)], lives: TimeDelta) -> HoldDraft {
        let SaleDraft { decided_on, currency, total_minor, lines, .. } = self.sale(basket);
        let expires_at = Clock::of_this_machine().now() + lives;
        HoldDraft { decided_on, id: clock::new_id(), currency, total_minor, expires_at, fingerprint: "hold".into(), lines }
    }

    /// A void of a sale.
    pub fn void(&self, sale: &SaleDraft) -> VoidDraft {
        VoidDraft {
            decided_on: self.decided_on(),
            id: clock::new_id(),
            sale: sale.id,
            reason: "Wrong date".into(),
            fingerprint: "void".into(),
        }
    }

    /// A look of this member at this event.
    pub fn look(&self) -> Look {
        Look { session: self.session.id, event: self.event.id, code: None, scan: None, sale: None, hold: None }
    }

    pub fn look_for(&self, code: &str) -> Look {
        Look { code: Some(code.into()), ..self.look() }
    }
}

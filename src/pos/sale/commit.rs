//! A quote becomes an entry in the ledger, or nothing: the permit is used up either way.

use data_encoding::BASE32_NOPAD;
use tokio::time::Instant;

use super::{
    decide::{Basket, Quote},
    request::{Payment, Request},
};
use crate::{
    attempt::Sources,
    authorise::Permit,
    clock,
    ids::{DeviceId, Named},
    ledger::{
        LedgerError,
        entry::{Entry, Outcome},
        kinds::PaymentMethod,
        rows::{EventFacts, RecordedSale, Sale, SoldTicket},
        sale::{NewSale, NewTicket, SaleRecorded, SoldOut},
    },
};

/// A sale that is in the ledger.
#[derive(Debug)]
#[must_use = "a sale is answered once it is on disk, and now it is"]
pub struct Receipt {
    recorded: Box<RecordedSale>,
}

impl Receipt {
    /// The sale.
    pub fn recorded(&self) -> &RecordedSale {
        &self.recorded
    }
}

/// Writes the sale.
pub async fn commit(
    sources: &Sources,
    permit: Permit<NewSale>,
    request: &Request,
    quote: Quote,
    event: &EventFacts,
    deadline: Instant,
) -> Result<Outcome<Receipt, SoldOut>, LedgerError> {
    let tickets = mint(request, &quote.basket);
    let (method, reference) = match &request.payment {
        Payment::Cash { .. } => (PaymentMethod::Cash, None),
        Payment::Card { reference } => (PaymentMethod::Card, Some(reference.clone())),
    };
    let sale = NewSale {
        id: request.id,
        currency: quote.basket.currency.code().to_owned(),
        total_minor: quote.basket.total.minor(),
        method,
        tendered_minor: quote.tendered.map(|m| m.minor()),
        change_minor: quote.change.map(|m| m.minor()),
        reference,
        fingerprint: request.fingerprint(),
        lines: quote.basket.lines,
        tickets,
        gate: permit.device().and_then(|device| device.gate.clone()),
        hold: request.hold,
    };
    let device = permit.decided_on().device_id();
    let entry = Entry::new(permit, sale);
    Ok(match sources.ledger.commit_sale(entry.clone(), deadline).await? {
        Outcome::Recorded(written) => {
            let Some(device) = device else { return Err(LedgerError::Broken) };
            Outcome::Recorded(Receipt { recorded: Box::new(as_recorded(entry.into_values(), event, written, device)) })
        }
        Outcome::Refused(sold_out) => Outcome::Refused(sold_out),
        Outcome::Moved => Outcome::Moved,
    })
}

/// The tickets of a sale, with codes of 160 random bits, which cannot be guessed.
fn mint(request: &Request, basket: &Basket) -> Vec<NewTicket> {
    let mut tickets = Vec::new();
    for (line, entries_allowed) in basket.lines.iter().zip(&basket.entries_allowed) {
        for _ in 0..line.quantity {
            tickets.push(NewTicket {
                id: clock::new_id(),
                ticket_type_id: line.ticket_type_id,
                code: BASE32_NOPAD.encode(&rand::random::<[u8; 20]>()).to_lowercase(),
                entries_allowed: *entries_allowed,
                admission: request.admit.then(clock::new_id),
            });
        }
    }
    tickets
}

fn as_recorded(
    entry: NewSale,
    event: &EventFacts,
    SaleRecorded { receipt_number, recorded_at }: SaleRecorded,
    device: DeviceId,
) -> RecordedSale {
    let name = |ticket: &NewTicket| {
        entry.lines.iter().find(|l| l.ticket_type_id == ticket.ticket_type_id).map_or("", |l| l.name.as_str()).to_owned()
    };
    let sold = |t: &NewTicket| SoldTicket { id: t.id, code: t.code.clone(), ticket_type_id: t.ticket_type_id, ticket_type_name: name(t) };
    RecordedSale {
        tickets: entry.tickets.iter().map(sold).collect(),
        sale: Sale {
            id: entry.id,
            event_id: event.event.id,
            receipt_number,
            device_id: device,
            currency: entry.currency,
            total_minor: entry.total_minor,
            method: entry.method,
            tendered_minor: entry.tendered_minor,
            change_minor: entry.change_minor,
            reference: entry.reference,
            recorded_at,
            fingerprint: entry.fingerprint,
        },
        lines: entry.lines,
        voided_at: None,
        event: Named::new(event.event.id, &event.event.name),
    }
}

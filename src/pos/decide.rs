//! What a sale costs and whether the payment holds: a pure function of the event and the request.
//!
//! Stock is not decided here: the book counts it as it writes, under its lock.

use super::request::{Payment, Request};
use crate::{
    faults::Faults,
    ledger::rows::{EventFacts, SaleLine, TicketType},
    money::{Money, Tender},
};

/// A sale that may be written.
#[derive(Clone, Debug)]
pub struct Quote {
    /// The currency.
    pub tender: Tender,
    /// One line per type.
    pub lines: Vec<SaleLine>,
    /// Entries that a ticket of each line allows.
    pub entries_allowed: Vec<i32>,
    /// The sum of the lines.
    pub total: Money,
    /// Cash handed over.
    pub tendered: Option<Money>,
    /// Cash given back.
    pub change: Option<Money>,
}

/// Why it may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// The body breaks a rule.
    Invalid(Faults),
    /// The terminal showed another total.
    PriceChanged(Money),
}

/// Decides.
pub fn decide(request: &Request, event: &EventFacts) -> Result<Quote, Objection> {
    let mut faults = request.faults.clone();
    let Some(tender) = faults.money("/event", Tender::parse(&event.event.currency)) else { return Err(Objection::Invalid(faults)) };
    let (lines, entries_allowed, total) = price(request, event, tender, &mut faults);
    let expected = request.expected_total.as_deref().and_then(|text| faults.money("/expected_total", tender.amount(text)));
    let (tendered, change) = settle(&request.payment, total, tender, &mut faults);
    if !faults.is_empty() {
        return Err(Objection::Invalid(faults));
    }
    if expected.is_some_and(|expected| expected != total) {
        return Err(Objection::PriceChanged(total));
    }
    // A till that did not say what it expected is told that the cash does not cover the sale.
    if let (Some(given), None) = (tendered, change) {
        return Err(Objection::Invalid(Faults::one("/payment/tendered", format!("{given} does not cover the total of {total}"))));
    }
    Ok(Quote { tender, lines, entries_allowed, total, tendered, change })
}

fn price(request: &Request, event: &EventFacts, tender: Tender, faults: &mut Faults) -> (Vec<SaleLine>, Vec<i32>, Money) {
    let mut total = tender.zero();
    let mut lines = Vec::with_capacity(request.lines.len());
    let mut entries = Vec::with_capacity(request.lines.len());
    for line in &request.lines {
        let Some(ticket_type) = event.ticket_type(line.ticket_type) else {
            faults.add(format!("/lines/{}/ticket_type", line.place), "is not a ticket type of this event");
            continue;
        };
        let priced = sale_line(ticket_type, line.quantity, tender).and_then(|(priced, amount)| Some((priced, total.plus(amount)?)));
        let Some((priced, sum)) = priced else {
            faults.add(format!("/lines/{}/quantity", line.place), "makes the total too large");
            continue;
        };
        total = sum;
        lines.push(priced);
        entries.push(ticket_type.entries_allowed);
    }
    (lines, entries, total)
}

fn sale_line(ticket_type: &TicketType, quantity: u32, tender: Tender) -> Option<(SaleLine, Money)> {
    let amount = tender.from_minor(ticket_type.price_minor).times(quantity)?;
    let line = SaleLine {
        ticket_type_id: ticket_type.id,
        name: ticket_type.name.clone(),
        quantity: i32::try_from(quantity).ok()?,
        unit_minor: ticket_type.price_minor,
        amount_minor: amount.minor(),
    };
    Some((line, amount))
}

/// Cash handed over and given back. The change is absent where the cash does not cover the total.
fn settle(payment: &Payment, total: Money, tender: Tender, faults: &mut Faults) -> (Option<Money>, Option<Money>) {
    match payment {
        Payment::Card { .. } => (None, None),
        Payment::Cash { tendered: None } => (Some(total), Some(tender.zero())),
        Payment::Cash { tendered: Some(text) } => {
            let given = faults.money("/payment/tendered", tender.amount(text));
            (given, given.and_then(|given| given.minus(total)))
        }
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

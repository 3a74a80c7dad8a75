//! What a sale costs and whether the payment holds: a pure function of the event, the request, the hold that it names, and the time.
//!
//! Stock is not decided here: the ledger counts it as it writes, under its lock.

use super::request::{Line, Payment, Request};
use crate::{
    authenticate::Caller,
    clock::Moment,
    faults::Faults,
    ids::DeviceId,
    ledger::rows::{EventFacts, RecordedHold, RecordedSale, SaleLine, TicketType},
    money::{Currency, Money},
};

/// What is asked for, and what it costs.
#[derive(Clone, Debug)]
pub struct Basket {
    pub currency: Currency,
    /// One line per type.
    pub lines: Vec<SaleLine>,
    /// Entries that a ticket of each line allows.
    pub entries_allowed: Vec<i32>,
    /// The sum of the lines.
    pub total: Money,
}

/// A sale that may be written.
#[derive(Clone, Debug)]
pub struct Quote {
    /// What is sold.
    pub basket: Basket,
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
    /// The hold was used or released.
    HoldGone,
}

/// Where and when a sale is decided on, and the hold under the id that it names.
#[derive(Clone, Copy, Debug)]
pub struct Here<'f> {
    /// The till.
    pub device: Option<DeviceId>,
    pub now: Moment,
    pub hold: Option<&'f RecordedHold>,
}

/// Whether this is the request that the ledger has under its id already: of the same till, with the same meaning.
pub fn is_repeated(request: &Request, recorded: &RecordedSale, caller: &Caller) -> bool {
    caller.authority().session.device_id == Some(recorded.sale.device_id) && recorded.sale.fingerprint == request.fingerprint()
}

/// Decides on a sale.
///
/// A live hold keeps its prices as well as its stock: its total is what the card was charged, even if prices have changed. A hold
/// that has expired keeps neither. Its sale is decided as though it named none, so that a card that was charged a moment too late still
/// buys what is free; but at no other total than the hold's.
pub fn decide(request: &Request, event: &EventFacts, here: Here<'_>) -> Result<Quote, Objection> {
    let mut faults = request.faults.clone();
    let hold = request.hold.and_then(|_| fitting(request, here, &mut faults));
    let kept = hold.filter(|hold| here.now < hold.hold.expires_at);
    let Some(basket) = price(&request.lines, event, kept, &mut faults) else { return Err(Objection::Invalid(faults)) };
    let (currency, total) = (basket.currency, basket.total);
    let expected = request.expected_total.as_deref().and_then(|text| faults.money("/expected_total", currency.amount(text)));
    let (tendered, change) = settle(&request.payment, total, currency, &mut faults);
    if !faults.is_empty() {
        return Err(Objection::Invalid(faults));
    }
    if hold.is_some_and(|hold| hold.hold.used_by.is_some() || hold.hold.released_at.is_some()) {
        return Err(Objection::HoldGone);
    }
    let told = hold.map(|hold| currency.from_minor(hold.hold.total_minor));
    if [expected, told].into_iter().flatten().any(|shown| shown != total) {
        return Err(Objection::PriceChanged(total));
    }
    // A till that did not state the expected total gets the error that the cash does not cover the sale.
    if let (Some(given), None) = (tendered, change) {
        return Err(Objection::Invalid(Faults::one("/payment/tendered", format!("{given} does not cover the total of {total}"))));
    }
    Ok(Quote { basket, tendered, change })
}

/// The hold that a sale names, if it is this till's, and for this event and these lines.
fn fitting<'f>(request: &Request, here: Here<'f>, faults: &mut Faults) -> Option<&'f RecordedHold> {
    let wrong = match here.hold {
        None => Some("is not a hold of this till"),
        Some(hold) if Some(hold.hold.device_id) != here.device => Some("is not a hold of this till"),
        Some(hold) if hold.hold.event_id != request.event => Some("was made for another event"),
        Some(hold) if !same_lines(hold, request) => Some("was made for other lines"),
        Some(_) => None,
    };
    match wrong {
        None => here.hold,
        Some(wrong) => {
            faults.add("/hold", wrong);
            None
        }
    }
}

fn same_lines(hold: &RecordedHold, request: &Request) -> bool {
    hold.lines.len() == request.lines.len()
        && request.lines.iter().all(|line| {
            let kept = hold.lines.iter().find(|kept| kept.ticket_type_id == line.ticket_type);
            kept.is_some_and(|kept| i64::from(kept.quantity) == i64::from(line.quantity))
        })
}

/// What these lines cost, at the prices that a hold has kept or else of now; nothing where the currency of the event is unknown.
pub(in crate::pos) fn price(lines: &[Line], event: &EventFacts, kept: Option<&RecordedHold>, faults: &mut Faults) -> Option<Basket> {
    let currency = faults.money("/event", Currency::parse(&event.event.currency))?;
    let mut basket = Basket { currency, lines: Vec::new(), entries_allowed: Vec::new(), total: currency.zero() };
    for line in lines {
        let Some(ticket_type) = event.ticket_type(line.ticket_type) else {
            faults.add(format!("/lines/{}/ticket_type", line.place), "is not a ticket type of this event");
            continue;
        };
        let kept = kept.and_then(|hold| hold.lines.iter().find(|kept| kept.ticket_type_id == line.ticket_type));
        let unit_minor = kept.map_or(ticket_type.price_minor, |kept| kept.unit_minor);
        let priced = sale_line(ticket_type, unit_minor, line.quantity, currency);
        let priced = priced.and_then(|(priced, amount)| Some((priced, basket.total.plus(amount)?)));
        let Some((priced, sum)) = priced else {
            faults.add(format!("/lines/{}/quantity", line.place), "makes the total too large");
            continue;
        };
        basket.total = sum;
        basket.lines.push(priced);
        basket.entries_allowed.push(ticket_type.entries_allowed);
    }
    Some(basket)
}

fn sale_line(ticket_type: &TicketType, unit_minor: i64, quantity: u32, currency: Currency) -> Option<(SaleLine, Money)> {
    let amount = currency.from_minor(unit_minor).times(quantity)?;
    let line = SaleLine {
        ticket_type_id: ticket_type.id,
        name: ticket_type.name.clone(),
        quantity: i32::try_from(quantity).ok()?,
        unit_minor,
        amount_minor: amount.minor(),
    };
    Some((line, amount))
}

/// Cash handed over and given back. The change is absent where the cash does not cover the total.
fn settle(payment: &Payment, total: Money, currency: Currency, faults: &mut Faults) -> (Option<Money>, Option<Money>) {
    match payment {
        Payment::Card { .. } => (None, None),
        Payment::Cash { tendered: None } => (Some(total), Some(currency.zero())),
        Payment::Cash { tendered: Some(text) } => {
            let given = faults.money("/payment/tendered", currency.amount(text));
            (given, given.and_then(|given| given.minus(total)))
        }
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

//! What a hold means for the sale that names it.

use chrono::TimeDelta;

use std::time::Duration;

use super::*;
use crate::ledger::rows::Hold;
use crate::pos::hold::{
    self,
    request::{HoldBody, HoldRequest},
};

/// A hold of this till for so many of the types with these numbers, at these prices, live for another second.
fn hold(lines: &[(u128, i32, i64)]) -> RecordedHold {
    let line = |&(number, quantity, unit_minor): &(u128, i32, i64)| SaleLine {
        ticket_type_id: type_id(number).into(),
        name: format!("Type {number} as it was called"),
        quantity,
        unit_minor,
        amount_minor: unit_minor * i64::from(quantity),
    };
    let lines: Vec<SaleLine> = lines.iter().map(line).collect();
    let hold = Hold {
        id: Uuid::from_u128(5).into(),
        event_id: Uuid::from_u128(2).into(),
        device_id: Uuid::from_u128(4).into(),
        currency: "EUR".to_owned(),
        total_minor: lines.iter().map(|line| line.amount_minor).sum(),
        expires_at: moment() + TimeDelta::seconds(1),
        fingerprint: "hold".to_owned(),
        used_by: None,
        released_at: None,
    };
    RecordedHold { hold, lines }
}

fn expired(hold: RecordedHold) -> RecordedHold {
    // The moment at which it expires is the first at which it keeps nothing.
    RecordedHold { hold: Hold { expires_at: moment(), ..hold.hold }, ..hold }
}

fn naming(body: SaleBody) -> SaleBody {
    SaleBody { hold: Some(Uuid::from_u128(5)), ..body }
}

fn sell_held(event: &EventFacts, body: SaleBody, hold: Option<&RecordedHold>) -> Result<Quote, Objection> {
    decide(&Request::parse(naming(body)), event, here(hold))
}

fn euros(minor: i64) -> Money {
    Currency::parse("EUR").unwrap().from_minor(minor)
}

#[test]
fn a_live_hold_keeps_its_prices() {
    let event = event("EUR", &[9_900, 100]);
    let hold = hold(&[(1, 2, 1_250), (2, 1, 500)]);
    // The order of the lines means nothing, and lines of one type are summed.
    for lines in [&[(1, 2), (2, 1)][..], &[(2, 1), (1, 1), (1, 1)]] {
        let quote = sell_held(&event, body(lines, card()), Some(&hold)).unwrap();
        assert_eq!(quote.basket.total, euros(3_000));
        assert!(quote.basket.lines.iter().all(|line| i64::from(line.quantity) * line.unit_minor == line.amount_minor));
    }
    let held = sell_held(&event, expecting("30.00", body(&[(1, 2), (2, 1)], cash("50.00"))), Some(&hold)).unwrap();
    assert_eq!(held.change, Some(euros(2_000)));
    let now = sell_held(&event, expecting("199.00", body(&[(1, 2), (2, 1)], card())), Some(&hold));
    assert_eq!(now.unwrap_err(), Objection::PriceChanged(euros(3_000)));
}

#[test]
fn an_expired_hold_keeps_nothing_but_its_word() {
    let hold = expired(hold(&[(1, 2, 1_250)]));
    let sale = || body(&[(1, 2)], card());
    assert_eq!(sell_held(&event("EUR", &[1_250]), sale(), Some(&hold)).unwrap().basket.total, euros(2_500));
    for price in [1_249, 1_251] {
        let objection = sell_held(&event("EUR", &[price]), sale(), Some(&hold)).unwrap_err();
        assert_eq!(objection, Objection::PriceChanged(euros(2 * price)), "a card was charged 25.00");
    }
}

#[test]
fn a_hold_fits_its_till_its_event_and_its_lines() {
    let event = event("EUR", &[1_250, 500]);
    let right = hold(&[(1, 2, 1_250)]);
    let of = |hold: Hold| Some(RecordedHold { hold, ..right.clone() });
    let other_till = of(Hold { device_id: Uuid::from_u128(9).into(), ..right.hold.clone() });
    let other_event = of(Hold { event_id: Uuid::from_u128(9).into(), ..right.hold.clone() });
    for unfit in [None, other_till, other_event] {
        let objection = sell_held(&event, body(&[(1, 2)], card()), unfit.as_ref()).unwrap_err();
        assert!(matches!(&objection, Objection::Invalid(faults) if pointers(faults) == ["/hold"]), "{unfit:?}: {objection:?}");
    }
    for lines in [&[(1, 1)][..], &[(1, 3)], &[(2, 2)], &[(1, 2), (2, 1)]] {
        let objection = sell_held(&event, body(lines, card()), Some(&right)).unwrap_err();
        assert!(matches!(&objection, Objection::Invalid(faults) if pointers(faults) == ["/hold"]), "{lines:?}: {objection:?}");
    }
}

#[test]
fn a_hold_that_has_ended_is_gone_whenever_it_would_expire() {
    let event = event("EUR", &[1_250]);
    let live = hold(&[(1, 2, 1_250)]);
    for hold in [live.clone(), expired(live)] {
        let used = Hold { used_by: Some(Uuid::from_u128(6).into()), ..hold.hold.clone() };
        let released = Hold { released_at: Some(moment()), ..hold.hold.clone() };
        for ended in [used, released] {
            let ended = RecordedHold { hold: ended, ..hold.clone() };
            let objection = sell_held(&event, expecting("1.00", body(&[(1, 2)], card())), Some(&ended)).unwrap_err();
            assert_eq!(objection, Objection::HoldGone);
        }
    }
}

#[test]
fn a_hold_costs_what_its_sale_would() {
    let event = event("EUR", &[1_250, 500]);
    let request = |lines: &[(u128, u32)]| {
        let SaleBody { id, event, lines, .. } = body(lines, card());
        HoldRequest::parse(&HoldBody { id, event, lines }, Duration::from_secs(120))
    };
    let basket = hold::decide::decide(&request(&[(1, 2), (2, 1)]), &event).unwrap();
    assert_eq!((basket.total, basket.lines.len()), (euros(3_000), 2));
    for (lines, pointer) in [(&[(7, 1)][..], "/lines/0/ticket_type"), (&[(1, 0)], "/lines/0/quantity"), (&[], "/lines")] {
        let objection = hold::decide::decide(&request(lines), &event).unwrap_err();
        assert!(matches!(&objection, Objection::Invalid(faults) if pointers(faults) == [pointer]), "{lines:?}: {objection:?}");
    }
}

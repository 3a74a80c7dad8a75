//! What a sale costs and whether the payment holds. What its body means is in `body`, what holds for any sale in `any_sale`.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may stop")]

use uuid::Uuid;

use super::*;
use crate::{
    clock::Moment,
    faults::Whole,
    ledger::{
        kinds::{EventStatus, PaymentMethod},
        rows::Event,
    },
    pos::sale::request::{LineBody, PaymentBody, SaleBody},
};

#[path = "decide_tests/any_sale.rs"]
mod any_sale;
#[path = "decide_tests/body.rs"]
mod body;
#[path = "decide_tests/holds.rs"]
mod holds;

fn moment() -> Moment {
    "2026-11-22T19:30:00.000Z".parse().unwrap()
}

/// The id of the type with this number, from 1.
fn type_id(number: u128) -> Uuid {
    Uuid::from_u128(1_000 + number)
}

fn ticket_type(number: u128, price_minor: i64) -> TicketType {
    TicketType {
        id: type_id(number).into(),
        organisation_id: Uuid::from_u128(1).into(),
        event_id: Uuid::from_u128(2).into(),
        name: format!("Type {number}"),
        price_minor,
        // Stock is not decided here.
        quota: Some(0),
        entries_allowed: i32::try_from(number).unwrap(),
        reentry: false,
        gates: Vec::new(),
        valid_from: None,
        valid_until: None,
        taken: 0,
        held: 0,
        created_at: moment(),
    }
}

/// A live event whose types have these prices, in minor units.
fn event(currency: &str, prices: &[i64]) -> EventFacts {
    let event = Event {
        id: Uuid::from_u128(2).into(),
        organisation_id: Uuid::from_u128(1).into(),
        name: "Autumn Festival".to_owned(),
        venue: None,
        starts_at: moment(),
        ends_at: moment(),
        timezone: "Europe/Berlin".to_owned(),
        currency: currency.to_owned(),
        status: EventStatus::Live,
        version: 1,
        created_at: moment(),
    };
    EventFacts { event, types: (1..).zip(prices).map(|(number, price)| ticket_type(number, *price)).collect() }
}

fn exact_cash() -> PaymentBody {
    PaymentBody { method: PaymentMethod::Cash, tendered: None, reference: None }
}

fn cash(tendered: impl Into<String>) -> PaymentBody {
    PaymentBody { tendered: Some(tendered.into()), ..exact_cash() }
}

fn card() -> PaymentBody {
    PaymentBody { method: PaymentMethod::Card, tendered: None, reference: Some("T-4711".to_owned()) }
}

/// A sale of so many of the types with these numbers.
fn body(lines: &[(u128, u32)], payment: PaymentBody) -> SaleBody {
    SaleBody {
        id: Uuid::from_u128(3),
        event: Uuid::from_u128(2),
        lines: lines.iter().map(|(number, quantity)| LineBody { ticket_type: type_id(*number), quantity: Whole(*quantity) }).collect(),
        expected_total: None,
        payment,
        admit: false,
        hold: None,
    }
}

fn expecting(total: impl Into<String>, body: SaleBody) -> SaleBody {
    SaleBody { expected_total: Some(total.into()), ..body }
}

/// At the till, at the moment of the event's beginning.
fn here(hold: Option<&RecordedHold>) -> Here<'_> {
    Here { device: Some(Uuid::from_u128(4).into()), now: moment(), hold }
}

fn sell(event: &EventFacts, body: SaleBody) -> Result<Quote, Objection> {
    decide(&Request::parse(body), event, here(None))
}

fn pointers(faults: &Faults) -> Vec<String> {
    faults.clone().into_vec().into_iter().map(|fault| fault.pointer).collect()
}

/// The pointers of what is wrong with a sale.
fn wrong(event: &EventFacts, body: SaleBody) -> Vec<String> {
    match sell(event, body) {
        Err(Objection::Invalid(faults)) => pointers(&faults),
        other => panic!("{other:?}"),
    }
}

/// Total, cash handed over and cash given back, as the receipt prints them.
fn printed(quote: &Quote) -> [Option<String>; 3] {
    [Some(quote.basket.total), quote.tendered, quote.change].map(|money| money.map(|money| money.to_string()))
}

#[test]
fn prices_totals_and_change_have_the_currencys_digits() {
    for (currency, tendered, total, change) in
        [("EUR", "50.00", "37.53", "12.47"), ("JPY", "5000", "3753", "1247"), ("KWD", "5.000", "3.753", "1.247")]
    {
        let quote = sell(&event(currency, &[1_250, 1_253]), body(&[(1, 2), (2, 1)], cash(tendered))).unwrap();
        assert_eq!(printed(&quote), [Some(total.to_owned()), Some(tendered.to_owned()), Some(change.to_owned())]);
        assert_eq!(quote.basket.currency.code(), currency);
        let lines: Vec<_> =
            quote.basket.lines.iter().map(|line| (line.name.as_str(), line.quantity, line.unit_minor, line.amount_minor)).collect();
        assert_eq!(lines, [("Type 1", 2, 1_250, 2_500), ("Type 2", 1, 1_253, 1_253)]);
        assert_eq!(quote.basket.entries_allowed, [1, 2]);
    }
}

#[test]
fn cash_without_tendered_is_exact() {
    for (currency, total, nothing) in [("EUR", "25.00", "0.00"), ("JPY", "2500", "0"), ("KWD", "2.500", "0.000")] {
        let quote = sell(&event(currency, &[1_250]), body(&[(1, 2)], exact_cash())).unwrap();
        assert_eq!(printed(&quote), [Some(total.to_owned()), Some(total.to_owned()), Some(nothing.to_owned())]);
    }
}

#[test]
fn a_card_payment_knows_no_cash() {
    let quote = sell(&event("EUR", &[1_250]), body(&[(1, 2)], card())).unwrap();
    assert_eq!(printed(&quote), [Some("25.00".to_owned()), None, None]);
}

#[test]
fn a_free_ticket_is_sold_for_nothing() {
    for payment in [exact_cash(), cash("0.00"), card()] {
        let quote = sell(&event("EUR", &[0]), expecting("0.00", body(&[(1, 3)], payment))).unwrap();
        assert!(quote.basket.total.minor() == 0 && quote.change.is_none_or(|change| change.minor() == 0), "{quote:?}");
    }
}

#[test]
fn cash_covers_the_total_or_is_refused() {
    let event = event("EUR", &[1_250]);
    for (tendered, change) in [("25.00", "0.00"), ("25.01", "0.01"), ("999999999999.99", "999999999974.99")] {
        let quote = sell(&event, body(&[(1, 2)], cash(tendered))).unwrap();
        assert_eq!(quote.change.unwrap().to_string(), change);
    }
    for tendered in ["24.99", "0.00"] {
        assert_eq!(wrong(&event, body(&[(1, 2)], cash(tendered))), ["/payment/tendered"], "{tendered}");
    }
}

#[test]
fn an_amount_with_other_digits_is_no_amount() {
    for (currency, amounts) in [
        (
            "EUR",
            &["25", "25.0", "25.000", "25,00", "-25.00", "+25.00", " 25.00", "25.00 ", "2.5e1", "", ".50", "NaN", "1000000000000.00"][..],
        ),
        ("JPY", &["2500.0", "2500.00", "1000000000000"]),
        ("KWD", &["2", "2.5", "2.50", "2.5000", "1000000000000.000"]),
    ] {
        let event = event(currency, &[1_250]);
        for amount in amounts {
            assert_eq!(wrong(&event, body(&[(1, 2)], cash(*amount))), ["/payment/tendered"], "{currency} {amount:?}");
            assert_eq!(wrong(&event, expecting(*amount, body(&[(1, 2)], card()))), ["/expected_total"], "{currency} {amount:?}");
        }
    }
}

#[test]
fn an_amount_ends_with_a_digit() {
    for (currency, amount) in [("EUR", "2500."), ("JPY", "2500."), ("KWD", "2500.")] {
        assert_eq!(wrong(&event(currency, &[0]), body(&[(1, 1)], cash(amount))), ["/payment/tendered"], "{currency}");
    }
}

#[test]
fn a_terminal_that_showed_another_total_is_told_the_right_one() {
    let event = event("EUR", &[1_250]);
    let right = Currency::parse("EUR").unwrap().from_minor(2_500);
    for payment in [exact_cash(), cash("50.00"), card()] {
        assert_eq!(sell(&event, expecting("25.00", body(&[(1, 2)], payment.clone()))).unwrap().basket.total, right);
        for shown in ["24.99", "25.01", "0.00"] {
            let objection = sell(&event, expecting(shown, body(&[(1, 2)], payment.clone()))).unwrap_err();
            assert_eq!(objection, Objection::PriceChanged(right), "{shown}");
        }
    }
    // Cash that covered the old price: the new price is the news, and the cash is counted again afterwards.
    let objection = sell(&event, expecting("20.00", body(&[(1, 2)], cash("20.00")))).unwrap_err();
    assert_eq!(objection, Objection::PriceChanged(right));
}

#[test]
fn an_unknown_type_is_named_where_it_stands_first() {
    let event = event("EUR", &[1_250, 990]);
    let lines = [(1, 1), (7, 1), (1, 1), (7, 1), (2, 1), (8, 1)];
    assert_eq!(wrong(&event, body(&lines, exact_cash())), ["/lines/1/ticket_type", "/lines/5/ticket_type"]);
    assert_eq!(wrong(&event, body(&[(7, 1)], exact_cash())), ["/lines/0/ticket_type"]);
}

#[test]
fn all_that_is_wrong_is_told_at_once_and_before_the_price() {
    let mut payment = cash("9.9");
    payment.reference = Some("T-4711".to_owned());
    let sale = expecting("1", body(&[(1, 0), (7, 1)], payment));
    let expected = ["/lines/0/quantity", "/payment/reference", "/lines/1/ticket_type", "/expected_total", "/payment/tendered"];
    assert_eq!(wrong(&event("EUR", &[1_250]), sale), expected);
    // A total that does not match is not reported while the lines themselves are wrong.
    assert_eq!(wrong(&event("EUR", &[1_250]), expecting("1.00", body(&[(1, 101)], card()))), ["/lines/0/quantity"]);
}

#[test]
fn a_total_past_the_limit_is_refused_at_the_line_that_passes_it() {
    const LARGEST: i64 = 99_999_999_999_999;
    let event = event("EUR", &[LARGEST, 1]);
    assert_eq!(sell(&event, body(&[(1, 1)], exact_cash())).unwrap().basket.total.to_string(), "999999999999.99");
    assert_eq!(wrong(&event, body(&[(1, 2)], exact_cash())), ["/lines/0/quantity"]);
    assert_eq!(wrong(&event, body(&[(1, 1), (2, 1)], exact_cash())), ["/lines/1/quantity"]);
}

#[test]
fn a_currency_that_nobody_knows_sells_nothing() {
    for currency in ["XXX", "eur", "EURO", ""] {
        assert_eq!(wrong(&event(currency, &[1_250]), body(&[(1, 1)], card())), ["/event"], "{currency:?}");
    }
}

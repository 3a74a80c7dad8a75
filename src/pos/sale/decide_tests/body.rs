//! What a body means: bounds and forms with their pointers, and lines of one type as one.

use serde_json::{Value, json};

use super::*;
use crate::limits;

#[test]
fn a_sale_has_1_to_50_lines() {
    for (count, expected) in [(0, vec!["/lines"]), (1, vec![]), (50, vec![]), (51, vec!["/lines"])] {
        let lines: Vec<_> = (1..=count).map(|number| (number, 1)).collect();
        assert_eq!(pointers(&Request::parse(body(&lines, exact_cash())).faults), expected, "{count} lines");
    }
}

#[test]
fn a_line_has_1_to_100_tickets() {
    let quantities = [1, 0, 100, 101, u32::MAX];
    let lines: Vec<_> = (1..).zip(quantities).collect();
    assert_eq!(
        pointers(&Request::parse(body(&lines, exact_cash())).faults),
        ["/lines/1/quantity", "/lines/3/quantity", "/lines/4/quantity"]
    );
}

#[test]
fn of_too_many_lines_only_as_many_as_may_be_are_looked_at() {
    let request = Request::parse(body(&vec![(1, 0); 1_000], exact_cash()));
    assert_eq!(request.faults.into_vec().len(), 1 + limits::SALE_LINES_MAX);
    let distinct: Vec<_> = (1..=1_000).map(|number| (number, 1)).collect();
    assert_eq!(Request::parse(body(&distinct, exact_cash())).lines.len(), limits::SALE_LINES_MAX);
}

#[test]
fn lines_of_one_type_are_summed_where_the_type_stands_first() {
    let request = Request::parse(body(&[(2, 1), (1, 100), (2, 3), (3, 1), (1, 100)], exact_cash()));
    let lines: Vec<_> = request.lines.iter().map(|line| (line.ticket_type, line.quantity, line.place)).collect();
    assert_eq!(lines, [(type_id(2).into(), 4, 0), (type_id(1).into(), 200, 1), (type_id(3).into(), 1, 3)]);
    assert!(request.faults.is_empty(), "the bound is a line's: {:?}", request.faults);
}

#[test]
fn a_sum_of_absurd_quantities_is_a_fault_and_no_overflow() {
    let lines = [(1, u32::MAX), (1, u32::MAX)];
    assert_eq!(
        wrong(&event("EUR", &[i64::MAX]), body(&lines, exact_cash())),
        ["/lines/0/quantity", "/lines/1/quantity", "/lines/0/quantity"]
    );
}

#[test]
fn each_way_to_pay_has_its_own_fields() {
    let by = |method, tendered: Option<&str>, reference: Option<&str>| PaymentBody {
        method,
        tendered: tendered.map(str::to_owned),
        reference: reference.map(str::to_owned),
    };
    let (cash, card) = (PaymentMethod::Cash, PaymentMethod::Card);
    let longest = "é".repeat(limits::REFERENCE_CHARS);
    let longer = format!("{longest}é");
    let table: [(PaymentBody, &[&str]); 11] = [
        (by(cash, None, None), &[]),
        (by(cash, Some("20.00"), None), &[]),
        (by(cash, None, Some("T-4711")), &["/payment/reference"]),
        (by(cash, Some("20.00"), Some("")), &["/payment/reference"]),
        (by(card, None, Some("T-4711")), &[]),
        (by(card, None, Some(&longest)), &[]),
        (by(card, None, Some(&longer)), &["/payment/reference"]),
        (by(card, None, Some(" \t")), &["/payment/reference"]),
        (by(card, None, Some("T\u{0}4711")), &["/payment/reference"]),
        (by(card, None, None), &["/payment/reference"]),
        (by(card, Some("20.00"), None), &["/payment/tendered", "/payment/reference"]),
    ];
    for (payment, expected) in table {
        let request = Request::parse(body(&[(1, 1)], payment.clone()));
        assert_eq!(pointers(&request.faults), expected, "{payment:?}");
        assert_eq!(request.is_cash(), payment.method == cash);
    }
}

#[test]
fn a_reference_is_kept_without_the_blanks_around_it() {
    let payment = PaymentBody { reference: Some(" T-4711 \n".to_owned()), ..card() };
    assert_eq!(Request::parse(body(&[(1, 1)], payment)).payment, Payment::Card { reference: "T-4711".to_owned() });
}

#[test]
fn a_sale_is_the_same_if_it_means_the_same() {
    let print = |body: SaleBody| Request::parse(body).fingerprint();
    let first = print(body(&[(1, 2), (2, 1)], exact_cash()));
    assert_eq!(print(body(&[(1, 1), (2, 1), (1, 1)], exact_cash())), first, "lines of one type are one line");
    for (change, other) in [
        ("a ticket more", body(&[(1, 3), (2, 1)], exact_cash())),
        ("another type", body(&[(1, 2), (3, 1)], exact_cash())),
        ("a line less", body(&[(1, 2)], exact_cash())),
        ("cash counted", body(&[(1, 2), (2, 1)], cash("20.00"))),
        ("by card", body(&[(1, 2), (2, 1)], card())),
        ("a total", expecting("20.00", body(&[(1, 2), (2, 1)], exact_cash()))),
        ("let in", SaleBody { admit: true, ..body(&[(1, 2), (2, 1)], exact_cash()) }),
        ("another event", SaleBody { event: Uuid::from_u128(9), ..body(&[(1, 2), (2, 1)], exact_cash()) }),
    ] {
        assert_ne!(print(other), first, "{change}");
    }
}

/// A body as a terminal sends it, with one member set anew.
fn sent(pointer: &str, value: Value) -> Result<SaleBody, serde_json::Error> {
    let mut body = json!({
        "id": Uuid::from_u128(3), "event": Uuid::from_u128(2),
        "lines": [{ "ticket_type": type_id(1), "quantity": 2 }],
        "payment": { "method": "cash" },
    });
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[member] = value;
    serde_json::from_value(body)
}

#[test]
fn a_typing_error_never_passes_as_a_default() {
    assert!(!sent("/payment/method", json!("cash")).unwrap().admit, "nobody is let in unasked");
    assert!(sent("/admit", json!(true)).unwrap().admit);
    for (pointer, value) in [
        ("/admitt", json!(true)),
        ("/lines/0/qty", json!(2)),
        ("/payment/tenderd", json!("50.00")),
        ("/payment/method", json!("cheque")),
        ("/payment/tendered", json!(50.0)),
        ("/expected_total", json!(25)),
        ("/lines/0/quantity", json!(-1)),
        ("/lines/0/quantity", json!(1.5)),
        ("/lines/0/quantity", json!("2")),
        ("/lines/0/ticket_type", json!("Regular")),
        ("/payment", Value::Null),
    ] {
        assert!(sent(pointer, value.clone()).is_err(), "{pointer} {value}");
    }
}

//! D6: what a sale answers, to the cent, and what it leaves in the ledger.

mod holds;
mod quota;
mod records;
mod repeated;
mod summary;
mod voids;
mod who_may;

use serde_json::{Value, json};

use crate::support::{Deployment, Event, TicketType, Till, basket, card, cash, new_id, on_both, ref_id, sale_of};

/// An event with one ticket type and a seller at its till.
pub struct BoxOffice {
    pub event: Event,
    pub seat: TicketType,
    pub till: Till,
}

impl BoxOffice {
    pub async fn open(deployment: &Deployment) -> Self {
        let event = deployment.admin.event("Gala").await;
        let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
        let seller = deployment.admin.hire("box_office").await;
        let till = deployment.admin.till(&seller).await;
        Self { event, seat, till }
    }

    /// A type of which there are so many.
    pub async fn stall(&self, deployment: &Deployment, quota: u32) -> TicketType {
        let kind = json!({"name": "Box", "price": "90.00", "quota": quota});
        deployment.admin.ticket_type_with(&self.event, kind).await
    }

    /// So many tills of as many sellers, taking turns at the gateways.
    pub async fn tills(deployment: &Deployment, count: usize) -> Vec<Till> {
        let mut tills = Vec::new();
        for number in 0..count {
            let seller = deployment.admin.hire("box_office").await;
            tills.push(deployment.admin.till(&seller).await.at(deployment.turn(number)));
        }
        tills
    }

    /// The lines of a sale of so many seats.
    pub fn seats(&self, quantity: u32) -> Value {
        basket(&[(&self.seat, quantity)])
    }
}

on_both!(a_sale_is_answered_in_full);
async fn a_sale_is_answered_in_full(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let payment = json!({"method": "cash", "tendered": "50.00"});
    let sale = sale_of(&office.event, office.seats(3), payment);
    let sold = office.till.send_sale(&sale).await.ok(201);
    assert_eq!(sold["id"], sale["id"]);
    assert_eq!(ref_id(&sold["event"]), office.event.id);
    assert_eq!((&sold["currency"], &sold["total"]), (&json!("EUR"), &json!("37.50")));
    let line = &sold["lines"][0];
    assert_eq!((ref_id(&line["ticket_type"]), &line["name"]), (office.seat.id.clone(), &json!("Seat")));
    assert_eq!((&line["quantity"], &line["unit_price"], &line["amount"]), (&json!(3), &json!("12.50"), &json!("37.50")));
    let payment = &sold["payment"];
    assert_eq!((&payment["method"], &payment["tendered"], &payment["change"]), (&json!("cash"), &json!("50.00"), &json!("12.50")));
    assert_eq!(sold["tickets"].as_array().unwrap().len(), 3);
    assert_eq!(sold["voided_at"], Value::Null);
    assert!(sold["recorded_at"].is_string() && !sold["receipt_number"].is_null(), "{sold}");
}

on_both!(what_is_sold_can_be_scanned);
async fn what_is_sold_can_be_scanned(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sold = office.till.sell(&office.event, office.seats(2), card()).await;
    let codes: Vec<_> = sold["tickets"].as_array().unwrap().iter().map(|ticket| ticket["code"].as_str().unwrap()).collect();
    assert_ne!(codes[0], codes[1]);
    for code in codes {
        // 128 bits are 22 characters of base64 at least.
        assert!(code.len() >= 22, "{code} might be guessed");
        office.till.at(deployment.b()).admits(&office.event, code).await;
        office.till.refuses(&office.event, code, "already_admitted").await;
    }
}

on_both!(money_is_exact_in_every_currency);
async fn money_is_exact_in_every_currency(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    // In floating point, three times 0.10 is not 0.30.
    for (currency, prices, total, nothing) in [
        ("EUR", ["0.10", "0.20"], "20.30", "0.00"),
        ("JPY", ["333", "1000"], "100999", "0"),
        ("KWD", ["0.001", "9.999"], "999.903", "0.000"),
    ] {
        let event = deployment.admin.event_with(currency, json!({"currency": currency})).await;
        let cheap = deployment.admin.ticket_type(&event, "Cheap", prices[0]).await;
        let dear = deployment.admin.ticket_type(&event, "Dear", prices[1]).await;
        let sold = office.till.sell(&event, basket(&[(&cheap, 3), (&dear, 100)]), cash()).await;
        assert_eq!((&sold["total"], &sold["currency"]), (&json!(total), &json!(currency)));
        assert_eq!(sold["payment"]["change"], nothing);
    }
}

on_both!(free_tickets_cost_nothing);
async fn free_tickets_cost_nothing(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let child = deployment.admin.ticket_type(&office.event, "Child", "0.00").await;
    let sold = office.till.sell(&office.event, basket(&[(&child, 2)]), cash()).await;
    assert_eq!((&sold["total"], &sold["payment"]["change"]), (&json!("0.00"), &json!("0.00")));
}

on_both!(cash_is_exact_or_gives_change);
async fn cash_is_exact_or_gives_change(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sold = office.till.sell(&office.event, office.seats(1), cash()).await;
    assert_eq!(sold["payment"]["change"], "0.00");
    for tendered in [json!("12.49"), json!("12.5"), json!(20), json!("-20.00"), json!("20,00")] {
        let payment = json!({"method": "cash", "tendered": tendered});
        office.till.try_sell(&office.event, office.seats(1), payment).await.invalid_at("/payment/tendered");
    }
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 1);
}

on_both!(a_card_has_a_reference);
async fn a_card_has_a_reference(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sold = office.till.sell(&office.event, office.seats(1), json!({"method": "card", "reference": "slip 77"})).await;
    assert_eq!((&sold["payment"]["method"], &sold["payment"]["reference"]), (&json!("card"), &json!("slip 77")));
    for payment in
        [json!({"method": "card"}), json!({"method": "cheque"}), json!({"method": "card", "reference": "1", "tendered": "20.00"})]
    {
        office.till.try_sell(&office.event, office.seats(1), payment).await.problem(422, "invalid_body");
    }
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 1);
}

on_both!(the_expected_total_must_be_the_total);
async fn the_expected_total_must_be_the_total(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let mut sale = sale_of(&office.event, office.seats(2), card());
    sale["expected_total"] = json!("25.00");
    office.till.send_sale(&sale).await.ok(201);

    let path = format!("/v1/events/{}/ticket-types/{}", office.event.id, office.seat.id);
    deployment.admin.client.patch(&path, &json!({"price": "13.00"})).await.ok(200);
    sale["id"] = json!(new_id());
    let problem = office.till.at(deployment.b()).send_sale(&sale).await.problem(409, "price_changed");
    assert_eq!(problem["total"], "26.00");
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 1);
}

on_both!(lines_are_checked_and_all_or_nothing);
async fn lines_are_checked_and_all_or_nothing(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let seat = &office.seat;
    let line = |quantity: Value| json!([{"ticket_type": seat.id, "quantity": quantity}]);
    let sell = |lines: Value| office.till.try_sell(&office.event, lines, card());
    sell(json!([])).await.invalid_at("/lines");
    sell(vec![json!({"ticket_type": seat.id, "quantity": 1}); 51].into()).await.invalid_at("/lines");
    for quantity in [json!(0), json!(101), json!(-1), json!(1.5), json!("2")] {
        sell(line(quantity)).await.invalid_at("/lines/0/quantity");
    }
    let other = deployment.admin.event("Fair").await;
    let stall = deployment.admin.ticket_type(&other, "Stall", "5.00").await;
    let mixed = sell(basket(&[(seat, 1), (&stall, 1)])).await;
    mixed.invalid_at("/lines/1/ticket_type");
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 0);
    assert_eq!(deployment.ledger.count("select count(*) from tickets where event_id = $1", &[&office.event.id]).await, 0);
    sell(line(json!(100))).await.ok(201);
}

on_both!(selling_and_letting_in_at_once);
async fn selling_and_letting_in_at_once(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let mut sale = sale_of(&office.event, office.seats(2), card());
    sale["admit"] = json!(true);
    let sold = office.till.send_sale(&sale).await.ok(201);
    assert_eq!(deployment.ledger.admissions(&office.event.id).await, 2);
    for ticket in sold["tickets"].as_array().unwrap() {
        let refused = office.till.refuses(&office.event, ticket["code"].as_str().unwrap(), "already_admitted").await;
        assert_eq!(refused["previous"]["same_device"], true);
    }
}

on_both!(a_sale_is_shown_to_the_till_that_made_it);
async fn a_sale_is_shown_to_the_till_that_made_it(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sold = office.till.sell(&office.event, office.seats(1), card()).await;
    let path = format!("/v1/sales/{}", ref_id(&sold));
    assert_eq!(office.till.at(deployment.b()).client.get(&path).await.ok(200), sold);
    assert_eq!(deployment.admin.client.get(&path).await.ok(200)["id"], sold["id"]);

    let other = deployment.admin.hire("box_office").await;
    let other = deployment.admin.till(&other).await;
    assert!(matches!(other.client.get(&path).await.status, 403 | 404));
    other.client.get(&format!("/v1/sales/{}", new_id())).await.problem(404, "not_found");
}

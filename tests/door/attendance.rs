//! Who came and who is inside: nobody is counted twice, and what was taken back counts for nothing.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{Door, when_and_where::ticket_of};
use crate::support::{Desk, Event, House, Line, Phone, basket, cash, new_id, on_both, sale_of, scan_of};

async fn attendance(line: &Line, event: &Event) -> Value {
    line.get(&format!("/v1/events/{}/attendance", event.id)).await.ok(200)
}

/// Tickets, admitted, inside.
fn totals(counted: &Value) -> [&Value; 3] {
    ["tickets", "admitted", "inside"].map(|name| &counted[name])
}

/// The gates: name, admitted, inside, entries, exits.
fn gates(counted: &Value) -> Value {
    let gate = |gate: &Value| json!([gate["gate"], gate["admitted"], gate["inside"], gate["entries"], gate["exits"]]);
    counted["by_gate"].as_array().unwrap().iter().map(gate).collect()
}

/// Scans at a gate, in or out; it must be let through.
async fn passes(phone: &Phone, event: &Event, code: &str, direction: &str, gate: &str) -> Value {
    let mut scan = scan_of(event, code);
    scan["direction"] = json!(direction);
    scan["gate"] = json!(gate);
    let answer = phone.send(&scan).await.ok(200);
    assert_eq!(answer["verdict"], "admit", "{answer}");
    answer["id"].clone()
}

on_both!(everybody_is_counted_once);
async fn everybody_is_counted_once(house: House) {
    let door = Door::open(&house).await;
    let nothing = attendance(&door.phone.line, &door.event).await;
    assert_eq!(
        nothing["by_type"],
        json!([{"ticket_type": {"id": door.seat.id, "name": "Seat"}, "tickets": 0, "admitted": 0, "inside": 0}])
    );
    assert_eq!((totals(&nothing), &nothing["by_gate"]), ([&json!(0); 3], &json!([])));

    let pass = ticket_of(&house, &door, "PASS", json!({"reentry": true, "entries_allowed": 1})).await;
    door.ticket(&house, "TRIO", "valid", 3).await;
    for code in ["STAYS AWAY", "NO GATE"] {
        door.ticket(&house, code, "valid", 1).await;
    }
    for status in ["void", "unpaid", "blocked", "refunded"] {
        door.ticket(&house, status, status, 1).await;
    }
    // Three people on one ticket, by two gates; one of them leaves by a third.
    for gate in ["North", "South", "South"] {
        passes(&door.phone, &door.event, "TRIO", "in", gate).await;
    }
    passes(&door.phone, &door.event, "TRIO", "out", "West").await;
    // Somebody who comes and goes and comes again elsewhere.
    for (direction, gate) in [("in", "South"), ("out", "South"), ("in", "North"), ("out", "North"), ("in", "North")] {
        passes(&door.phone.at(house.b()), &door.event, "PASS", direction, gate).await;
    }
    door.phone.admits(&door.event, "NO GATE").await;
    // What is refused, tried out or repeated counts for nothing.
    door.phone.refuses(&door.event, "TRIO", "already_admitted").await;
    let mut dry_run = scan_of(&door.event, "STAYS AWAY");
    dry_run["dry_run"] = json!(true);
    door.phone.send(&dry_run).await.ok(200);

    for line in [&door.phone.line, &house.admin.at(house.b()).line] {
        let counted = attendance(line, &door.event).await;
        assert_eq!(totals(&counted), [&json!(4), &json!(3), &json!(4)], "{counted}");
        assert_eq!(
            counted["by_type"],
            json!([
                {"ticket_type": {"id": door.seat.id, "name": "Seat"}, "tickets": 3, "admitted": 2, "inside": 3},
                {"ticket_type": {"id": pass.id, "name": "PASS"}, "tickets": 1, "admitted": 1, "inside": 1},
            ])
        );
        let expected = json!([["North", 1, 2, 3, 1], ["South", 1, 1, 3, 1], ["West", 0, 0, 0, 1], [null, 1, 1, 1, 0]]);
        assert_eq!(gates(&counted), expected, "each ticket at its first gate, each movement at its own");
    }
}

on_both!(what_is_taken_back_never_happened);
async fn what_is_taken_back_never_happened(house: House) {
    let door = Door::open(&house).await;
    door.ticket(&house, "DUO", "valid", 2).await;
    let first = passes(&door.phone, &door.event, "DUO", "in", "North").await;
    let second = passes(&door.phone, &door.event, "DUO", "in", "South").await;
    door.phone.take_back(&first).await.ok(200);
    let counted = attendance(&door.phone.at(house.b()).line, &door.event).await;
    assert_eq!((totals(&counted), gates(&counted)), ([&json!(1), &json!(1), &json!(1)], json!([["South", 1, 1, 1, 0]])), "another stands");
    let out = passes(&door.phone, &door.event, "DUO", "out", "East").await;
    door.phone.take_back(&out).await.ok(200);
    let counted = attendance(&door.phone.line, &door.event).await;
    assert_eq!((totals(&counted), gates(&counted)), ([&json!(1), &json!(1), &json!(1)], json!([["South", 1, 1, 1, 0]])), "nobody left");
    door.phone.take_back(&second).await.ok(200);
    let counted = attendance(&door.phone.at(house.b()).line, &door.event).await;
    assert_eq!((totals(&counted), gates(&counted)), ([&json!(1), &json!(0), &json!(0)], json!([])), "nobody came");
}

on_both!(what_was_sold_and_what_became_invalid_is_counted_as_it_stands);
async fn what_was_sold_and_what_became_invalid_is_counted_as_it_stands(house: House) {
    let door = Door::open(&house).await;
    let seller = house.admin.hire("box_office").await;
    let till = house.admin.till(&seller).await;
    let mut sale = sale_of(&door.event, basket(&[(&door.seat, 2)]), cash());
    sale["admit"] = json!(true);
    till.send_sale(&sale).await.ok(201);
    door.ticket(&house, "A-1", "valid", 1).await;
    door.phone.admits(&door.event, "A-1").await;
    door.ticket(&house, "A-1", "refunded", 1).await;
    // Somebody who was carried over from another system came by no gate and no device.
    door.ticket(&house, "OLD", "valid", 1).await;
    let carried_over =
        "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, recorded_at, fingerprint)
        select organisation_id, id, event_id, id, 1, 'in', 1, 1, created_at, '' from tickets where code = 'OLD'";
    house.book.execute(carried_over).await.unwrap();
    let other = house.admin.event("Fair").await;
    for status in ["live", "ended", "cancelled", "draft"] {
        house.admin.set_status(&door.event, status).await;
        let counted = attendance(&till.at(house.b()).line, &door.event).await;
        assert_eq!(totals(&counted), [&json!(3), &json!(4), &json!(4)], "{status}: {counted}");
        assert_eq!(gates(&counted), json!([[null, 4, 4, 4, 0]]));
    }
    let counted = attendance(&till.line, &other).await;
    assert_eq!((&counted["by_type"], &counted["by_gate"], &counted["inside"]), (&json!([]), &json!([]), &json!(0)));
}

on_both!(whoever_scans_may_count);
async fn whoever_scans_may_count(mut house: House) {
    let stranger = house.another_organisation().await;
    let event = house.admin.event("Gala").await;
    let path = format!("/v1/events/{}/attendance", event.id);
    for (role, may) in [
        ("organisation_admin", true),
        ("event_manager", true),
        ("finance_manager", false),
        ("scanner", true),
        ("viewer", false),
        ("box_office", true),
        ("door_operator", true),
        ("none", false),
    ] {
        let member = house.admin.hire_for(role, &[&event]).await;
        // With a device or without: a count is no scan.
        let desks: [Desk; 2] = [Desk::clone(&*house.admin.phone(&member).await), member.desk(house.b()).await];
        for desk in desks {
            let answer = desk.line.get(&path).await;
            if may {
                answer.ok(200);
            } else {
                assert_eq!(answer.problem(403, "permission_missing")["permission"], "entry:scan", "{role}");
                desk.line.get(&format!("/v1/events/{}/attendance", new_id())).await.problem(404, "not_found");
            }
        }
    }
    house.a().get(&path).await.problem(401, "token_missing");
    stranger.line.get(&path).await.problem(404, "not_found");
    for nothing in [new_id(), "no-uuid".to_owned()] {
        house.admin.line.get(&format!("/v1/events/{nothing}/attendance")).await.problem(404, "not_found");
    }
    house.admin.line.post_nothing(&path).await.problem(405, "method_not_allowed");
}

on_both!(the_pin_binds_who_counts);
async fn the_pin_binds_who_counts(house: House) {
    let (event, fair) = (house.admin.event("Gala").await, house.admin.event("Fair").await);
    let operator = house.admin.hire("door_operator").await;
    let phone = house.admin.phone(&operator).await.at(house.b());
    let path = |event: &Event| format!("/v1/events/{}/attendance", event.id);
    phone.line.get(&path(&event)).await.problem(403, "no_event_pinned");
    house.admin.pin(&operator, &[&event]).await;
    phone.line.get(&path(&event)).await.ok(200);
    let refused = phone.line.get(&path(&fair)).await.problem(403, "event_not_pinned");
    assert_eq!(refused["pinned_event"], json!({"id": event.id, "name": "Gala"}));
    house.admin.pin(&operator, &[&event, &fair]).await;
    phone.line.get(&path(&event)).await.problem(403, "no_event_pinned");
}

on_both!(a_count_that_was_asked_for_after_a_scan_has_it);
async fn a_count_that_was_asked_for_after_a_scan_has_it(house: House) {
    let door = Door::open(&house).await;
    door.ticket(&house, "PASS", "valid", 1_000).await;
    // Many ask at once and share counts; none is told an older one than its own scan.
    let crew = (0..8).map(|number| {
        let (phone, event) = (door.phone.at(house.turn(number)), &door.event);
        async move {
            for _ in 0..10 {
                let used = phone.admits(event, "PASS").await["ticket"]["entries_used"].as_i64().unwrap();
                let counted = attendance(&phone.line, event).await;
                assert!(counted["inside"].as_i64().unwrap() >= used, "{used} are in: {counted}");
                assert_eq!(counted["admitted"], 1);
            }
        }
    });
    join_all(crew).await;
    assert_eq!(attendance(&door.phone.line, &door.event).await["inside"], 80);
}

//! Who came and who is inside: no person is counted twice, and what was taken back does not count.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{Door, when_and_where::ticket_of};
use crate::support::{Client, Deployment, Event, Phone, SignedIn, basket, cash, new_id, on_both, sale_of, scan_of};

async fn attendance(client: &Client, event: &Event) -> Value {
    client.get(&format!("/v1/events/{}/attendance", event.id)).await.ok(200)
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
async fn everybody_is_counted_once(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let nothing = attendance(&door.phone.client, &door.event).await;
    assert_eq!(
        nothing["by_type"],
        json!([{"ticket_type": {"id": door.seat.id, "name": "Seat"}, "tickets": 0, "admitted": 0, "inside": 0}])
    );
    assert_eq!((totals(&nothing), &nothing["by_gate"]), ([&json!(0); 3], &json!([])));

    let pass = ticket_of(&deployment, &door, "PASS", json!({"reentry": true, "entries_allowed": 1})).await;
    door.ticket(&deployment, "TRIO", "valid", 3).await;
    for code in ["STAYS AWAY", "NO GATE"] {
        door.ticket(&deployment, code, "valid", 1).await;
    }
    for status in ["void", "unpaid", "blocked", "refunded"] {
        door.ticket(&deployment, status, status, 1).await;
    }
    // Three people on one ticket, by two gates; one of them leaves by a third.
    for gate in ["North", "South", "South"] {
        passes(&door.phone, &door.event, "TRIO", "in", gate).await;
    }
    passes(&door.phone, &door.event, "TRIO", "out", "West").await;
    // A person who comes and goes and comes again elsewhere.
    for (direction, gate) in [("in", "South"), ("out", "South"), ("in", "North"), ("out", "North"), ("in", "North")] {
        passes(&door.phone.at(deployment.b()), &door.event, "PASS", direction, gate).await;
    }
    door.phone.admits(&door.event, "NO GATE").await;
    // What is refused, tried out or repeated counts for nothing.
    door.phone.refuses(&door.event, "TRIO", "already_admitted").await;
    let mut dry_run = scan_of(&door.event, "STAYS AWAY");
    dry_run["dry_run"] = json!(true);
    door.phone.send(&dry_run).await.ok(200);

    for client in [&door.phone.client, &deployment.admin.at(deployment.b()).client] {
        let counted = attendance(client, &door.event).await;
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
async fn what_is_taken_back_never_happened(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "DUO", "valid", 2).await;
    let first = passes(&door.phone, &door.event, "DUO", "in", "North").await;
    let second = passes(&door.phone, &door.event, "DUO", "in", "South").await;
    door.phone.take_back(&first).await.ok(200);
    let counted = attendance(&door.phone.at(deployment.b()).client, &door.event).await;
    assert_eq!((totals(&counted), gates(&counted)), ([&json!(1), &json!(1), &json!(1)], json!([["South", 1, 1, 1, 0]])), "another stands");
    let out = passes(&door.phone, &door.event, "DUO", "out", "East").await;
    door.phone.take_back(&out).await.ok(200);
    let counted = attendance(&door.phone.client, &door.event).await;
    assert_eq!((totals(&counted), gates(&counted)), ([&json!(1), &json!(1), &json!(1)], json!([["South", 1, 1, 1, 0]])), "nobody left");
    door.phone.take_back(&second).await.ok(200);
    let counted = attendance(&door.phone.at(deployment.b()).client, &door.event).await;
    assert_eq!((totals(&counted), gates(&counted)), ([&json!(1), &json!(0), &json!(0)], json!([])), "nobody came");
}

on_both!(what_was_sold_and_what_became_invalid_is_counted_as_it_stands);
async fn what_was_sold_and_what_became_invalid_is_counted_as_it_stands(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let mut sale = sale_of(&door.event, basket(&[(&door.seat, 2)]), cash());
    sale["admit"] = json!(true);
    till.send_sale(&sale).await.ok(201);
    door.ticket(&deployment, "A-1", "valid", 1).await;
    door.phone.admits(&door.event, "A-1").await;
    door.ticket(&deployment, "A-1", "refunded", 1).await;
    // A person who was carried over from another system came by no gate and no device.
    door.ticket(&deployment, "OLD", "valid", 1).await;
    let carried_over =
        "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, recorded_at, fingerprint)
        select organisation_id, id, event_id, id, 1, 'in', 1, 1, created_at, '' from tickets where code = 'OLD'";
    deployment.ledger.execute(carried_over).await.unwrap();
    let other = deployment.admin.event("Fair").await;
    for status in ["live", "ended", "cancelled", "draft"] {
        deployment.admin.set_status(&door.event, status).await;
        let counted = attendance(&till.at(deployment.b()).client, &door.event).await;
        assert_eq!(totals(&counted), [&json!(3), &json!(4), &json!(4)], "{status}: {counted}");
        assert_eq!(gates(&counted), json!([[null, 4, 4, 4, 0]]));
    }
    let counted = attendance(&till.client, &other).await;
    assert_eq!((&counted["by_type"], &counted["by_gate"], &counted["inside"]), (&json!([]), &json!([]), &json!(0)));
}

on_both!(whoever_scans_may_count);
async fn whoever_scans_may_count(mut deployment: Deployment) {
    let stranger = deployment.another_organisation().await;
    let event = deployment.admin.event("Gala").await;
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
        let member = deployment.admin.hire_for(role, &[&event]).await;
        // With a device or without: a count is no scan.
        let desks: [SignedIn; 2] = [SignedIn::clone(&*deployment.admin.phone(&member).await), member.signed_in(deployment.b()).await];
        for signed_in in desks {
            let answer = signed_in.client.get(&path).await;
            if may {
                answer.ok(200);
            } else {
                assert_eq!(answer.problem(403, "permission_missing")["permission"], "entry:scan", "{role}");
                signed_in.client.get(&format!("/v1/events/{}/attendance", new_id())).await.problem(404, "not_found");
            }
        }
    }
    deployment.a().get(&path).await.problem(401, "token_missing");
    stranger.client.get(&path).await.problem(404, "not_found");
    for nothing in [new_id(), "no-uuid".to_owned()] {
        deployment.admin.client.get(&format!("/v1/events/{nothing}/attendance")).await.problem(404, "not_found");
    }
    deployment.admin.client.post_nothing(&path).await.problem(405, "method_not_allowed");
}

on_both!(the_pin_binds_who_counts);
async fn the_pin_binds_who_counts(deployment: Deployment) {
    let (event, fair) = (deployment.admin.event("Gala").await, deployment.admin.event("Fair").await);
    let operator = deployment.admin.hire("door_operator").await;
    let phone = deployment.admin.phone(&operator).await.at(deployment.b());
    let path = |event: &Event| format!("/v1/events/{}/attendance", event.id);
    phone.client.get(&path(&event)).await.problem(403, "no_event_pinned");
    deployment.admin.pin(&operator, &[&event]).await;
    phone.client.get(&path(&event)).await.ok(200);
    let refused = phone.client.get(&path(&fair)).await.problem(403, "event_not_pinned");
    assert_eq!(refused["pinned_event"], json!({"id": event.id, "name": "Gala"}));
    deployment.admin.pin(&operator, &[&event, &fair]).await;
    phone.client.get(&path(&event)).await.problem(403, "no_event_pinned");
}

on_both!(a_count_that_was_asked_for_after_a_scan_has_it);
async fn a_count_that_was_asked_for_after_a_scan_has_it(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "PASS", "valid", 1_000).await;
    // Many requests at once share counts; none gets an older one than its own scan.
    let crew = (0..8).map(|number| {
        let (phone, event) = (door.phone.at(deployment.turn(number)), &door.event);
        async move {
            for _ in 0..10 {
                let used = phone.admits(event, "PASS").await["ticket"]["entries_used"].as_i64().unwrap();
                let counted = attendance(&phone.client, event).await;
                assert!(counted["inside"].as_i64().unwrap() >= used, "{used} are in: {counted}");
                assert_eq!(counted["admitted"], 1);
            }
        }
    });
    join_all(crew).await;
    assert_eq!(attendance(&door.phone.client, &door.event).await["inside"], 80);
}

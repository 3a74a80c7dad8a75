//! A whole evening, from the advance sales of another system to the last count, as a crew and its back office play it: on both set-ups,
//! and where there are two gateways, on both of them at once.

use serde_json::{Value, json};

use crate::support::{Deployment, Event, cash, new_id, on_both, until};

/// What another system had sold and checked in (an export in tests/data).
const ADVANCE_SALES: &[u8] = include_bytes!("../data/pretix-orderlist_positions-semicolon-de.csv");

on_both!(a_whole_evening);
async fn a_whole_evening(deployment: Deployment) {
    let admin = &deployment.admin;
    let client = &admin.client;

    // In the afternoon: the evening is put on, and yesterday's sales are taken over.
    let event = admin.event("Autumn Festival").await;
    let imports = format!("/v1/events/{}/imports", event.id);
    let report = client.post_raw(&imports, "text/csv", ADVANCE_SALES).await.ok(200);
    assert_eq!(report["rejected"], json!([]), "{report}");
    let advance = report["by_status"]["valid"].as_i64().unwrap();
    let again = client.post_raw(&imports, "text/csv", ADVANCE_SALES).await.ok(200);
    assert_eq!((&again["created"], &again["updated"]), (&json!(0), &json!(0)), "{again}");
    let came_before = attendance(&deployment, &event).await;
    let kind = admin.ticket_type_with(&event, json!({"name": "Evening", "price": "20.00", "quota": 10})).await;

    // The crew: a sheet of codes for volunteers, a till, a supervisor who watches, and a door operator for this event alone.
    let batch = json!({"id": new_id(), "name": "Volunteer", "kind": "scanner", "count": 2, "gate": "North"});
    let sheet = client.post("/v1/devices/batch", &batch).await.ok(201);
    let volunteer = admin.hire("scanner").await;
    let mut phones = Vec::new();
    for made in sheet["devices"].as_array().unwrap() {
        let device = admin.enrol(made["enrolment_code"].as_str().unwrap()).await;
        phones.push(volunteer.phone(&device).await);
    }
    let (north, south) = (&phones[0], phones[1].at(deployment.b()));
    let seller = admin.hire("box_office").await;
    let till = admin.till(&seller).await;
    let mut watch = client.listen(&format!("?attendance={}", event.id)).await;
    watch.hears_next("state").await;

    // Doors. A hold, a card, a sale; the buyer comes in, by mistake twice over, and one is taken back.
    let hold = json!({"id": new_id(), "event": event.id, "lines": [{"ticket_type": kind.id, "quantity": 2}]});
    let held = till.client.post("/v1/holds", &hold).await.ok(201);
    assert_eq!(held["total"], "40.00", "{held}");
    assert_eq!(admin.stock(&event, &kind).await["left"], 8);
    let sale = json!({
        "id": new_id(), "event": event.id, "lines": hold["lines"], "hold": hold["id"], "expected_total": "40.00",
        "payment": {"method": "card", "reference": "T-17"}, "admit": false,
    });
    let sold = till.send_sale(&sale).await.ok(201);
    let again = till.send_sale(&sale).await;
    assert_eq!((again.header("idempotent-replayed"), &again.ok(201)), (Some("true"), &sold), "a lost answer is found again");
    assert_eq!(admin.stock(&event, &kind).await["left"], 8, "what was held is what was sold");
    let codes: Vec<_> = sold["tickets"].as_array().unwrap().iter().map(|ticket| ticket["code"].as_str().unwrap()).collect();
    north.admits(&event, codes[0]).await;
    south.refuses(&event, codes[0], "already_admitted").await;
    let mistaken = south.admits(&event, codes[1]).await;
    watch.hears("attendance", |told| told["inside"] == json!(count(&came_before["inside"]) + 2)).await;
    south.take_back(&mistaken["id"]).await.ok(200);

    // A sale by mistake: it is voided while none of its tickets is inside, and its ticket becomes void.
    let regretted = till.sell(&event, json!([{"ticket_type": kind.id, "quantity": 1}]), cash()).await;
    let void = json!({"id": new_id(), "reason": "Wrong evening"});
    let voided = till.client.post(&format!("/v1/sales/{}/void", regretted["id"].as_str().unwrap()), &void).await.ok(200);
    assert!(voided["voided_at"].is_string(), "{voided}");
    south.refuses(&event, regretted["tickets"][0]["code"].as_str().unwrap(), "void").await;
    let half_inside = format!("/v1/sales/{}/void", sold["id"].as_str().unwrap());
    till.client.post(&half_inside, &json!({"id": new_id(), "reason": "No"})).await.problem(409, "already_admitted");

    // The guest list: three of a party of five come, then one too many.
    let list = client.post(&format!("/v1/events/{}/guest-lists", event.id), &json!({"name": "Artists"})).await.ok(201);
    let guests = json!({"guests": [{"name": "Zoë Łukasiewicz", "party_size": 5}]});
    client.post(&format!("/v1/guest-lists/{}/guests", list["id"].as_str().unwrap()), &guests).await.ok(200);
    let found = south.client.get(&format!("/v1/events/{}/guests?q=LUKA%20zoe", event.id)).await.ok(200);
    let guest = found["items"][0]["id"].as_str().unwrap();
    let come = |people: u32| json!({"id": new_id(), "people": people});
    let checked_in = south.client.post(&format!("/v1/guests/{guest}/check-ins"), &come(3)).await.ok(200);
    assert_eq!((&checked_in["verdict"], &checked_in["guest"]["remaining"]), (&json!("admit"), &json!(2)), "{checked_in}");
    let too_many = north.client.post(&format!("/v1/guests/{guest}/check-ins"), &come(3)).await.ok(200);
    assert_eq!((&too_many["verdict"], &too_many["guest"]["remaining"]), (&json!("refuse"), &json!(2)), "{too_many}");

    // The count. One of two tickets is in, one was taken back, one voided; no ticket is counted twice.
    let counted = attendance(&deployment, &event).await;
    assert_eq!(count(&counted["admitted"]), count(&came_before["admitted"]) + 1, "{counted}");
    assert_eq!(count(&counted["inside"]), count(&came_before["inside"]) + 1, "{counted}");
    assert_eq!(count(&counted["tickets"]), advance + 2, "{counted}");
    let refused = async || {
        let listed = client.get(&format!("/v1/events/{}/refused-scans", event.id)).await.ok(200);
        listed["items"].as_array().unwrap().iter().map(|item| item["reason"].clone()).collect::<Vec<_>>()
    };
    until("the refusals are written down", async || refused().await.len() == 2).await;
    assert_eq!(refused().await, [json!("void"), json!("already_admitted")], "newest first");

    // The money: what the till took and gave back, by way of payment, and what a viewer sees of it.
    let totals = till.client.get("/v1/sales/totals?session=current").await.ok(200);
    let methods = totals["totals"][0]["methods"].as_array().unwrap();
    let net = |method: &str| methods.iter().find(|total| total["method"] == method).unwrap()["net"].clone();
    assert_eq!((net("card"), net("cash")), (json!("40.00"), json!("0.00")), "{totals}");
    let viewer = admin.hire_for("viewer", &[&event]).await.signed_in(deployment.b()).await;
    let summary = viewer.client.get(&format!("/v1/events/{}/sales-summary", event.id)).await.ok(200);
    assert_eq!(summary["gross"], "40.00", "{summary}");
    viewer.client.get(&format!("/v1/sales?event={}", event.id)).await.problem(403, "permission_missing");

    // After the last song: everyone is signed out, and no more tickets are admitted.
    client.delete("/v1/sessions?all=true&keep_current=true").await.ok(200);
    north.try_scan(&event, codes[1]).await.problem(401, "session_ended");
    south.try_scan(&event, codes[1]).await.problem(401, "session_ended");
}

async fn attendance(deployment: &Deployment, event: &Event) -> Value {
    deployment.admin.client.at(deployment.b()).get(&format!("/v1/events/{}/attendance", event.id)).await.ok(200)
}

fn count(number: &Value) -> i64 {
    number.as_i64().unwrap()
}

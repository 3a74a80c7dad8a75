//! Exports of another system as a back office sends them: the result of a file, who may send it, and what is never done twice.

mod check_ins;
mod windows;

use std::path::Path;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Deployment, Event, on_both};

const CSV: &str = "text/csv";
const SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// When the festival of the real exports takes place.
fn festival() -> Value {
    json!({"starts_at": "2026-10-23T10:00:00.000Z", "ends_at": "2026-10-25T23:00:00.000Z"})
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

async fn send(client: &Client, event: &Event, media_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    client.post_raw(&format!("/v1/events/{}/imports", event.id), media_type, body).await
}

/// A check-in list of these lines, below its headings.
fn list(lines: &str) -> String {
    format!("Secret,Product,Checked in,Checked out,Paid,Valid from,Valid until\n{lines}")
}

async fn import_list(client: &Client, event: &Event, lines: &str) -> Value {
    // "Paid" is after the code here; without a telephone number there are no questions to mistake it for.
    send(client, event, CSV, list(lines)).await.ok(200)
}

on_both!(every_form_is_taken);
async fn every_form_is_taken(deployment: Deployment) {
    for (name, media_type, rows, by_status) in [
        ("pretix-checkinlist-comma.csv", CSV, 1_454, json!({"valid": 1_324, "unpaid": 109, "blocked": 21})),
        ("pretix-checkinlist-semicolon-de.csv", "text/csv; charset=utf-8", 1_454, json!({"valid": 1_324, "unpaid": 109, "blocked": 21})),
        ("pretix-checkinlist-xlsx.xlsx", SHEET, 70, json!({"valid": 70})),
        ("pretix-orderlist-xlsx.xlsx", "application/octet-stream", 376, json!({"valid": 324, "unpaid": 9, "void": 38, "blocked": 5})),
        ("pretix-json-json.json.gz", "application/gzip", 1_625, json!({"valid": 1_324, "unpaid": 109, "void": 171, "blocked": 21})),
    ] {
        let event = deployment.admin.event_with(name, festival()).await;
        let report = send(&deployment.admin.client, &event, media_type, file(name)).await.ok(200);
        assert_eq!((&report["rows"], &report["created"], &report["by_status"]), (&json!(rows), &json!(rows), &by_status), "{name}");
        assert_eq!((&report["rejected"], &report["windows_left_out"]), (&json!([]), &json!(0)), "{name}");
        let again = send(&deployment.admin.at(deployment.b()).client, &event, media_type, file(name)).await.ok(200);
        let counts = ["created", "updated", "unchanged"].map(|count| &again[count]);
        assert_eq!(counts, [&json!(0), &json!(0), &json!(rows)], "{name}");
        assert_eq!(again["check_ins"]["carried_over"], 0, "{name}");
        assert!(again["ticket_types"].as_array().unwrap().iter().all(|t| t["created"] == false && t["id"].is_string()), "{name}: {again}");
    }
}

on_both!(a_file_without_codes_imports_nothing_and_says_why);
async fn a_file_without_codes_imports_nothing_and_says_why(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    for (name, reason) in [
        ("pretix-checkinlist-nosecrets-comma.csv", "Include QR-code secret"),
        ("pretix-orderlist_orders-semicolon.csv", "no column with ticket codes"),
        ("pretix-checkinlog-comma.csv", "log of scans"),
    ] {
        let refused = send(&deployment.admin.client, &event, CSV, file(name)).await;
        let problem = refused.problem(422, "invalid_body");
        assert!(problem["detail"].as_str().unwrap().contains(reason), "{problem}");
        refused.invalid_at("");
    }
    for body in ["", "{}", "PK\u{3}\u{4}", "hello"] {
        send(&deployment.admin.client, &event, "application/octet-stream", body).await.problem(422, "invalid_body");
    }
    for table in ["tickets", "ticket_types"] {
        assert_eq!(deployment.ledger.count(&format!("select count(*) from {table} where event_id = $1"), &[&event.id]).await, 0);
    }
}

on_both!(only_who_manages_events_may_import);
async fn only_who_manages_events_may_import(mut deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let body = || list("a,VIP,,,Yes,,\n");
    send(&deployment.admin.client.anonymous(), &event, CSV, body()).await.problem(401, "token_missing");
    let box_office = deployment.admin.hire("box_office").await.signed_in(deployment.a()).await;
    let refused = send(&box_office.client, &event, "application/xml", body()).await.problem(403, "permission_missing");
    assert_eq!(refused["permission"], "events:manage");
    let stranger = deployment.another_organisation().await;
    send(&stranger.client, &event, CSV, body()).await.problem(404, "not_found");
    send(&deployment.admin.client, &event, "application/xml", body()).await.problem(415, "unsupported_media_type");
    let manager = deployment.admin.hire("event_manager").await.signed_in(deployment.b()).await;
    assert_eq!(send(&manager.client, &event, "TEXT/CSV", body()).await.ok(200)["created"], 1);
}

on_both!(a_dry_run_writes_nothing);
async fn a_dry_run_writes_nothing(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let path = format!("/v1/events/{}/imports?dry_run=true", event.id);
    let lines = list("a,VIP,2026-06-01 20:00,2026-06-01 21:00,Yes,,\nb,Seat,,,No,,\n,Seat,,,Yes,,\n");
    let would = deployment.admin.client.post_raw(&path, CSV, lines.clone()).await.ok(200);
    for table in ["tickets", "ticket_types", "admissions"] {
        assert_eq!(deployment.ledger.count(&format!("select count(*) from {table} where event_id = $1"), &[&event.id]).await, 0, "{table}");
    }
    let did = send(&deployment.admin.client, &event, CSV, lines.clone()).await.ok(200);
    for member in ["rows", "created", "updated", "unchanged", "by_status", "check_ins", "rejected", "rejected_total"] {
        assert_eq!(would[member], did[member], "{member}");
    }
    assert_eq!(did["check_ins"]["carried_over"], 2);
    let again = deployment.admin.client.post_raw(&path, CSV, lines).await.ok(200);
    assert_eq!((&again["unchanged"], &again["check_ins"]["carried_over"]), (&json!(2), &json!(0)), "{again}");
    let odd = deployment.admin.client.post_raw(&format!("{path}&dryrun=1"), CSV, "x").await;
    odd.problem(422, "invalid_body");
}

on_both!(types_are_matched_by_name_or_made_without_stock);
async fn types_are_matched_by_name_or_made_without_stock(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type_with(&event, json!({"name": "Seat", "price": "5.00", "quota": 10})).await;
    let lines = "Secret,Product,Variation,Paid\na,Seat,,Yes\nb,VIP,Front,Yes\nc,VIP,Front,No\n";
    let report = send(&deployment.admin.client, &event, CSV, lines).await.ok(200);
    let types = report["ticket_types"].as_array().unwrap();
    let told: Vec<_> =
        types.iter().map(|t| (t["name"].as_str().unwrap(), t["created"].as_bool().unwrap(), t["tickets"].as_u64().unwrap())).collect();
    assert_eq!(told, [("Seat", false, 1), ("VIP – Front", true, 2)]);
    assert_eq!(types[0]["id"], seat.id);
    assert_eq!(deployment.admin.stock(&event, &seat).await["left"], 9);
    let event = deployment.admin.client.get(&format!("/v1/events/{}", event.id)).await.ok(200);
    assert_eq!((&event["ticket_types"][1]["quota"], &event["ticket_types"][1]["left"]), (&json!(0), &json!(0)));
}

on_both!(what_a_file_does_not_tell_stays_as_it_is);
async fn what_a_file_does_not_tell_stays_as_it_is(deployment: Deployment) {
    let event = deployment.admin.event_with("Gala", festival()).await;
    let named = "Secret,Product,Attendee name,Paid,Valid until\na,VIP,Ada,Yes,2026-10-25 22:59\n";
    assert_eq!(send(&deployment.admin.client, &event, CSV, named).await.ok(200)["created"], 1);
    let codes = "Secret,Product,Variation,Paid\na,VIP,,Yes\n";
    assert_eq!(send(&deployment.admin.client, &event, CSV, codes).await.ok(200)["unchanged"], 1);
    let unpaid = "Secret,Product,Variation,Paid\na,VIP,,No\n";
    assert_eq!(send(&deployment.admin.client, &event, CSV, unpaid).await.ok(200)["updated"], 1);
    assert_eq!(send(&deployment.admin.client, &event, CSV, named).await.ok(200)["updated"], 1);
    assert_eq!(send(&deployment.admin.client, &event, CSV, named).await.ok(200)["unchanged"], 1);
}

on_both!(the_same_file_from_two_offices_at_once_is_one_import);
async fn the_same_file_from_two_offices_at_once_is_one_import(deployment: Deployment) {
    let event = deployment.admin.event_with("Autumn Festival", festival()).await;
    let offices = [deployment.admin.clone(), deployment.admin.at(deployment.b()), deployment.admin.clone()];
    let sent = offices.iter().map(|office| send(&office.client, &event, CSV, file("pretix-checkinlist-comma.csv")));
    let reports: Vec<Value> = join_all(sent).await.iter().map(|answer| answer.ok(200)).collect();
    let sum = |name: &str| reports.iter().map(|report| report[name].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sum("created"), sum("updated"), sum("unchanged")), (1_454, 0, 2 * 1_454));
    let carried = reports.iter().map(|report| report["check_ins"]["carried_over"].as_i64().unwrap()).sum::<i64>();
    assert_eq!((carried, deployment.ledger.admissions(&event.id).await), (609 + 110, 609 + 110));
    let of_types = "select count(*) from ticket_types t where event_id = $1 and taken <>
        (select count(*) from tickets k where k.ticket_type_id = t.id and k.status <> 'void')";
    assert_eq!(deployment.ledger.count(of_types, &[&event.id]).await, 0);
}

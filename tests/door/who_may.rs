//! D3, E10, E11: who may scan, on what, and at which event.

use serde_json::{Value, json};

use super::Door;
use crate::support::{House, Phone, on_both, scan_of};

on_both!(each_role_scans_as_the_table_says);
async fn each_role_scans_as_the_table_says(house: House) {
    let door = Door::open(&house).await;
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
        let member = house.admin.hire_for(role, &[&door.event]).await;
        let phones: [Phone; 2] = [house.admin.phone(&member).await, Phone::clone(&*house.admin.till(&member).await)];
        for phone in phones {
            if may {
                phone.refuses(&door.event, "no such code", "unknown_ticket").await;
                assert_eq!(phone.may("scan", &door.event).await, json!({"allowed": true}), "{role}");
            } else {
                let refused = phone.try_scan(&door.event, "no such code").await;
                assert_eq!(refused.problem(403, "permission_missing")["permission"], "entry:scan", "{role}");
                let answer = phone.may("scan", &door.event).await;
                assert_eq!((&answer["allowed"], &answer["code"]), (&json!(false), &json!("permission_missing")), "{role}");
            }
        }
    }
}

on_both!(a_scan_needs_a_device);
async fn a_scan_needs_a_device(house: House) {
    let door = Door::open(&house).await;
    let desk = house.admin.hire("scanner").await.desk(house.b()).await;
    desk.line.post("/v1/scans", &scan_of(&door.event, "A-1")).await.problem(403, "device_required");
    let answer = desk.may("scan", &door.event).await;
    assert_eq!((&answer["allowed"], &answer["code"]), (&json!(false), &json!("device_required")));
}

on_both!(exactly_one_event_is_a_pin_on_every_kind_of_device);
async fn exactly_one_event_is_a_pin_on_every_kind_of_device(house: House) {
    let door = Door::open(&house).await;
    let fair = house.admin.event("Fair").await;
    let operator = house.admin.hire("door_operator").await;
    let till = house.admin.till(&operator).await;
    let phones: [Phone; 2] = [house.admin.phone(&operator).await.at(house.b()), Phone::clone(&till.at(house.b()))];
    for phone in &phones {
        let none = phone.try_scan(&door.event, "A-1").await.problem(403, "no_event_pinned");
        assert_eq!(none["detail"], "No event is assigned to you.");
        assert_eq!(phone.current().await.ok(200)["pinned_event"], Value::Null);
    }
    house.admin.pin(&operator, &[&door.event]).await;
    for phone in &phones {
        phone.refuses(&door.event, "A-1", "unknown_ticket").await;
        let wrong = phone.try_scan(&fair, "A-1").await.problem(403, "event_not_pinned");
        assert_eq!(wrong["pinned_event"], json!({"id": door.event.id, "name": "Gala"}));
        assert_eq!(phone.current().await.ok(200)["pinned_event"]["id"], json!(door.event.id));
        phone.learns("scan", &fair, Some("event_not_pinned")).await;
    }
    house.admin.pin(&operator, &[&fair]).await;
    for phone in &phones {
        phone.try_scan(&door.event, "A-1").await.problem(403, "event_not_pinned");
        phone.refuses(&fair, "A-1", "unknown_ticket").await;
    }
    house.admin.pin(&operator, &[&fair, &door.event]).await;
    for phone in &phones {
        phone.try_scan(&fair, "A-1").await.problem(403, "no_event_pinned");
        phone.learns("scan", &fair, Some("no_event_pinned")).await;
    }
}

on_both!(the_pin_binds_nobody_but_the_door_operator);
async fn the_pin_binds_nobody_but_the_door_operator(house: House) {
    let door = Door::open(&house).await;
    let fair = house.admin.event("Fair").await;
    for role in ["scanner", "box_office", "event_manager"] {
        let member = house.admin.hire_for(role, &[&fair]).await;
        let phone = house.admin.phone(&member).await;
        phone.refuses(&door.event, "A-1", "unknown_ticket").await;
        phone.refuses(&fair, "A-1", "unknown_ticket").await;
    }
}

on_both!(only_a_live_event_is_scanned);
async fn only_a_live_event_is_scanned(house: House) {
    let door = Door::open(&house).await;
    door.ticket(&house, "A-1", "valid", 9).await;
    let phone = door.phone.at(house.b());
    for status in ["draft", "ended", "cancelled"] {
        house.admin.set_status(&door.event, status).await;
        phone.try_scan(&door.event, "A-1").await.problem(403, "event_not_live");
        phone.learns("scan", &door.event, Some("event_not_live")).await;
        house.admin.set_status(&door.event, "live").await;
        phone.admits(&door.event, "A-1").await;
    }
}

//! Who may scan, on which device, and at which event.

use serde_json::{Value, json};

use super::Door;
use crate::support::{Deployment, Phone, on_both, scan_of};

on_both!(each_role_scans_as_the_table_says);
async fn each_role_scans_as_the_table_says(deployment: Deployment) {
    let door = Door::open(&deployment).await;
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
        let member = deployment.admin.hire_for(role, &[&door.event]).await;
        let phones: [Phone; 2] = [deployment.admin.phone(&member).await, Phone::clone(&*deployment.admin.till(&member).await)];
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
async fn a_scan_needs_a_device(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let signed_in = deployment.admin.hire("scanner").await.signed_in(deployment.b()).await;
    signed_in.client.post("/v1/scans", &scan_of(&door.event, "A-1")).await.problem(403, "device_required");
    let answer = signed_in.may("scan", &door.event).await;
    assert_eq!((&answer["allowed"], &answer["code"]), (&json!(false), &json!("device_required")));
}

on_both!(exactly_one_event_is_a_pin_on_every_kind_of_device);
async fn exactly_one_event_is_a_pin_on_every_kind_of_device(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let fair = deployment.admin.event("Fair").await;
    let operator = deployment.admin.hire("door_operator").await;
    let till = deployment.admin.till(&operator).await;
    let phones: [Phone; 2] = [deployment.admin.phone(&operator).await.at(deployment.b()), Phone::clone(&till.at(deployment.b()))];
    for phone in &phones {
        let none = phone.try_scan(&door.event, "A-1").await.problem(403, "no_event_pinned");
        assert_eq!(none["detail"], "No event is assigned to you.");
        assert_eq!(phone.current().await.ok(200)["pinned_event"], Value::Null);
    }
    deployment.admin.pin(&operator, &[&door.event]).await;
    for phone in &phones {
        phone.refuses(&door.event, "A-1", "unknown_ticket").await;
        let wrong = phone.try_scan(&fair, "A-1").await.problem(403, "event_not_pinned");
        assert_eq!(wrong["pinned_event"], json!({"id": door.event.id, "name": "Gala"}));
        assert_eq!(phone.current().await.ok(200)["pinned_event"]["id"], json!(door.event.id));
        phone.learns("scan", &fair, Some("event_not_pinned")).await;
    }
    deployment.admin.pin(&operator, &[&fair]).await;
    for phone in &phones {
        phone.try_scan(&door.event, "A-1").await.problem(403, "event_not_pinned");
        phone.refuses(&fair, "A-1", "unknown_ticket").await;
    }
    deployment.admin.pin(&operator, &[&fair, &door.event]).await;
    for phone in &phones {
        phone.try_scan(&fair, "A-1").await.problem(403, "no_event_pinned");
        phone.learns("scan", &fair, Some("no_event_pinned")).await;
    }
}

on_both!(the_pin_binds_nobody_but_the_door_operator);
async fn the_pin_binds_nobody_but_the_door_operator(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let fair = deployment.admin.event("Fair").await;
    for role in ["scanner", "box_office", "event_manager"] {
        let member = deployment.admin.hire_for(role, &[&fair]).await;
        let phone = deployment.admin.phone(&member).await;
        phone.refuses(&door.event, "A-1", "unknown_ticket").await;
        phone.refuses(&fair, "A-1", "unknown_ticket").await;
    }
}

on_both!(only_a_live_event_is_scanned);
async fn only_a_live_event_is_scanned(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 9).await;
    let phone = door.phone.at(deployment.b());
    for status in ["draft", "ended", "cancelled"] {
        deployment.admin.set_status(&door.event, status).await;
        phone.try_scan(&door.event, "A-1").await.problem(403, "event_not_live");
        phone.learns("scan", &door.event, Some("event_not_live")).await;
        deployment.admin.set_status(&door.event, "live").await;
        phone.admits(&door.event, "A-1").await;
    }
}

//! What a ticket type says of when, where and how often: windows, gates, exits and re-entry.

use serde_json::{Value, json};

use super::Door;
use crate::support::{Deployment, TicketType, on_both, scan_of};

const LONG_AGO: &str = "2020-01-01T00:00:00.000Z";
const FAR_AHEAD: &str = "2090-01-01T00:00:00.000Z";

/// A ticket of a type of its own.
pub async fn ticket_of(deployment: &Deployment, door: &Door, code: &str, kind: Value) -> TicketType {
    let mut body = json!({"name": code, "price": "10.00"});
    body.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
    let kind = deployment.admin.ticket_type_with(&door.event, body).await;
    deployment.admin.tickets(&door.event, &kind, &[code]).await;
    kind
}

on_both!(a_ticket_is_admitted_within_its_window);
async fn a_ticket_is_admitted_within_its_window(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    ticket_of(&deployment, &door, "early", json!({"valid_from": FAR_AHEAD})).await;
    ticket_of(&deployment, &door, "late", json!({"valid_until": LONG_AGO})).await;
    let now = ticket_of(&deployment, &door, "now", json!({"valid_from": LONG_AGO, "valid_until": FAR_AHEAD})).await;
    door.phone.refuses(&door.event, "early", "too_early").await;
    door.phone.refuses(&door.event, "late", "too_late").await;
    door.phone.admits(&door.event, "now").await;

    // The window moves, and holds at once.
    let path = format!("/v1/events/{}/ticket-types/{}", door.event.id, now.id);
    deployment.admin.client.patch(&path, &json!({"valid_from": null, "valid_until": LONG_AGO})).await.ok(200);
    deployment.admin.tickets(&door.event, &now, &["now too"]).await;
    door.phone.at(deployment.b()).refuses(&door.event, "now too", "too_late").await;
}

on_both!(a_ticket_is_admitted_at_its_gates);
async fn a_ticket_is_admitted_at_its_gates(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    ticket_of(&deployment, &door, "vip", json!({"gates": ["VIP", "North"]})).await;
    door.phone.refuses(&door.event, "vip", "wrong_gate").await;
    let mut scan = scan_of(&door.event, "vip");
    scan["gate"] = json!("South");
    assert_eq!(door.phone.send(&scan).await.ok(200)["reason"], "wrong_gate");
    scan["gate"] = json!("North");
    assert_eq!(door.phone.send(&scan).await.ok(200)["verdict"], "admit");
}

on_both!(who_goes_out_comes_in_again_only_with_re_entry);
async fn who_goes_out_comes_in_again_only_with_re_entry(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    ticket_of(&deployment, &door, "once", json!({})).await;
    ticket_of(&deployment, &door, "again", json!({"reentry": true})).await;
    for code in ["once", "again"] {
        let mut out = scan_of(&door.event, code);
        out["direction"] = json!("out");
        let refused = door.phone.send(&out).await.ok(200);
        assert_eq!(refused["reason"], "not_inside", "nobody goes out who is not inside");
        assert_eq!((&refused["admission"], &refused["previous"]), (&Value::Null, &Value::Null));
        door.phone.admits(&door.event, code).await;
        let left = door.phone.at(deployment.b()).send(&out).await.ok(200);
        assert_eq!(
            (&left["verdict"], &left["admission"]["seq"], &left["admission"]["direction"]),
            (&json!("admit"), &json!(2), &json!("out"))
        );
    }
    let refused = door.phone.refuses(&door.event, "once", "already_admitted").await;
    assert_eq!((&refused["ticket"]["entries_used"], &refused["previous"]["direction"]), (&json!(1), &json!("out")));
    let mut out = scan_of(&door.event, "once");
    out["direction"] = json!("out");
    let refused = door.phone.at(deployment.b()).send(&out).await.ok(200);
    assert_eq!((&refused["reason"], &refused["previous"]["direction"]), (&json!("not_inside"), &json!("out")), "nobody goes out twice");
    let back = door.phone.admits(&door.event, "again").await;
    assert_eq!((&back["admission"]["seq"], &back["ticket"]["entries_used"]), (&json!(3), &json!(1)));
}

on_both!(a_time_that_no_ledger_can_hold_is_refused);
async fn a_time_that_no_ledger_can_hold_is_refused(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let mut scan = scan_of(&door.event, "A-1");
    for odd in ["+262000-01-01T00:00:00Z", "-009999-01-01T00:00:00Z", "0000-01-01T00:00:00Z"] {
        scan["scanned_at"] = json!(odd);
        door.phone.send(&scan).await.invalid_at("/scanned_at");
    }
    scan["scanned_at"] = json!("2026-11-22T19:30:00.123456+02:00");
    assert_eq!(door.phone.send(&scan).await.ok(200)["verdict"], "admit");
    let path = format!("/v1/events/{}", door.event.id);
    deployment.admin.client.patch(&path, &json!({"ends_at": "+262000-01-01T00:00:00Z"})).await.invalid_at("/ends_at");
}

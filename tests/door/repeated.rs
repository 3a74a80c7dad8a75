//! Law 5 at the door: the same scan again finds the first answer, and a refusal is never frozen.

use futures::future::join_all;
use serde_json::{Value, json};

use super::Door;
use crate::support::{Deployment, on_both, scan_of};

on_both!(the_same_scan_again_is_the_same_answer);
async fn the_same_scan_again_is_the_same_answer(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 3).await;
    let scan = scan_of(&door.event, "A-1");
    let first = door.phone.send(&scan).await;
    assert!(!first.replayed());
    door.phone.admits(&door.event, "A-1").await;
    let again = door.phone.at(deployment.b()).send(&scan).await;
    assert!(again.replayed(), "{again}");
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 2);
}

on_both!(the_meaning_of_the_body_counts_and_not_its_letters);
async fn the_meaning_of_the_body_counts_and_not_its_letters(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let scan = scan_of(&door.event, "A-1");
    let first = door.phone.send(&scan).await;
    let spelt_out = format!(
        "{{ \"dry_run\": false, \"direction\": \"in\",\n \"code\": \"A-1\\r\", \"event\": {}, \"id\": {} }}",
        scan["event"], scan["id"]
    );
    let again = door.phone.client.post_raw("/v1/scans", "application/json", spelt_out).await;
    assert!(again.replayed(), "{again}");
    assert_eq!(again.text, first.text);
}

on_both!(the_gate_of_the_device_is_a_default_like_any_other);
async fn the_gate_of_the_device_is_a_default_like_any_other(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let made = json!({"name": "Scanner at the gate", "kind": "scanner", "gate": "North"});
    let made = deployment.admin.client.post("/v1/devices", &made).await.ok(201);
    let device = deployment.admin.enrol(made["enrolment_code"].as_str().unwrap()).await;
    let phone = deployment.admin.hire("scanner").await.phone(&device).await;
    let mut scan = scan_of(&door.event, "A-1");
    phone.send(&scan).await.ok(200);
    scan["gate"] = json!("North");
    assert!(phone.send(&scan).await.replayed());
    scan["gate"] = json!("South");
    phone.send(&scan).await.problem(422, "id_reused");
}

on_both!(an_id_belongs_to_one_scan);
async fn an_id_belongs_to_one_scan(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    for code in ["A-1", "A-2"] {
        door.ticket(&deployment, code, "valid", 5).await;
    }
    let scan = scan_of(&door.event, "A-1");
    door.phone.send(&scan).await.ok(200);
    for (name, value) in [("code", json!("A-2")), ("gate", json!("North")), ("scanned_at", json!("2026-06-01T18:00:00.000Z"))] {
        let mut other = scan.clone();
        other[name] = value;
        door.phone.at(deployment.b()).send(&other).await.problem(422, "id_reused");
    }
    let scanner = deployment.admin.hire("scanner").await;
    let elsewhere = deployment.admin.phone(&scanner).await.at(deployment.b());
    elsewhere.send(&scan).await.problem(422, "id_reused");
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 1);
}

on_both!(a_refusal_is_decided_anew);
async fn a_refusal_is_decided_anew(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "unpaid", 1).await;
    let scan = scan_of(&door.event, "A-1");
    assert_eq!(door.phone.send(&scan).await.ok(200)["reason"], "unpaid");
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let answer = door.phone.at(deployment.b()).send(&scan).await;
    assert!(!answer.replayed(), "{answer}");
    assert_eq!(answer.ok(200)["verdict"], "admit");
}

on_both!(a_repeat_asks_who_but_not_whether_they_may);
async fn a_repeat_asks_who_but_not_whether_they_may(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let scan = scan_of(&door.event, "A-1");
    let first = door.phone.send(&scan).await;
    let member = deployment.admin.client.get("/v1/team?role=scanner").await.ok(200)["items"][0]["user"]["id"].clone();
    let path = format!("/v1/team/{}", member.as_str().unwrap());
    deployment.admin.client.patch(&path, &json!({"role": "none"})).await.ok(200);
    deployment.admin.set_status(&door.event, "ended").await;

    let again = door.phone.at(deployment.b()).send(&scan).await;
    assert_eq!((again.status, &again.text, again.replayed()), (200, &first.text, true));
    door.phone.sign_out().await;
    door.phone.send(&scan).await.problem(401, "session_ended");
}

on_both!(one_id_sent_often_at_once_is_one_row_and_one_answer);
async fn one_id_sent_often_at_once_is_one_row_and_one_answer(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "PASS", "valid", 100).await;
    let scan = scan_of(&door.event, "PASS");
    let phones: Vec<_> = (0..16).map(|number| door.phone.at(deployment.turn(number))).collect();
    let answers = join_all(phones.iter().map(|phone| phone.send(&scan))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text == answers[0].text), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| !answer.replayed()).count(), 1, "one of them was the first");
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 1);
    let answer: Value = answers[0].json();
    assert_eq!(answer["admission"]["seq"], 1);
}

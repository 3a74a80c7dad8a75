//! The same device again: enrolled anew, seen last, and telling that its app was updated.

use futures::future::join_all;
use serde_json::{Value, json};

use super::device_at;
use crate::support::{Deployment, on_both, until};

on_both!(a_device_that_is_enrolled_again_is_the_same_device);
async fn a_device_that_is_enrolled_again_is_the_same_device(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    deployment.admin.tickets(&event, &seat, &["A-1"]).await;
    let scanner = deployment.admin.hire("scanner").await;
    let made = deployment.admin.client.post("/v1/devices", &json!({"name": "Left door", "kind": "scanner", "gate": "North"})).await.ok(201);
    let old = deployment.admin.enrol(made["enrolment_code"].as_str().unwrap()).await;
    let phone = scanner.phone(&old).await;
    phone.admits(&event, "A-1").await;
    let before = device_at(&deployment, &old).await;

    let path = format!("/v1/devices/{}/enrolment", old.id);
    let unused = deployment.admin.client.post_nothing(&path).await.ok(201);
    let fresh = deployment.admin.client.post_nothing(&path).await.ok(201);
    let taken_back = json!({"enrolment_code": unused["enrolment_code"]});
    deployment.a().post("/v1/devices/enrol", &taken_back).await.problem(401, "enrolment_code_invalid");
    phone.at(deployment.b()).current().await.ok(200);

    let new = deployment.admin.at(deployment.b()).enrol(fresh["enrolment_code"].as_str().unwrap()).await;
    for gateway in [deployment.a(), deployment.b()] {
        // With the token, the session on it ends.
        let ended = phone.at(gateway).current().await.problem(401, "session_ended");
        assert!(ended["ended_at"].is_string(), "{ended}");
        scanner.try_sign_in(&old.at(gateway).client).await.problem(401, "token_invalid");
    }
    // With the session, the gateway forgets its last use; the ledger has it a moment later.
    until("the use is noted", async || device_at(&deployment, &new).await["last_seen_at"].is_string()).await;
    let after = device_at(&deployment, &new).await;
    for member in ["id", "name", "kind", "gate", "organisation", "revoked_at"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_ne!(after["enrolled_at"], before["enrolled_at"]);
    assert_eq!(after["session"], Value::Null);
    let again = scanner.phone(&new).await.refuses(&event, "A-1", "already_admitted").await;
    assert_eq!((&again["previous"]["same_device"], &again["previous"]["device"]["name"]), (&json!(true), &json!("Left door")));
}

on_both!(one_fresh_code_is_used_once_however_many_try);
async fn one_fresh_code_is_used_once_however_many_try(deployment: Deployment) {
    let device = deployment.admin.device("scanner").await;
    let fresh = deployment.admin.client.post_nothing(&format!("/v1/devices/{}/enrolment", device.id)).await.ok(201);
    let body = json!({"enrolment_code": fresh["enrolment_code"]});
    let answers = join_all((0..8).map(|n| deployment.turn(n).post("/v1/devices/enrol", &body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
}

on_both!(a_revoked_device_is_not_enrolled_again);
async fn a_revoked_device_is_not_enrolled_again(deployment: Deployment) {
    let device = deployment.admin.device("scanner").await;
    let path = format!("/v1/devices/{}/enrolment", device.id);
    let waiting = deployment.admin.client.post_nothing(&path).await.ok(201);
    deployment.admin.revoke(&device).await;
    deployment.admin.client.post_nothing(&path).await.problem(409, "device_revoked");
    let body = json!({"enrolment_code": waiting["enrolment_code"]});
    deployment.b().post("/v1/devices/enrol", &body).await.problem(401, "enrolment_code_invalid");
}

on_both!(a_code_is_too_old_when_its_time_is_over);
async fn a_code_is_too_old_when_its_time_is_over(deployment: Deployment) {
    let made = deployment.admin.client.post("/v1/devices", &json!({"name": "Late", "kind": "scanner"})).await.ok(201);
    deployment
        .ledger
        .execute("update devices set enrolment_expires_at = '2026-01-01T00:00:00+00:00' where enrolment_hash is not null")
        .await
        .unwrap();
    let body = json!({"enrolment_code": made["enrolment_code"]});
    for gateway in [deployment.a(), deployment.b()] {
        gateway.post("/v1/devices/enrol", &body).await.problem(401, "enrolment_code_invalid");
    }
}

on_both!(a_device_tells_that_its_app_was_updated);
async fn a_device_tells_that_its_app_was_updated(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let made = deployment.admin.client.post("/v1/devices", &json!({"name": "Left door", "kind": "scanner"})).await.ok(201);
    let hardware = json!({"brand": "Zebra", "model": "TC22", "os": "Android 14", "app_version": "1.2.3"});
    let body = json!({"enrolment_code": made["enrolment_code"], "hardware": hardware});
    let enrolled = deployment.a().post("/v1/devices/enrol", &body).await.ok(201);
    let client = deployment.b().with_token(enrolled["device_token"].as_str().unwrap());
    let device = crate::support::Device { id: enrolled["device"]["id"].as_str().unwrap().to_owned(), name: "Left door".to_owned(), client };
    let phone = scanner.phone(&device).await;
    assert_eq!(device_at(&deployment, &device).await["hardware"], hardware);

    let told = device.client.patch("/v1/devices/current", &json!({"hardware": {"app_version": "1.3.0"}})).await.ok(200);
    let now = json!({"brand": "Zebra", "model": "TC22", "os": "Android 14", "app_version": "1.3.0"});
    assert_eq!((&told["hardware"], &told["id"]), (&now, &json!(device.id)));
    assert_eq!(device_at(&deployment, &device).await["hardware"], now);
    let listed = deployment.admin.client.get("/v1/devices").await.ok(200);
    assert_eq!(listed["items"][0]["hardware"], now);
    for gateway in [deployment.a(), deployment.b()] {
        phone.at(gateway).current().await.ok(200);
    }
    let log = "select count(*) from changes";
    let changes = deployment.ledger.count(log, &[]).await;
    device.client.patch("/v1/devices/current", &json!({"hardware": {"app_version": "1.3.0"}})).await.ok(200);
    assert_eq!(deployment.ledger.count(log, &[]).await, changes, "nothing new was said");
}

on_both!(only_the_device_itself_tells_of_itself);
async fn only_the_device_itself_tells_of_itself(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let body = json!({"hardware": {"app_version": "2"}});
    phone.client.patch("/v1/devices/current", &body).await.problem(401, "token_invalid");
    deployment.admin.client.patch("/v1/devices/current", &body).await.problem(401, "token_invalid");
    deployment.a().patch("/v1/devices/current", &body).await.problem(401, "token_missing");
    let device = &phone.device.client;
    device.patch("/v1/devices/current", &json!({"hardware": {"app_version": ""}})).await.invalid_at("/hardware/app_version");
    device.patch("/v1/devices/current", &json!({"hardware": {"version": "2"}})).await.invalid_at("/hardware/version");
    device.patch("/v1/devices/current", &json!({})).await.invalid_at("/hardware");
    deployment.admin.revoke(&phone.device).await;
    device.patch("/v1/devices/current", &body).await.problem(401, "device_revoked");
    device.patch("/v1/devices/current", &json!({"nonsense": 1})).await.problem(401, "device_revoked");
}

on_both!(a_device_that_somebody_signed_in_and_out_on_was_seen);
async fn a_device_that_somebody_signed_in_and_out_on_was_seen(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let device = deployment.admin.device("scanner").await;
    assert_eq!(device_at(&deployment, &device).await["last_seen_at"], Value::Null);
    scanner.phone(&device).await.sign_out().await;
    until("the use is noted", async || device_at(&deployment, &device).await["last_seen_at"].is_string()).await;
}

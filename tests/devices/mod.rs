//! D1: devices are enrolled with a one-time code, hold a token, and are refused everywhere once revoked.

mod again;
mod batch;

use serde_json::{Value, json};

use crate::support::{Deployment, Device, ids_of, on_both};

on_both!(a_device_is_announced_and_enrolled);
async fn a_device_is_announced_and_enrolled(deployment: Deployment) {
    let wish = json!({"name": "Left door", "kind": "scanner", "gate": "North"});
    let made = deployment.admin.client.post("/v1/devices", &wish).await.ok(201);
    let device = &made["device"];
    assert_eq!((&device["name"], &device["kind"], &device["gate"]), (&json!("Left door"), &json!("scanner"), &json!("North")));
    assert_eq!(device["organisation"]["slug"], deployment.organisation.slug);
    assert_eq!((&device["enrolled_at"], &device["revoked_at"]), (&Value::Null, &Value::Null));
    for member in ["enrolment_code", "enrolment_expires_at", "enrolment_qr"] {
        assert!(made[member].is_string(), "{made}");
    }

    let hardware = json!({"brand": "Zebra", "model": "TC22", "os": "Android 14", "app_version": "1.2.3"});
    let body = json!({"enrolment_code": made["enrolment_code"], "hardware": hardware});
    let enrolled = deployment.b().post("/v1/devices/enrol", &body).await.ok(201);
    assert_eq!(enrolled["device"]["id"], device["id"]);
    assert!(enrolled["device"]["enrolled_at"].is_string() && enrolled["device_token"].is_string(), "{enrolled}");
}

on_both!(an_enrolment_code_works_once_and_lasts_a_quarter_of_an_hour);
async fn an_enrolment_code_works_once_and_lasts_a_quarter_of_an_hour(deployment: Deployment) {
    let made = deployment.admin.client.post("/v1/devices", &json!({"name": "Once", "kind": "pos"})).await.ok(201);
    let expires: chrono::DateTime<chrono::Utc> = made["enrolment_expires_at"].as_str().unwrap().parse().unwrap();
    let minutes = (expires - chrono::Utc::now()).num_minutes();
    assert!((14..=15).contains(&minutes), "{made}");

    let body = json!({"enrolment_code": made["enrolment_code"]});
    deployment.a().post("/v1/devices/enrol", &body).await.ok(201);
    deployment.b().post("/v1/devices/enrol", &body).await.problem(401, "enrolment_code_invalid");
    let unknown = json!({"enrolment_code": "NEVER-GIVEN-OUT"});
    deployment.a().post("/v1/devices/enrol", &unknown).await.problem(401, "enrolment_code_invalid");
}

on_both!(one_code_enrols_one_device_however_many_try_at_once);
async fn one_code_enrols_one_device_however_many_try_at_once(deployment: Deployment) {
    let made = deployment.admin.client.post("/v1/devices", &json!({"name": "Once", "kind": "pos"})).await.ok(201);
    let body = json!({"enrolment_code": made["enrolment_code"]});
    let tries = (0..8).map(|n| deployment.turn(n).post("/v1/devices/enrol", &body));
    let answers = futures::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.problem(401, "enrolment_code_invalid");
    }
}

on_both!(devices_are_listed_with_their_session);
async fn devices_are_listed_with_their_session(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let shown = device_at(&deployment, &phone.device).await;
    assert_eq!((&shown["id"], &shown["kind"]), (&json!(phone.device.id), &json!("scanner")));
    assert!(shown["session"].to_string().contains(&phone.session_id()), "{shown}");
    assert!(shown["last_seen_at"].is_string(), "{shown}");

    let listed = deployment.b().with_token(deployment.admin.client.token()).get("/v1/devices").await.ok(200);
    assert_eq!(ids_of(&listed["items"]), [phone.device.id.as_str()]);
    assert_eq!(listed["next_cursor"], Value::Null);
}

on_both!(lists_come_in_pages);
async fn lists_come_in_pages(deployment: Deployment) {
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(deployment.admin.device("scanner").await.id);
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/devices?limit=2".to_owned());
    loop {
        let page = deployment.admin.client.get(&path).await.ok(200);
        let items = ids_of(&page["items"]);
        assert!(items.len() <= 2, "{page}");
        seen.extend(items);
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/devices?limit=2&cursor={cursor}");
    }
    seen.sort();
    made.sort();
    assert_eq!(seen, made);
}

on_both!(a_revoked_device_is_refused_at_its_next_request_on_every_gateway);
async fn a_revoked_device_is_refused_at_its_next_request_on_every_gateway(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    phone.at(deployment.b()).scan(&event, "warms the copy of the other gateway").await;

    deployment.admin.revoke(&phone.device).await;
    for gateway in [deployment.a(), deployment.b()] {
        let phone = phone.at(gateway);
        phone.try_scan(&event, "A-1").await.problem(401, "device_revoked");
        phone.current().await.problem(401, "device_revoked");
        scanner.try_sign_in(&phone.device.client).await.problem(401, "device_revoked");
    }
    assert!(device_at(&deployment, &phone.device).await["revoked_at"].is_string());
}

on_both!(a_revoked_device_says_so_whatever_else_has_ended);
async fn a_revoked_device_says_so_whatever_else_has_ended(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let signed_out = deployment.admin.phone(&scanner).await;
    signed_out.sign_out().await;
    let displaced = deployment.admin.phone(&scanner).await;
    let newer = scanner.phone(&displaced.device).await;
    deployment.admin.revoke(&signed_out.device).await;
    deployment.admin.revoke(&displaced.device).await;
    deployment.admin.change(&scanner, json!({"active": false})).await;
    for phone in [signed_out, displaced, newer] {
        phone.current().await.problem(401, "device_revoked");
    }
}

on_both!(a_fresh_code_moves_the_device_to_a_new_token);
async fn a_fresh_code_moves_the_device_to_a_new_token(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let old = deployment.admin.device("scanner").await;
    let path = format!("/v1/devices/{}/enrolment", old.id);
    let fresh = deployment.admin.client.post_nothing(&path).await.fine();

    scanner.phone(&old).await;
    let new = deployment.admin.at(deployment.b()).enrol(fresh["enrolment_code"].as_str().unwrap()).await;
    assert_eq!(new.id, old.id);
    assert_eq!(scanner.try_sign_in(&old.client).await.status, 401, "the old token dies when the code is used");
    scanner.phone(&new).await;
}

on_both!(a_device_is_named_and_of_a_known_kind);
async fn a_device_is_named_and_of_a_known_kind(deployment: Deployment) {
    let client = &deployment.admin.client;
    client.post("/v1/devices", &json!({"name": "Left", "kind": "toaster"})).await.invalid_at("/kind");
    client.post("/v1/devices", &json!({"name": "", "kind": "pos"})).await.invalid_at("/name");
    client.post("/v1/devices", &json!({"name": "Left", "kind": "pos", "gates": "N"})).await.problem(422, "invalid_body");
    client.post("/v1/devices", &json!({"kind": "pos"})).await.problem(422, "invalid_body");
}

/// One device, as the other gateway shows it.
async fn device_at(deployment: &Deployment, device: &Device) -> Value {
    let client = deployment.b().with_token(deployment.admin.client.token());
    client.get(&format!("/v1/devices/{}", device.id)).await.ok(200)
}

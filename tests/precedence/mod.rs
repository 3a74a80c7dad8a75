//! Which answer comes first when several would be right, and the problems that any call can answer.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Deployment, Event, TicketType, Till, basket, card, cash, new_id, on_both, sale_of, scan_of};

on_both!(the_caller_is_looked_at_before_the_body);
async fn the_caller_is_looked_at_before_the_body(deployment: Deployment) {
    let (event, _, till) = stage(&deployment).await;
    for path in ["/v1/scans", "/v1/sales", "/v1/authorise"] {
        let malformed = |client: Client| async move { client.post_raw(path, "application/json", "{").await };
        malformed(deployment.a().clone()).await.problem(401, "token_missing");
        malformed(deployment.a().with_token("nonsense")).await.problem(401, "token_invalid");
        malformed(till.client.clone()).await.problem(400, "malformed_body");
    }
    till.sign_out().await;
    till.try_scan(&event, "A-1").await.problem(401, "session_ended");
    till.try_scan(&nowhere(), "A-1").await.problem(401, "session_ended");
}

on_both!(device_then_person_then_session);
async fn device_then_person_then_session(deployment: Deployment) {
    let (event, _, till) = stage(&deployment).await;
    let seller = deployment.admin.hire("box_office").await;
    let phone = deployment.admin.phone(&seller).await;
    phone.sign_out().await;
    phone.current().await.problem(401, "session_ended");
    deployment.admin.change(&seller, json!({"active": false})).await;
    phone.at(deployment.b()).current().await.problem(401, "user_deactivated");
    deployment.admin.revoke(&phone.device).await;
    phone.at(deployment.b()).current().await.problem(401, "device_revoked");
    till.refuses(&event, "A-1", "unknown_ticket").await;
}

on_both!(the_event_is_looked_up_before_the_permission);
async fn the_event_is_looked_up_before_the_permission(deployment: Deployment) {
    let (event, seat, _) = stage(&deployment).await;
    let viewer = deployment.admin.hire("viewer").await;
    let till = deployment.admin.till(&viewer).await;
    till.try_scan(&nowhere(), "A-1").await.problem(404, "not_found");
    till.try_sell(&nowhere(), basket(&[(&seat, 1)]), card()).await.problem(404, "not_found");
    till.try_scan(&event, "A-1").await.problem(403, "permission_missing");
}

on_both!(permission_then_pin_then_live_then_cash_then_the_rules_of_the_body);
async fn permission_then_pin_then_live_then_cash_then_the_rules_of_the_body(deployment: Deployment) {
    let (event, seat, _) = stage(&deployment).await;
    let operator = deployment.admin.hire("door_operator").await;
    let till = deployment.admin.till(&operator).await.at(deployment.b());
    deployment.admin.change(&operator, json!({"revoke": ["pos:door", "pos:cash", "entry:scan"]})).await;
    deployment.admin.set_status(&event, "ended").await;

    // Everything is wrong with this sale and this scan. One thing after another is put right.
    let short = json!({"method": "cash", "tendered": "0.01"});
    let sell = || till.try_sell(&event, basket(&[(&seat, 1)]), short.clone());
    let scan = || till.try_scan(&event, "");
    let missing = |answer: Answer| answer.problem(403, "permission_missing")["permission"].clone();
    assert!(missing(sell().await).as_str().unwrap().starts_with("pos:"));
    assert_eq!(missing(scan().await), "entry:scan");

    // The administrator lacks `pos:door` and cannot give it; a new role keeps the revokes, so this is another operator.
    let operator = deployment.admin.hire("door_operator").await;
    let till = deployment.admin.till(&operator).await.at(deployment.b());
    deployment.admin.change(&operator, json!({"revoke": ["pos:cash"]})).await;
    let sell = || till.try_sell(&event, basket(&[(&seat, 1)]), short.clone());
    let scan = || till.try_scan(&event, "");
    sell().await.problem(403, "no_event_pinned");
    scan().await.problem(403, "no_event_pinned");

    deployment.admin.pin(&operator, &[&event]).await;
    sell().await.problem(403, "event_not_live");
    scan().await.problem(403, "event_not_live");

    deployment.admin.set_status(&event, "live").await;
    assert_eq!(missing(sell().await), "pos:cash");
    scan().await.invalid_at("/code");

    deployment.admin.change(&operator, json!({"grant": ["pos:cash"]})).await;
    sell().await.invalid_at("/payment/tendered");
}

on_both!(an_event_that_is_not_pinned_does_not_reveal_that_it_ended);
async fn an_event_that_is_not_pinned_does_not_reveal_that_it_ended(deployment: Deployment) {
    let (event, ..) = stage(&deployment).await;
    let fair = deployment.admin.event("Fair").await;
    deployment.admin.set_status(&fair, "ended").await;
    let operator = deployment.admin.hire_for("door_operator", &[&event]).await;
    let till = deployment.admin.till(&operator).await;
    till.try_scan(&fair, "A-1").await.problem(403, "event_not_pinned");
}

on_both!(the_back_office_asks_event_and_permission_before_the_body);
async fn the_back_office_asks_event_and_permission_before_the_body(deployment: Deployment) {
    let (event, seat, _) = stage(&deployment).await;
    let seller = deployment.admin.hire("box_office").await.signed_in(deployment.a()).await.client;
    for path in ["/v1/team", "/v1/devices", "/v1/events"] {
        seller.post(path, &json!({})).await.problem(403, "permission_missing");
        deployment.admin.client.post(path, &json!({})).await.invalid_at("/name");
    }
    let types = |event: &str| format!("/v1/events/{event}/ticket-types");
    seller.post(&types(&event.id), &json!({})).await.problem(403, "permission_missing");
    seller.post(&types(&new_id()), &json!({})).await.problem(404, "not_found");
    deployment.admin.client.post(&types(&event.id), &json!({})).await.invalid_at("/name");
    let named = json!({"name": "Box"});
    seller.patch(&format!("{}/{}", types(&new_id()), seat.id), &named).await.problem(404, "not_found");
    seller.patch(&format!("/v1/events/{}", event.id), &named).await.problem(403, "permission_missing");
}

on_both!(a_word_is_a_string_and_one_of_its_set);
async fn a_word_is_a_string_and_one_of_its_set(deployment: Deployment) {
    let (event, seat, till) = stage(&deployment).await;
    let mut scan = scan_of(&event, "A-1");
    let mut sale = sale_of(&event, basket(&[(&seat, 1)]), cash());
    for odd in [json!(null), json!(5), json!(true), json!({}), json!([]), json!({"in": null}), json!({"cash": null}), json!("sideways")] {
        scan["direction"] = odd.clone();
        till.send(&scan).await.invalid_at("/direction");
        sale["payment"]["method"] = odd.clone();
        till.send_sale(&sale).await.invalid_at("/payment/method");
    }
    deployment.admin.client.patch(&format!("/v1/events/{}", event.id), &json!({"status": null})).await.invalid_at("/status");
}

on_both!(unknown_paths_and_methods);
async fn unknown_paths_and_methods(deployment: Deployment) {
    let client = &deployment.admin.client;
    client.get("/v1/nothing").await.problem(404, "not_found");
    client.get("/v1/events/not-an-id").await.problem(404, "not_found");
    client.get(&format!("/v1/events/{}", new_id())).await.problem(404, "not_found");
    client.put("/v1/scans", &json!({})).await.problem(405, "method_not_allowed");
    client.delete("/v1/team").await.problem(405, "method_not_allowed");
}

on_both!(bodies_that_no_call_accepts);
async fn bodies_that_no_call_accepts(deployment: Deployment) {
    let (_, _, till) = stage(&deployment).await;
    let client = &till.client;
    for path in ["/v1/scans", "/v1/sales", "/v1/authorise"] {
        for body in [&b"{\"id\": "[..], b"", b"not json", b"{\"code\": \"\xff\xfe\"}"] {
            client.post_raw(path, "application/json", body.to_vec()).await.problem(400, "malformed_body");
        }
        for body in ["[]", "\"text\"", "{}", "{\"id\": null}"] {
            client.post_raw(path, "application/json", body).await.problem(422, "invalid_body");
        }
        client.post_raw(path, "text/plain", "{}").await.problem(415, "unsupported_media_type");
        let huge = format!("{{\"code\": \"{}\"}}", "x".repeat(256 * 1024));
        client.post_raw(path, "application/json", huge).await.problem(413, "body_too_large");
    }
    let without_type = client.request(Method::POST, "/v1/scans").body("{}");
    Answer::to(without_type).await.problem(415, "unsupported_media_type");
}

on_both!(a_sign_in_is_checked_like_any_body);
async fn a_sign_in_is_checked_like_any_body(deployment: Deployment) {
    deployment.a().post_raw("/v1/sessions", "application/json", "{").await.problem(400, "malformed_body");
    let mut body = deployment.admin.who.credentials();
    body["remember_me"] = json!(true);
    deployment.a().post("/v1/sessions", &body).await.problem(422, "invalid_body");
    deployment.a().post("/v1/devices/enrol", &json!({"code": "x"})).await.problem(422, "invalid_body");
}

on_both!(every_response_has_its_own_request_id);
async fn every_response_has_its_own_request_id(deployment: Deployment) {
    let id = |problem: Value| problem["request_id"].as_str().unwrap().to_owned();
    let one = id(deployment.a().get("/v1/team").await.problem(401, "token_missing"));
    let two = id(deployment.a().get("/v1/team").await.problem(401, "token_missing"));
    assert_ne!(one, two);
}

on_both!(cash_permission_is_asked_before_the_price);
async fn cash_permission_is_asked_before_the_price(deployment: Deployment) {
    let (event, seat, _) = stage(&deployment).await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    deployment.admin.change(&seller, json!({"revoke": ["pos:cash"]})).await;
    let mut sale = sale_of(&event, basket(&[(&seat, 1)]), cash());
    sale["expected_total"] = json!("1.00");
    till.send_sale(&sale).await.problem(403, "permission_missing");
    sale["payment"] = card();
    till.send_sale(&sale).await.problem(409, "price_changed");
}

on_both!(a_displaced_session_never_gets_a_guests_name);
async fn a_displaced_session_never_gets_a_guests_name(deployment: Deployment) {
    let (event, seat, till) = stage(&deployment).await;
    let ticket = json!({"code": "A-1", "type": seat.id, "holder": "Grace Hopper", "status": "valid"});
    deployment.admin.upload(&event, json!([ticket])).await;
    till.admits(&event, "A-1").await;
    let other = deployment.admin.hire("box_office").await;
    other.till(&till.device).await;
    for gateway in [deployment.a(), deployment.b()] {
        let answer = till.at(gateway).send(&scan_of(&event, "A-1")).await;
        answer.problem(401, "session_displaced");
        assert!(!answer.text.contains("Grace"), "{answer}");
    }
}

async fn stage(deployment: &Deployment) -> (Event, TicketType, Till) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    (event, seat, till)
}

/// An event that does not exist.
fn nowhere() -> Event {
    Event { id: new_id() }
}

//! Events and ticket types: what is on, what it costs, and who sees it.

mod tickets;

use serde_json::{Value, json};

use crate::support::{Deployment, ids_of, new_event, on_both, ref_id};

on_both!(an_event_is_put_on_and_changed);
async fn an_event_is_put_on_and_changed(deployment: Deployment) {
    let body = new_event("Autumn Gala", json!({"status": "draft", "venue": "Great Hall"}));
    let made = deployment.admin.client.post("/v1/events", &body).await.ok(201);
    for name in ["name", "timezone", "currency", "status", "starts_at", "ends_at"] {
        assert_eq!(made[name], body[name], "{made}");
    }
    assert_eq!(made["ticket_types"], json!([]));
    let path = format!("/v1/events/{}", ref_id(&made));
    let changed = deployment.admin.client.patch(&path, &json!({"name": "Winter Gala", "status": "live"})).await.ok(200);
    assert_eq!((&changed["name"], &changed["status"]), (&json!("Winter Gala"), &json!("live")));
    let shown = deployment.b().with_token(deployment.admin.client.token()).get(&path).await.ok(200);
    assert_eq!((&shown["name"], &shown["currency"]), (&json!("Winter Gala"), &json!("EUR")));
}

on_both!(a_ticket_type_is_made_and_changed);
async fn a_ticket_type_is_made_and_changed(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let path = format!("/v1/events/{}/ticket-types", event.id);
    let made = deployment.admin.client.post(&path, &json!({"name": "Seat", "price": "12.50", "quota": 10})).await.ok(201);
    assert_eq!((&made["name"], &made["price"], &made["quota"]), (&json!("Seat"), &json!("12.50"), &json!(10)));
    let path = format!("{path}/{}", ref_id(&made));
    let changed = deployment.admin.client.patch(&path, &json!({"price": "15.00", "quota": 20})).await.ok(200);
    assert_eq!((&changed["name"], &changed["price"], &changed["quota"]), (&json!("Seat"), &json!("15.00"), &json!(20)));

    let listed = deployment.b().with_token(deployment.admin.client.token()).get("/v1/events").await.ok(200);
    let kind = &listed["items"][0]["ticket_types"][0];
    assert_eq!((&kind["id"], &kind["price"], &kind["left"]), (&made["id"], &json!("15.00"), &json!(20)));
}

on_both!(a_price_has_exactly_the_digits_of_its_currency);
async fn a_price_has_exactly_the_digits_of_its_currency(deployment: Deployment) {
    for (currency, right, wrong) in [("EUR", "12.50", "12.5"), ("JPY", "1250", "1250.00"), ("KWD", "12.500", "12.50")] {
        let event = deployment.admin.event_with(currency, json!({"currency": currency})).await;
        let path = format!("/v1/events/{}/ticket-types", event.id);
        let kind = |price: Value| json!({"name": format!("at {price}"), "price": price});
        deployment.admin.client.post(&path, &kind(json!(right))).await.ok(201);
        for price in [json!(wrong), json!(12), json!(12.5), json!("-1.00"), json!("1e3"), json!("free")] {
            deployment.admin.client.post(&path, &kind(price)).await.invalid_at("/price");
        }
    }
}

on_both!(the_currency_is_fixed_once_there_is_a_ticket_type);
async fn the_currency_is_fixed_once_there_is_a_ticket_type(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let path = format!("/v1/events/{}", event.id);
    let changed = deployment.admin.client.patch(&path, &json!({"currency": "CHF"})).await.ok(200);
    assert_eq!(changed["currency"], "CHF");
    deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    deployment.admin.client.patch(&path, &json!({"currency": "EUR"})).await.problem(422, "invalid_body");
    assert_eq!(deployment.admin.client.get(&path).await.ok(200)["currency"], "CHF");
}

on_both!(what_is_sent_for_an_event_is_checked);
async fn what_is_sent_for_an_event_is_checked(deployment: Deployment) {
    for (name, value) in [
        ("currency", json!("EURO")),
        ("timezone", json!("Europe/Atlantis")),
        ("status", json!("maybe")),
        ("starts_at", json!("tomorrow")),
        ("name", json!("")),
    ] {
        let body = new_event("Gala", json!({name: value}));
        deployment.admin.client.post("/v1/events", &body).await.invalid_at(&format!("/{name}"));
    }
    let body = new_event("Gala", json!({"venu": "Great Hall"}));
    deployment.admin.client.post("/v1/events", &body).await.problem(422, "invalid_body");
}

on_both!(one_sees_the_events_that_one_may_act_on);
async fn one_sees_the_events_that_one_may_act_on(deployment: Deployment) {
    let (gala, fair) = (deployment.admin.event("Gala").await, deployment.admin.event("Fair").await);
    for (role, sees) in [
        ("event_manager", vec![&gala, &fair]),
        ("scanner", vec![&gala, &fair]),
        ("box_office", vec![&gala, &fair]),
        ("viewer", vec![&fair]),
        ("door_operator", vec![&fair]),
    ] {
        let member = deployment.admin.hire_for(role, &[&fair]).await;
        let listed = member.signed_in(deployment.b()).await.client.get("/v1/events").await.ok(200);
        let mut listed = ids_of(&listed["items"]);
        listed.sort();
        let mut wanted: Vec<_> = sees.iter().map(|event| event.id.clone()).collect();
        wanted.sort();
        assert_eq!(listed, wanted, "{role}");
    }
}

on_both!(a_change_of_granted_events_is_seen_at_once);
async fn a_change_of_granted_events_is_seen_at_once(deployment: Deployment) {
    let (gala, fair) = (deployment.admin.event("Gala").await, deployment.admin.event("Fair").await);
    let viewer = deployment.admin.hire_for("viewer", &[&gala]).await;
    let signed_in = viewer.signed_in(deployment.b()).await;
    let seen = || async { ids_of(&signed_in.client.get("/v1/events").await.ok(200)["items"]) };
    assert_eq!(seen().await, [gala.id.as_str()]);
    deployment.admin.pin(&viewer, &[&fair]).await;
    assert_eq!(seen().await, [fair.id.as_str()]);
    signed_in.client.get(&format!("/v1/events/{}", fair.id)).await.ok(200);
    let hidden = signed_in.client.get(&format!("/v1/events/{}", gala.id)).await;
    assert!(matches!(hidden.status, 403 | 404), "{hidden}");
}

on_both!(only_who_manages_events_changes_them);
async fn only_who_manages_events_changes_them(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let path = format!("/v1/events/{}", event.id);
    let manager = deployment.admin.hire("event_manager").await.signed_in(deployment.b()).await;
    manager.client.patch(&path, &json!({"name": "Fair"})).await.ok(200);
    for role in ["finance_manager", "scanner", "viewer", "box_office", "door_operator"] {
        let client = deployment.admin.hire_for(role, &[&event]).await.signed_in(deployment.b()).await.client;
        for refusal in [
            client.post("/v1/events", &new_event("Fair", json!({}))).await,
            client.patch(&path, &json!({"name": "Mine"})).await,
            client.post(&format!("{path}/ticket-types"), &json!({"name": "Seat", "price": "1.00"})).await,
            client.post(&format!("{path}/tickets"), &json!({"tickets": []})).await,
        ] {
            assert_eq!(refusal.problem(403, "permission_missing")["permission"], "events:manage", "{role}");
        }
    }
}

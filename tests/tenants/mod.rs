//! Law 12: the data of another organisation does not exist for a caller. Never 403, never a hint.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Admin, Answer, Deployment, Event, Member, Phone, TicketType, Till, basket, card, on_both, ref_id};

/// A deployment with something of every kind in it.
struct Rival {
    event: Event,
    seat: TicketType,
    scanner: Member,
    phone: Phone,
    till: Till,
    sale: String,
}

impl Rival {
    async fn furnish(admin: &Admin) -> Self {
        let event = admin.event("Rival gala").await;
        let seat = admin.ticket_type(&event, "Rival seat", "12.50").await;
        admin.tickets(&event, &seat, &["R-1"]).await;
        let scanner = admin.hire("scanner").await;
        let seller = admin.hire("box_office").await;
        let (phone, till) = (admin.phone(&scanner).await, admin.till(&seller).await);
        let sale = till.sell(&event, basket(&[(&seat, 1)]), card()).await;
        Self { event, seat, scanner, phone, till, sale: ref_id(&sale) }
    }
}

on_both!(every_id_of_another_house_is_unknown);
async fn every_id_of_another_house_is_unknown(mut deployment: Deployment) {
    let rival = Rival::furnish(&deployment.another_organisation().await).await;
    let (event, device, user) = (&rival.event.id, &rival.phone.device.id, &rival.scanner.id);
    let kind = json!({"name": "Mine", "price": "1.00"});
    for (method, path, body) in [
        (Method::GET, format!("/v1/events/{event}"), Value::Null),
        (Method::PATCH, format!("/v1/events/{event}"), json!({"name": "Mine"})),
        (Method::POST, format!("/v1/events/{event}/ticket-types"), kind.clone()),
        (Method::PATCH, format!("/v1/events/{event}/ticket-types/{}", rival.seat.id), kind),
        (Method::POST, format!("/v1/events/{event}/tickets"), json!({"tickets": []})),
        (Method::GET, format!("/v1/devices/{device}"), Value::Null),
        (Method::DELETE, format!("/v1/devices/{device}"), Value::Null),
        (Method::POST, format!("/v1/devices/{device}/enrolment"), Value::Null),
        (Method::PATCH, format!("/v1/team/{user}"), json!({"role": "none"})),
        (Method::PUT, format!("/v1/team/{user}/events"), json!({"events": []})),
        (Method::DELETE, format!("/v1/team/{user}"), Value::Null),
        (Method::DELETE, format!("/v1/sessions/{}", rival.phone.session_id()), Value::Null),
        (Method::GET, format!("/v1/sales/{}", rival.sale), Value::Null),
        (Method::GET, format!("/v1/events/{event}/attendance"), Value::Null),
        (Method::GET, format!("/v1/events/{event}/refused-scans"), Value::Null),
    ] {
        let request = deployment.admin.client.request(method, &path);
        let request = if body.is_null() { request } else { request.json(&body) };
        Answer::to(request).await.problem(404, "not_found");
    }
    rival.phone.current().await.ok(200);
    rival.phone.admits(&rival.event, "R-1").await;
}

on_both!(another_houses_door_and_till_are_closed);
async fn another_houses_door_and_till_are_closed(mut deployment: Deployment) {
    let rival = Rival::furnish(&deployment.another_organisation().await).await;
    let event = deployment.admin.event("Gala").await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await.at(deployment.b());
    till.try_scan(&rival.event, "R-1").await.problem(404, "not_found");
    till.try_sell(&rival.event, basket(&[(&rival.seat, 1)]), card()).await.problem(404, "not_found");
    let may = till.client.post("/v1/authorise", &json!({"action": "scan", "event": rival.event.id})).await;
    assert!(may.status == 404 || may.ok(200)["code"] == "not_found", "{may}");

    let refused = till.refuses(&event, "R-1", "unknown_ticket").await;
    assert_eq!(refused["right_event"], Value::Null, "a code of another organisation is unknown here");
    let foreign = till.try_sell(&event, basket(&[(&rival.seat, 1)]), card()).await;
    assert!(matches!(foreign.status, 404 | 422), "{foreign}");
    assert_eq!(deployment.ledger.sales(&event.id).await, 0);
    rival.till.refuses(&rival.event, "no such code", "unknown_ticket").await;
}

on_both!(lists_end_at_the_wall);
async fn lists_end_at_the_wall(mut deployment: Deployment) {
    let rival = Rival::furnish(&deployment.another_organisation().await).await;
    for (path, theirs) in [("/v1/events", &rival.event.id), ("/v1/devices", &rival.phone.device.id), ("/v1/team", &rival.scanner.id)] {
        let listed = deployment.admin.client.get(path).await;
        listed.ok(200);
        assert!(!listed.text.contains(theirs.as_str()), "{listed}");
    }
    let sessions = deployment.admin.client.get(&format!("/v1/sessions?user={}", rival.scanner.id)).await;
    assert!(sessions.status == 404 || sessions.ok(200)["items"] == json!([]), "{sessions}");
}

on_both!(nobody_is_pinned_to_another_houses_event);
async fn nobody_is_pinned_to_another_houses_event(mut deployment: Deployment) {
    let rival = Rival::furnish(&deployment.another_organisation().await).await;
    let operator = deployment.admin.hire("door_operator").await;
    let path = format!("/v1/team/{}/events", operator.id);
    let refused = deployment.admin.client.put(&path, &json!({"events": [rival.event.id]})).await;
    assert!(matches!(refused.status, 404 | 422), "{refused}");
    assert_eq!(operator.signed_in(deployment.b()).await.session["pinned_event"], Value::Null);
}

on_both!(a_person_of_another_house_cannot_sign_in_here);
async fn a_person_of_another_house_cannot_sign_in_here(mut deployment: Deployment) {
    let theirs = deployment.another_organisation().await;
    let stranger = theirs.hire("scanner").await;
    let here = Member { slug: deployment.organisation.slug.clone(), ..stranger.clone() };
    here.try_sign_in(deployment.a()).await.problem(401, "credentials_invalid");
    let device = deployment.admin.device("scanner").await;
    assert_eq!(stranger.try_sign_in(&device.client).await.status, 401, "nor on a device of this organisation");
}

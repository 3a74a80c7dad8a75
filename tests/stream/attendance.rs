//! The live attendance, for members who may see it.

use serde_json::{Value, json};

use crate::support::{Client, Deployment, Event, Listener, on_both};

fn asking_for(event: &Event) -> String {
    format!("?attendance={}", event.id)
}

/// Subscribes to the attendance of an event, and gets the current one.
async fn counting(client: &Client, event: &Event) -> Listener {
    let mut stream = client.listen(&asking_for(event)).await;
    stream.hears_next("state").await;
    stream.hears_next("attendance").await;
    stream
}

/// Waits until so many are reported inside.
async fn hears_inside(stream: &mut Listener, inside: u32) -> Value {
    stream.hears("attendance", |told| told["inside"] == inside).await.data
}

on_both!(a_supervisor_is_told_who_is_inside);
async fn a_supervisor_is_told_who_is_inside(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    deployment.admin.tickets(&event, &seat, &["A-1", "A-2", "A-3"]).await;
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    phone.admits(&event, "A-1").await;
    let mut streams = Vec::new();
    for gateway in [deployment.a(), deployment.b()] {
        let mut stream = deployment.admin.at(gateway).client.listen(&asking_for(&event)).await;
        stream.hears_next("state").await;
        let told = stream.hears_next("attendance").await.data;
        assert_eq!((&told["tickets"], &told["admitted"], &told["inside"]), (&json!(3), &json!(1), &json!(1)));
        streams.push(stream);
    }
    phone.at(deployment.b()).admits(&event, "A-2").await;
    for stream in &mut streams {
        let mut told = hears_inside(stream, 2).await;
        assert_eq!(told["event"], json!({"id": event.id, "name": "Gala"}));
        told.as_object_mut().unwrap().remove("event");
        assert_eq!(
            told,
            deployment.admin.client.get(&format!("/v1/events/{}/attendance", event.id)).await.ok(200),
            "as it is told to who asks"
        );
    }
    // A client that returns gets the current attendance.
    let last = streams[0].last_id.clone();
    streams.clear();
    phone.admits(&event, "A-3").await;
    let mut again = deployment.admin.at(deployment.b()).client.listen_since(&asking_for(&event), Some(&last)).await;
    hears_inside(&mut again, 3).await;
}

on_both!(attendance_is_told_to_who_may_count_and_to_nobody_else);
async fn attendance_is_told_to_who_may_count_and_to_nobody_else(mut deployment: Deployment) {
    let rival = deployment.another_organisation().await;
    let theirs = rival.event("Rival gala").await;
    let (event, other) = (deployment.admin.event("Gala").await, deployment.admin.event("Other").await);
    let viewer = deployment.admin.hire_for("viewer", &[&event]).await.signed_in(deployment.a()).await;
    viewer.client.may_not_listen(&asking_for(&event)).await.problem(403, "permission_missing");
    let seller = deployment.admin.hire_for("door_operator", &[&event]).await;
    let till = deployment.admin.till(&seller).await;
    till.client.may_not_listen(&asking_for(&other)).await.problem(403, "event_not_pinned");
    till.client.may_not_listen(&asking_for(&theirs)).await.problem(404, "not_found");
    counting(&till.client, &event).await;
    let many: Vec<_> = (0..11).map(|_| crate::support::new_id()).collect();
    deployment.admin.client.may_not_listen(&format!("?attendance={}", many.join(","))).await.invalid_at("/attendance");
}

on_both!(who_may_count_no_longer_is_told_no_more);
async fn who_may_count_no_longer_is_told_no_more(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    deployment.admin.tickets(&event, &seat, &["A-1", "A-2"]).await;
    let (scanner, steward) = (deployment.admin.hire("scanner").await, deployment.admin.hire("scanner").await);
    let phone = deployment.admin.phone(&scanner).await;
    let watching = deployment.admin.phone(&steward).await.at(deployment.b());
    let mut stream = counting(&watching.client, &event).await;
    let mut chief = counting(&deployment.admin.at(deployment.b()).client, &event).await;

    deployment.admin.change(&steward, json!({"revoke": ["entry:scan"]})).await;
    stream.hears_next("permissions").await;
    phone.admits(&event, "A-1").await;
    hears_inside(&mut chief, 1).await;
    deployment.admin.client.patch(&format!("/v1/events/{}", event.id), &json!({"name": "Grand gala"})).await.ok(200);
    hears_but_no_count(&mut stream, "event").await;

    deployment.admin.change(&steward, json!({"grant": ["entry:scan"]})).await;
    hears_but_no_count(&mut stream, "permissions").await;
    hears_inside(&mut stream, 1).await;
    phone.admits(&event, "A-2").await;
    hears_inside(&mut stream, 2).await;
}

/// The stock of a renamed event may be sent before the event or after it; how many are inside is not sent at all.
async fn hears_but_no_count(stream: &mut Listener, name: &str) {
    loop {
        let heard = stream.next().await.expect("the stream goes on");
        if heard.name == name {
            return;
        }
        assert_eq!(heard.name, "stock", "{heard:?}");
    }
}

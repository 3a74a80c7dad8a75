//! Streams instead of polling: what a terminal gets, at whichever gateway something changes, and what it does not get.

mod again;
mod attendance;
mod bounds;
mod over;

use serde_json::json;

use crate::support::{Client, Deployment, Listener, Plan, basket, card, cash, ids_of, on_both};

/// Opens a stream, and gets the state first.
async fn listen(client: &Client) -> Listener {
    let mut listener = client.listen("").await;
    listener.hears_next("state").await;
    listener
}

on_both!(a_stream_begins_with_all_that_a_terminal_draws_its_screen_from);
async fn a_stream_begins_with_all_that_a_terminal_draws_its_screen_from(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type_with(&event, json!({"name": "Seat", "price": "12.50", "quota": 7})).await;
    let draft = deployment.admin.event_with("Later", json!({"status": "draft"})).await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    for gateway in [deployment.a(), deployment.b()] {
        let mut stream = till.at(gateway).client.listen("").await;
        let state = stream.hears_next("state").await.data;
        assert_eq!(state["session"], till.current().await.ok(200));
        assert_eq!((&state["device"]["id"], &state["device"]["kind"]), (&json!(till.device.id), &json!("pos")));
        assert_eq!(state["events"], json!([till.client.get(&format!("/v1/events/{}", event.id)).await.ok(200)]));
        assert_eq!(state["events"][0]["ticket_types"][0]["id"], seat.id);
        assert_eq!(state["events"][0]["ticket_types"][0]["left"], 7);
    }
    let mut backstage = deployment.admin.client.listen(&format!("?events={},{}", draft.id, event.id)).await;
    let state = backstage.hears_next("state").await.data;
    assert_eq!(state["device"], json!(null));
    assert_eq!(ids_of(&state["events"]), [event.id.as_str(), draft.id.as_str()]);
}

on_both!(a_member_without_permissions_is_told_of_themselves_alone);
async fn a_member_without_permissions_is_told_of_themselves_alone(deployment: Deployment) {
    deployment.admin.event("Gala").await;
    let nobody = deployment.admin.hire("none").await;
    let signed_in = nobody.signed_in(deployment.b()).await;
    let mut stream = signed_in.client.listen("").await;
    assert_eq!(stream.hears_next("state").await.data["events"], json!([]));
    deployment.admin.event("Another gala").await;
    deployment.admin.change(&nobody, json!({"role": "scanner"})).await;
    assert_eq!(stream.hears_next("permissions").await.data["role"], "scanner");
    assert_eq!(ids_of(&stream.hears_next("state").await.data["events"]).len(), 2);
}

on_both!(a_change_of_role_and_pin_is_told);
async fn a_change_of_role_and_pin_is_told(deployment: Deployment) {
    let (one, other) = (deployment.admin.event("One").await, deployment.admin.event("Other").await);
    let seller = deployment.admin.hire_for("door_operator", &[&one]).await;
    let till = deployment.admin.till(&seller).await.at(deployment.b());
    let mut stream = till.client.listen("").await;
    assert_eq!(ids_of(&stream.hears_next("state").await.data["events"]), [one.id.as_str()]);

    deployment.admin.pin(&seller, &[&other]).await;
    assert_eq!(stream.hears_next("permissions").await.data["pinned_event"]["id"], other.id);
    assert_eq!(ids_of(&stream.hears_next("state").await.data["events"]), [other.id.as_str()]);

    deployment.admin.change(&seller, json!({"revoke": ["pos:cash"]})).await;
    let told = stream.hears_next("permissions").await.data;
    assert_eq!(told, till.current().await.ok(200), "as the session itself tells it");
    assert!(!told["permissions"].as_array().unwrap().contains(&json!("pos:cash")));

    // It gets nothing of the event that it is no longer pinned to.
    deployment.admin.set_status(&one, "ended").await;
    deployment.admin.set_status(&other, "ended").await;
    assert_eq!(stream.hears_next("event").await.data["id"], other.id);
}

on_both!(a_change_of_an_event_is_told);
async fn a_change_of_an_event_is_told(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let mut streams = vec![listen(&phone.client).await, listen(&phone.at(deployment.b()).client).await];
    let path = format!("/v1/events/{}", event.id);
    deployment.admin.client.patch(&format!("{path}/ticket-types/{}", seat.id), &json!({"price": "13.00"})).await.ok(200);
    for stream in &mut streams {
        let told = stream.hears_next("event").await.data;
        assert_eq!((&told["id"], &told["ticket_types"][0]["price"]), (&json!(event.id), &json!("13.00")));
    }
    let standing = deployment.admin.ticket_type(&event, "Standing", "8.00").await;
    for stream in &mut streams {
        // Its stock may be sent a little earlier.
        assert_eq!(stream.hears("event", |_| true).await.data["ticket_types"][1]["id"], standing.id);
    }
    deployment.admin.at(deployment.b()).set_status(&event, "ended").await;
    for stream in &mut streams {
        let told = stream.hears_next("event").await.data;
        assert_eq!(told, deployment.admin.client.get(&path).await.ok(200), "as the event itself is told");
        assert_eq!(told["status"], "ended");
    }
    let new = deployment.admin.event("One more").await;
    for stream in &mut streams {
        assert_eq!(stream.hears_next("event").await.data["id"], new.id, "a new event is told, and each change once");
    }
}

on_both!(sold_stock_is_told_at_every_gateway);
async fn sold_stock_is_told_at_every_gateway(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type_with(&event, json!({"name": "Seat", "price": "12.50", "quota": 10})).await;
    deployment.admin.ticket_type(&event, "Standing", "8.00").await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let mut here = listen(&till.client).await;
    let mut there = listen(&till.at(deployment.b()).client).await;
    for (sold, left) in [(2, 8), (3, 5), (5, 0)] {
        till.sell(&event, basket(&[(&seat, sold)]), cash()).await;
        for stream in [&mut here, &mut there] {
            let told = stream.hears_next("stock").await.data;
            assert_eq!(told["event"], json!({"id": event.id, "name": "Gala"}));
            assert_eq!(told["ticket_types"][0], json!({"id": seat.id, "left": left}), "{told}");
            assert_eq!(told["ticket_types"][1]["left"], json!(null), "no quota");
        }
    }
    // An upload takes stock as well, and is no change of the event.
    let guests = deployment.admin.event("Guests").await;
    let kind = deployment.admin.ticket_type_with(&guests, json!({"name": "Guest", "price": "0.00", "quota": 3})).await;
    deployment.admin.at(deployment.b()).tickets(&guests, &kind, &["G-1", "G-2"]).await;
    for stream in [&mut here, &mut there] {
        stream.hears("stock", |stock| stock["event"]["id"] == json!(guests.id) && stock["ticket_types"][0]["left"] == 1).await;
    }
}

on_both!(a_stream_tells_of_the_events_that_it_names_and_no_others);
async fn a_stream_tells_of_the_events_that_it_names_and_no_others(deployment: Deployment) {
    let (named, other) = (deployment.admin.event("Named").await, deployment.admin.event("Other").await);
    let mut kinds = Vec::new();
    for event in [&named, &other] {
        kinds.push(deployment.admin.ticket_type_with(event, json!({"name": "Seat", "price": "1.00", "quota": 10})).await);
    }
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let mut stream = till.at(deployment.b()).client.listen(&format!("?events={}", named.id)).await;
    assert_eq!(ids_of(&stream.hears_next("state").await.data["events"]), [named.id.as_str()]);
    till.sell(&other, basket(&[(&kinds[1], 1)]), card()).await;
    deployment.admin.set_status(&other, "ended").await;
    till.sell(&named, basket(&[(&kinds[0], 1)]), card()).await;
    assert_eq!(stream.hears_next("stock").await.data["event"]["id"], named.id);
    deployment.admin.set_status(&named, "ended").await;
    assert_eq!(stream.hears_next("event").await.data["id"], named.id);
}

on_both!(nothing_of_another_house_is_told);
async fn nothing_of_another_house_is_told(mut deployment: Deployment) {
    let rival = deployment.another_organisation().await;
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let mut stream = listen(&phone.at(deployment.b()).client).await;
    let theirs = rival.event("Rival gala").await;
    let seat = rival.ticket_type_with(&theirs, json!({"name": "Seat", "price": "1.00", "quota": 9})).await;
    rival.tickets(&theirs, &seat, &["R-1"]).await;
    rival.set_status(&theirs, "ended").await;
    let ours = deployment.admin.event("Gala").await;
    assert_eq!(stream.hears_next("event").await.data["id"], ours.id);
    phone.client.may_not_listen(&format!("?events={}", theirs.id)).await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_told_while_redis_is_away() {
    let mut deployment = Plan::shared_with_own_redis().open().await;
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type_with(&event, json!({"name": "Seat", "price": "12.50", "quota": 10})).await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let mut stream = listen(&till.at(deployment.b()).client).await;
    deployment.redis().kill();
    for (number, change) in [json!({"revoke": ["pos:cash"]}), json!({"grant": ["pos:cash"]})].into_iter().enumerate() {
        let name = format!("Gala {number}");
        till.sell(&event, basket(&[(&seat, 1)]), card()).await;
        stream.hears_next("stock").await;
        deployment.admin.change(&seller, change).await;
        stream.hears_next("permissions").await;
        deployment.admin.client.patch(&format!("/v1/events/{}", event.id), &json!({"name": name})).await.ok(200);
        stream.hears("event", |told| told["name"] == json!(name)).await;
        let last = listen(&till.client).await.last_id;
        till.client.listen_since("", Some(&last)).await.hears_next("stock").await;
        if number == 0 {
            deployment.redis().restart();
            deployment.redis().freeze();
        }
    }
    // Displaced at the other gateway, with a Redis that hangs.
    seller.till(&till.device).await;
    stream.hears_the_end("session_displaced").await;
    deployment.redis().thaw();
}

//! Push instead of poll: what a terminal is told, at which gateway ever something changes, and what it is not told.

mod again;
mod attendance;
mod bounds;
mod over;

use serde_json::json;

use crate::support::{House, Line, Listener, Plan, basket, card, cash, ids_of, on_both};

/// Listens, and is told the state first.
async fn listen(line: &Line) -> Listener {
    let mut listener = line.listen("").await;
    listener.hears_next("state").await;
    listener
}

on_both!(a_stream_begins_with_all_that_a_terminal_draws_its_screen_from);
async fn a_stream_begins_with_all_that_a_terminal_draws_its_screen_from(house: House) {
    let event = house.admin.event("Gala").await;
    let seat = house.admin.ticket_type_with(&event, json!({"name": "Seat", "price": "12.50", "quota": 7})).await;
    let draft = house.admin.event_with("Later", json!({"status": "draft"})).await;
    let seller = house.admin.hire("box_office").await;
    let till = house.admin.till(&seller).await;
    for gateway in [house.a(), house.b()] {
        let mut stream = till.at(gateway).line.listen("").await;
        let state = stream.hears_next("state").await.data;
        assert_eq!(state["session"], till.current().await.ok(200));
        assert_eq!((&state["device"]["id"], &state["device"]["kind"]), (&json!(till.device.id), &json!("pos")));
        assert_eq!(state["events"], json!([till.line.get(&format!("/v1/events/{}", event.id)).await.ok(200)]));
        assert_eq!(state["events"][0]["ticket_types"][0]["id"], seat.id);
        assert_eq!(state["events"][0]["ticket_types"][0]["left"], 7);
    }
    let mut backstage = house.admin.line.listen(&format!("?events={},{}", draft.id, event.id)).await;
    let state = backstage.hears_next("state").await.data;
    assert_eq!(state["device"], json!(null));
    assert_eq!(ids_of(&state["events"]), [event.id.as_str(), draft.id.as_str()]);
}

on_both!(a_member_without_permissions_is_told_of_themselves_alone);
async fn a_member_without_permissions_is_told_of_themselves_alone(house: House) {
    house.admin.event("Gala").await;
    let nobody = house.admin.hire("none").await;
    let desk = nobody.desk(house.b()).await;
    let mut stream = desk.line.listen("").await;
    assert_eq!(stream.hears_next("state").await.data["events"], json!([]));
    house.admin.event("Another gala").await;
    house.admin.change(&nobody, json!({"role": "scanner"})).await;
    assert_eq!(stream.hears_next("permissions").await.data["role"], "scanner");
    assert_eq!(ids_of(&stream.hears_next("state").await.data["events"]).len(), 2);
}

on_both!(a_change_of_role_and_pin_is_told);
async fn a_change_of_role_and_pin_is_told(house: House) {
    let (one, other) = (house.admin.event("One").await, house.admin.event("Other").await);
    let seller = house.admin.hire_for("door_operator", &[&one]).await;
    let till = house.admin.till(&seller).await.at(house.b());
    let mut stream = till.line.listen("").await;
    assert_eq!(ids_of(&stream.hears_next("state").await.data["events"]), [one.id.as_str()]);

    house.admin.pin(&seller, &[&other]).await;
    assert_eq!(stream.hears_next("permissions").await.data["pinned_event"]["id"], other.id);
    assert_eq!(ids_of(&stream.hears_next("state").await.data["events"]), [other.id.as_str()]);

    house.admin.change(&seller, json!({"revoke": ["pos:cash"]})).await;
    let told = stream.hears_next("permissions").await.data;
    assert_eq!(told, till.current().await.ok(200), "as the session itself tells it");
    assert!(!told["permissions"].as_array().unwrap().contains(&json!("pos:cash")));

    // What it is not pinned to any more, it hears nothing of.
    house.admin.set_status(&one, "ended").await;
    house.admin.set_status(&other, "ended").await;
    assert_eq!(stream.hears_next("event").await.data["id"], other.id);
}

on_both!(a_change_of_an_event_is_told);
async fn a_change_of_an_event_is_told(house: House) {
    let event = house.admin.event("Gala").await;
    let seat = house.admin.ticket_type(&event, "Seat", "12.50").await;
    let scanner = house.admin.hire("scanner").await;
    let phone = house.admin.phone(&scanner).await;
    let mut streams = vec![listen(&phone.line).await, listen(&phone.at(house.b()).line).await];
    let path = format!("/v1/events/{}", event.id);
    house.admin.line.patch(&format!("{path}/ticket-types/{}", seat.id), &json!({"price": "13.00"})).await.ok(200);
    for stream in &mut streams {
        let told = stream.hears_next("event").await.data;
        assert_eq!((&told["id"], &told["ticket_types"][0]["price"]), (&json!(event.id), &json!("13.00")));
    }
    let standing = house.admin.ticket_type(&event, "Standing", "8.00").await;
    for stream in &mut streams {
        // Its stock may be told a little earlier.
        assert_eq!(stream.hears("event", |_| true).await.data["ticket_types"][1]["id"], standing.id);
    }
    house.admin.at(house.b()).set_status(&event, "ended").await;
    for stream in &mut streams {
        let told = stream.hears_next("event").await.data;
        assert_eq!(told, house.admin.line.get(&path).await.ok(200), "as the event itself is told");
        assert_eq!(told["status"], "ended");
    }
    let new = house.admin.event("One more").await;
    for stream in &mut streams {
        assert_eq!(stream.hears_next("event").await.data["id"], new.id, "a new event is told, and each change once");
    }
}

on_both!(sold_stock_is_told_at_every_gateway);
async fn sold_stock_is_told_at_every_gateway(house: House) {
    let event = house.admin.event("Gala").await;
    let seat = house.admin.ticket_type_with(&event, json!({"name": "Seat", "price": "12.50", "quota": 10})).await;
    house.admin.ticket_type(&event, "Standing", "8.00").await;
    let seller = house.admin.hire("box_office").await;
    let till = house.admin.till(&seller).await;
    let mut here = listen(&till.line).await;
    let mut there = listen(&till.at(house.b()).line).await;
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
    let guests = house.admin.event("Guests").await;
    let kind = house.admin.ticket_type_with(&guests, json!({"name": "Guest", "price": "0.00", "quota": 3})).await;
    house.admin.at(house.b()).tickets(&guests, &kind, &["G-1", "G-2"]).await;
    for stream in [&mut here, &mut there] {
        stream.hears("stock", |stock| stock["event"]["id"] == json!(guests.id) && stock["ticket_types"][0]["left"] == 1).await;
    }
}

on_both!(a_stream_tells_of_the_events_that_it_names_and_no_others);
async fn a_stream_tells_of_the_events_that_it_names_and_no_others(house: House) {
    let (named, other) = (house.admin.event("Named").await, house.admin.event("Other").await);
    let mut kinds = Vec::new();
    for event in [&named, &other] {
        kinds.push(house.admin.ticket_type_with(event, json!({"name": "Seat", "price": "1.00", "quota": 10})).await);
    }
    let seller = house.admin.hire("box_office").await;
    let till = house.admin.till(&seller).await;
    let mut stream = till.at(house.b()).line.listen(&format!("?events={}", named.id)).await;
    assert_eq!(ids_of(&stream.hears_next("state").await.data["events"]), [named.id.as_str()]);
    till.sell(&other, basket(&[(&kinds[1], 1)]), card()).await;
    house.admin.set_status(&other, "ended").await;
    till.sell(&named, basket(&[(&kinds[0], 1)]), card()).await;
    assert_eq!(stream.hears_next("stock").await.data["event"]["id"], named.id);
    house.admin.set_status(&named, "ended").await;
    assert_eq!(stream.hears_next("event").await.data["id"], named.id);
}

on_both!(nothing_of_another_house_is_told);
async fn nothing_of_another_house_is_told(mut house: House) {
    let rival = house.another_organisation().await;
    let scanner = house.admin.hire("scanner").await;
    let phone = house.admin.phone(&scanner).await;
    let mut stream = listen(&phone.at(house.b()).line).await;
    let theirs = rival.event("Rival gala").await;
    let seat = rival.ticket_type_with(&theirs, json!({"name": "Seat", "price": "1.00", "quota": 9})).await;
    rival.tickets(&theirs, &seat, &["R-1"]).await;
    rival.set_status(&theirs, "ended").await;
    let ours = house.admin.event("Gala").await;
    assert_eq!(stream.hears_next("event").await.data["id"], ours.id);
    phone.line.may_not_listen(&format!("?events={}", theirs.id)).await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_told_while_redis_is_away() {
    let mut house = Plan::shared_with_own_redis().open().await;
    let event = house.admin.event("Gala").await;
    let seat = house.admin.ticket_type_with(&event, json!({"name": "Seat", "price": "12.50", "quota": 10})).await;
    let seller = house.admin.hire("box_office").await;
    let till = house.admin.till(&seller).await;
    let mut stream = listen(&till.at(house.b()).line).await;
    house.redis().kill();
    for (number, change) in [json!({"revoke": ["pos:cash"]}), json!({"grant": ["pos:cash"]})].into_iter().enumerate() {
        let name = format!("Gala {number}");
        till.sell(&event, basket(&[(&seat, 1)]), card()).await;
        stream.hears_next("stock").await;
        house.admin.change(&seller, change).await;
        stream.hears_next("permissions").await;
        house.admin.line.patch(&format!("/v1/events/{}", event.id), &json!({"name": name})).await.ok(200);
        stream.hears("event", |told| told["name"] == json!(name)).await;
        let last = listen(&till.line).await.last_id;
        till.line.listen_since("", Some(&last)).await.hears_next("stock").await;
        if number == 0 {
            house.redis().restart();
            house.redis().freeze();
        }
    }
    // Displaced at the other gateway, with a Redis that hangs.
    seller.till(&till.device).await;
    stream.hears_the_end("session_displaced").await;
    house.redis().thaw();
}

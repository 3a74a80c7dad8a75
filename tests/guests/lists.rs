//! Lists and guests in the back office: what is sent is stored, a repeat doubles nothing, and a bad row is reported.

use serde_json::{Value, json};
use stagedoor::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Door, add, names, new_list};
use crate::support::{Deployment, Event, new_id, on_both, until};

on_both!(lists_are_made_changed_counted_and_struck_off);
async fn lists_are_made_changed_counted_and_struck_off(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let client = &deployment.admin.client;
    let path = format!("/v1/events/{}/guest-lists", door.event.id);
    let press = client.post(&path, &json!({"name": " Press ", "note": "By the side door"})).await.ok(201);
    assert_eq!((&press["name"], &press["note"], &press["guests"]), (&json!("Press"), &json!("By the side door"), &json!(0)));
    client.post(&path, &json!({"name": "Press"})).await.problem(409, "name_taken");
    let guest = door.guest(&deployment, "Zoë", 4).await;
    door.guest(&deployment, "Max", 1).await;
    door.phone.lets_in(&guest, Some(3)).await;

    let listed = door.phone.client.get(&path).await.ok(200);
    let counts: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|l| (&l["name"], &l["guests"], &l["people"], &l["arrived"])).collect();
    assert_eq!(counts, [(&json!("Friends"), &json!(2), &json!(5), &json!(3)), (&json!("Press"), &json!(0), &json!(0), &json!(0))]);

    let press_path = format!("/v1/guest-lists/{}", press["id"].as_str().unwrap());
    client.patch(&press_path, &json!({"name": "Friends"})).await.problem(409, "name_taken");
    let changed = client.patch(&press_path, &json!({"name": "Media", "note": null})).await.ok(200);
    assert_eq!((&changed["name"], &changed["note"]), (&json!("Media"), &Value::Null));

    client.delete(&format!("/v1/guest-lists/{}", door.list)).await.ok(204);
    client.delete(&format!("/v1/guest-lists/{}", door.list)).await.problem(404, "not_found");
    add(client, &door.list, json!([{"name": "Late"}])).await.problem(404, "not_found");
    assert_eq!(door.find(&door.phone.client, "").await, Vec::<String>::new(), "who is on it is struck off with it");
    door.phone.turns_away(&guest, Some(1), "struck_off").await;
    new_list(client, &door.event, "Friends").await;
}

on_both!(uploads_of_json_take_a_place_each);
async fn uploads_of_json_take_a_place_each(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let admin = &deployment.admin;
    let seat = admin.ticket_type(&door.event, "Seat", "1.00").await;
    let (guests, tickets) = (format!("/v1/guest-lists/{}/guests", door.list), format!("/v1/events/{}/tickets", door.event.id));
    // Bodies that are announced, asked for, and do not come.
    let address = admin.client.base().strip_prefix("http://").unwrap();
    let mut begun = Vec::new();
    for n in 0..limits::UPLOADS_AT_ONCE_MAX {
        let path = if n.is_multiple_of(2) { &guests } else { &tickets };
        let mut upload = TcpStream::connect(address).await.unwrap();
        let token = admin.client.token();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 9999\r\nExpect: 100-continue\r\n\r\n"
        );
        upload.write_all(head.as_bytes()).await.unwrap();
        let mut asked_for = [0; 25];
        upload.read_exact(&mut asked_for).await.unwrap();
        assert_eq!(&asked_for, b"HTTP/1.1 100 Continue\r\n\r\n");
        begun.push(upload);
    }
    let add_one = async || add(&admin.client, &door.list, json!([{"name": "Zoë"}])).await;
    add_one().await.problem(503, "busy");
    let ticket = json!({"tickets": [{"code": "T-1", "ticket_type": seat.id}]});
    admin.client.post(&tickets, &ticket).await.problem(503, "busy");
    drop(begun);
    until("a place is free", async || add_one().await.status == 200).await;
}

on_both!(a_repeated_call_doubles_nobody);
async fn a_repeated_call_doubles_nobody(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let client = &deployment.admin.client;
    let sent = json!([
        {"id": new_id(), "name": "Zoë", "party_size": 2, "company": "Kitchen", "note": "vegan"},
        {"name": "John Smith", "party_size": 3},
        {"name": "John Smith"},
        {"name": "John Smith", "company": "Bar"},
    ]);
    let first = add(client, &door.list, sent.clone()).await.ok(200);
    assert_eq!((&first["created"], &first["unchanged"], &first["rejected"]), (&json!(4), &json!(0), &json!([])));
    let again = add(&deployment.admin.at(deployment.b()).client, &door.list, sent).await.ok(200);
    assert_eq!((&again["created"], &again["updated"], &again["unchanged"]), (&json!(0), &json!(0), &json!(4)));
    assert_eq!(again["guests"], first["guests"]);
    let all = door.search(client, &[]).await.ok(200);
    assert_eq!(names(&all), ["John Smith", "John Smith", "John Smith", "Zoë"]);
    assert_eq!(all["items"][3]["company"], "Kitchen");

    let more = add(client, &door.list, json!([{"name": "John Smith", "party_size": 5}])).await.ok(200);
    assert_eq!((&more["updated"], &more["guests"][0]["party_size"]), (&json!(1), &json!(5)));
    let id = more["guests"][0]["id"].as_str().unwrap();
    client.delete(&format!("/v1/guests/{id}")).await.ok(204);
    client.delete(&format!("/v1/guests/{id}")).await.ok(204);
    let back = add(client, &door.list, json!([{"name": "John Smith", "party_size": 5}])).await.ok(200);
    assert_eq!((&back["created"], &back["guests"][0]["id"]), (&json!(1), &json!(id)), "who was struck off is put on again");
}

on_both!(a_row_out_of_order_costs_only_itself);
async fn a_row_out_of_order_costs_only_itself(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let client = &deployment.admin.client;
    let other = new_list(client, &door.event, "Press").await;
    let (twice, elsewhere) = (new_id(), new_id());
    add(client, &other, json!([{"id": elsewhere, "name": "Press"}])).await.ok(200);
    let guest = door.guest(&deployment, "Zoë", 4).await;
    door.phone.lets_in(&guest, Some(3)).await;
    let sent = json!([
        {"name": ""},
        {"name": "x".repeat(201)},
        {"name": "a\u{7}b"},
        {"name": "Nobody", "party_size": 0},
        {"name": "Crowd", "party_size": 1001},
        {"name": "\u{fdfa}".repeat(200)},
        {"id": twice, "name": "First"},
        {"id": twice, "name": "Second"},
        {"id": elsewhere, "name": "Moved"},
        {"id": guest, "name": "Zoë", "party_size": 2},
        {"name": "Fine", "company": "", "note": ""},
    ]);
    let added = add(client, &door.list, sent).await.ok(200);
    let rows: Vec<_> = added["rejected"].as_array().unwrap().iter().map(|row| row["row"].as_u64().unwrap()).collect();
    assert_eq!(rows, [1, 2, 3, 4, 5, 6, 8, 9, 10], "{added}");
    assert!(added["rejected"].as_array().unwrap().iter().all(|row| row["detail"].as_str().is_some_and(|detail| !detail.is_empty())));
    assert_eq!(names(&json!({"items": added["guests"]})), ["First", "Fine"]);
    assert_eq!(added["guests"][1]["company"], Value::Null);

    for (body, pointer) in [
        (json!({}), "/guests"),
        (json!({"guests": [{"name": 5}]}), "/guests/0/name"),
        (json!({"guests": [{"name": "A", "party_size": -1}]}), "/guests/0/party_size"),
        (json!({"guests": [{"name": "A", "plus": 1}]}), "/guests/0/plus"),
        (json!({"guests": [{"name": "A", "id": "nobody"}]}), "/guests/0/id"),
        (json!({"guests": vec![json!({"name": "A"}); 1001]}), "/guests"),
    ] {
        client.post(&format!("/v1/guest-lists/{}/guests", door.list), &body).await.invalid_at(pointer);
    }
    let path = format!("/v1/guest-lists/{}/guests", door.list);
    client.post_raw(&path, "application/json", "{").await.problem(400, "malformed_body");
    client.post_raw(&path, "text/plain", "Zoë").await.problem(415, "unsupported_media_type");
}

on_both!(a_thousand_guests_in_one_call);
async fn a_thousand_guests_in_one_call(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guests: Vec<Value> = (0..1_000).map(|n| json!({"name": format!("Guest {n:04}"), "party_size": 2})).collect();
    let added = add(&deployment.admin.client, &door.list, json!(guests)).await.ok(200);
    assert_eq!((&added["created"], added["guests"].as_array().unwrap().len()), (&json!(1_000), 1_000));
    let again = add(&deployment.admin.client, &door.list, json!(guests)).await.ok(200);
    assert_eq!(again["unchanged"], 1_000);
}

on_both!(a_party_is_not_made_smaller_than_who_is_in);
async fn a_party_is_not_made_smaller_than_who_is_in(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 4).await;
    door.phone.lets_in(&guest, Some(3)).await;
    let path = format!("/v1/guests/{guest}");
    let client = deployment.admin.at(deployment.b()).client;
    let refused = client.patch(&path, &json!({"party_size": 2})).await.problem(409, "already_arrived");
    assert_eq!(refused["arrived"], 3);
    let changed = client.patch(&path, &json!({"party_size": 3, "name": "Zoë Straßer", "company": "Bar", "note": "late"})).await.ok(200);
    assert_eq!((&changed["party_size"], &changed["remaining"], &changed["name"]), (&json!(3), &json!(0), &json!("Zoë Straßer")));
    door.phone.turns_away(&guest, None, "party_complete").await;
    client.patch(&path, &json!({"party_size": 5, "company": null})).await.ok(200);
    assert_eq!(door.phone.lets_in(&guest, None).await["check_in"]["people"], 2);
    assert_eq!(door.find(&client, "strasser").await, ["Zoë Straßer"], "a new name is searched by its new letters");
    for (change, pointer) in [
        (json!({"party_size": 0}), "/party_size"),
        (json!({"party_size": null}), "/party_size"),
        (json!({"name": null}), "/name"),
        (json!({"name": " "}), "/name"),
        (json!({"arrived": 0}), "/arrived"),
        (json!({"note": "x".repeat(501)}), "/note"),
    ] {
        client.patch(&path, &change).await.invalid_at(pointer);
    }
}

on_both!(what_no_list_may_be);
async fn what_no_list_may_be(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let client = &deployment.admin.client;
    let path = format!("/v1/events/{}/guest-lists", door.event.id);
    for (body, pointer) in [(json!({}), "/name"), (json!({"name": ""}), "/name"), (json!({"name": "A", "size": 1}), "/size")] {
        client.post(&path, &body).await.invalid_at(pointer);
    }
    client.post(&path, &json!({"name": "A", "note": "x".repeat(501)})).await.invalid_at("/note");
    let nowhere = Event { id: new_id() };
    client.post(&format!("/v1/events/{}/guest-lists", nowhere.id), &json!({})).await.problem(404, "not_found");
    client.get(&format!("{path}?limit=0")).await.invalid_at("/limit");
}

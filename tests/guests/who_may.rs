//! E12: who checks guests in, who manages them, and where.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Door, add, check_in_of, new_list, party};
use crate::support::{Answer, Desk, House, Line, Phone, new_id, on_both};

/// Each role, whether it checks in, and whether it manages.
const ROLES: [(&str, bool, bool); 8] = [
    ("organisation_admin", true, true),
    ("event_manager", true, true),
    ("finance_manager", false, false),
    ("scanner", true, false),
    ("viewer", false, false),
    ("box_office", true, false),
    ("door_operator", true, false),
    ("none", false, false),
];

on_both!(each_role_as_the_table_says);
async fn each_role_as_the_table_says(house: House) {
    let door = Door::open(&house).await;
    let guest = door.guest(&house, "Zoë", 99).await;
    for (role, checks_in, manages) in ROLES {
        let member = house.admin.hire_for(role, &[&door.event]).await;
        let phone = house.admin.phone(&member).await.at(house.b());
        let till = house.admin.till(&member).await;
        may(&door, &guest, &phone, checks_in, false).await;
        may(&door, &guest, &till, checks_in, manages).await;
        let desk = member.desk(house.b()).await;
        may(&door, &guest, &desk, checks_in, manages).await;
    }
}

/// What a session may do with this guest, and what not.
async fn may(door: &Door, guest: &str, desk: &Desk, checks_in: bool, manages: bool) {
    let line = &desk.line;
    let allowed = |answer: &Answer, yes: bool, permission: &str| {
        if yes {
            assert!(answer.status < 300, "{answer}");
        } else {
            assert_eq!(answer.problem(403, "permission_missing")["permission"], permission, "{answer}");
        }
    };
    for path in
        [format!("/v1/events/{}/guest-lists", door.event.id), format!("/v1/events/{}/guests", door.event.id), format!("/v1/guests/{guest}")]
    {
        let answer = line.get(&path).await;
        allowed(&answer, checks_in, "guestlist:checkin");
        assert!(checks_in || !answer.text.contains("Zo"), "{answer}");
    }
    let check_in = check_in_of(Some(1));
    allowed(&desk.send_check_in(guest, &check_in).await, checks_in, "guestlist:checkin");
    if checks_in {
        allowed(&desk.undo_check_in(&check_in).await, true, "");
    }
    allowed(&line.patch(&format!("/v1/guests/{guest}"), &json!({"note": new_id()})).await, manages, "guestlist:manage");
    allowed(&add(line, &door.list, json!([{"name": "Max"}])).await, manages, "guestlist:manage");
    let lists = format!("/v1/events/{}/guest-lists", door.event.id);
    let made = line.post(&lists, &json!({"name": new_id()})).await;
    allowed(&made, manages, "guestlist:manage");
    let list = if manages { made.json()["id"].as_str().unwrap().to_owned() } else { door.list.clone() };
    let list = format!("/v1/guest-lists/{list}");
    allowed(&line.patch(&list, &json!({"note": "seen"})).await, manages, "guestlist:manage");
    allowed(&line.delete(&list).await, manages, "guestlist:manage");
    if !manages {
        allowed(&line.delete(&format!("/v1/guests/{guest}")).await, false, "guestlist:manage");
    }
}

on_both!(a_permission_alone_is_enough_and_is_taken_away_at_once);
async fn a_permission_alone_is_enough_and_is_taken_away_at_once(house: House) {
    let door = Door::open(&house).await;
    let guest = door.guest(&house, "Zoë", 99).await;
    let member = house.admin.hire("viewer").await;
    let desk = member.desk(house.b()).await;
    desk.send_check_in(&guest, &check_in_of(Some(1))).await.problem(403, "permission_missing");
    house.admin.change(&member, json!({"grant": ["guestlist:checkin"]})).await;
    desk.lets_in(&guest, Some(1)).await;
    house.admin.change(&member, json!({"revoke": ["guestlist:checkin"], "grant": ["guestlist:manage"]})).await;
    desk.send_check_in(&guest, &check_in_of(Some(1))).await.problem(403, "permission_missing");
    assert_eq!(door.find(&desk.line, "zoe").await, ["Zoë"], "a manager sees whom they manage");
    add(&desk.line, &door.list, json!([{"name": "Max"}])).await.ok(200);
}

on_both!(the_pin_binds_a_door_operator_here_too);
async fn the_pin_binds_a_door_operator_here_too(house: House) {
    let door = Door::open(&house).await;
    let guest = door.guest(&house, "Zoë", 99).await;
    let fair = house.admin.event("Fair").await;
    let operator = house.admin.hire("door_operator").await;
    let till = house.admin.till(&operator).await;
    let phones: [Phone; 2] = [house.admin.phone(&operator).await.at(house.b()), Phone::clone(&till)];
    for phone in &phones {
        for answer in everything(&door, &guest, phone).await {
            answer.problem(403, "no_event_pinned");
        }
    }
    house.admin.pin(&operator, &[&fair]).await;
    for phone in &phones {
        for answer in everything(&door, &guest, phone).await {
            assert_eq!(answer.problem(403, "event_not_pinned")["pinned_event"], json!({"id": fair.id, "name": "Fair"}));
            assert!(!answer.text.contains("Zo"), "{answer}");
        }
    }
    house.admin.pin(&operator, &[&door.event]).await;
    for phone in &phones {
        for answer in everything(&door, &guest, phone).await {
            answer.ok(200);
        }
    }
}

async fn everything(door: &Door, guest: &str, phone: &Phone) -> [Answer; 4] {
    [
        phone.send_check_in(guest, &check_in_of(Some(1))).await,
        door.search(&phone.line, &[]).await,
        phone.line.get(&format!("/v1/guests/{guest}")).await,
        phone.line.get(&format!("/v1/events/{}/guest-lists", door.event.id)).await,
    ]
}

on_both!(guests_come_in_to_a_live_event_only);
async fn guests_come_in_to_a_live_event_only(house: House) {
    let door = Door::open(&house).await;
    let guest = door.guest(&house, "Zoë", 9).await;
    let phone = door.phone.at(house.b());
    let check_in = phone.lets_in(&guest, Some(1)).await;
    for status in ["draft", "ended", "cancelled"] {
        house.admin.set_status(&door.event, status).await;
        phone.send_check_in(&guest, &check_in_of(Some(1))).await.problem(403, "event_not_live");
        phone.undo_check_in(&check_in).await.problem(403, "event_not_live");
        assert_eq!(door.find(&phone.line, "zoe").await, ["Zoë"], "who is expected is seen before the doors open");
        add(&house.admin.line, &door.list, json!([{"name": "Max"}])).await.ok(200);
    }
    // Whoever manages the lists may put the record right afterwards.
    let manager = house.admin.hire("event_manager").await.desk(house.b()).await;
    assert_eq!(party(&manager.undo_check_in(&check_in).await.ok(200)), [9, 0, 9]);
}

on_both!(anothers_check_in_is_taken_back_by_a_manager_only);
async fn anothers_check_in_is_taken_back_by_a_manager_only(house: House) {
    let door = Door::open(&house).await;
    let guest = door.guest(&house, "Zoë", 9).await;
    let scanner = house.admin.hire("scanner").await;
    let other = house.admin.phone(&scanner).await.at(house.b());
    let check_in = door.phone.lets_in(&guest, Some(2)).await;
    assert_eq!(other.undo_check_in(&check_in).await.problem(403, "permission_missing")["permission"], "guestlist:manage");
    // Without a device it is the person who counts.
    let (mia, max) = (house.admin.hire("event_manager").await, house.admin.hire("box_office").await);
    let (mia, max) = (mia.desk(house.a()).await, max.desk(house.b()).await);
    let by_max = max.lets_in(&guest, Some(1)).await;
    assert_eq!(by_max["check_in"]["device"], Value::Null);
    other.undo_check_in(&by_max).await.problem(403, "permission_missing");
    max.undo_check_in(&check_in).await.problem(403, "permission_missing");
    assert_eq!(party(&max.undo_check_in(&by_max).await.ok(200)), [9, 2, 7]);
    assert_eq!(party(&mia.undo_check_in(&check_in).await.ok(200)), [9, 0, 9]);
    // A scanner session carries entry permissions only, whatever its user may do elsewhere.
    let manager = house.admin.hire("event_manager").await;
    let phone = house.admin.phone(&manager).await;
    let check_in = door.phone.lets_in(&guest, Some(2)).await;
    phone.undo_check_in(&check_in).await.problem(403, "permission_missing");
}

on_both!(a_quarter_of_an_hour_later_it_takes_a_manager);
async fn a_quarter_of_an_hour_later_it_takes_a_manager(house: House) {
    let door = Door::open(&house).await;
    let guest = door.guest(&house, "Zoë", 9).await;
    let check_in = door.phone.lets_in(&guest, Some(2)).await;
    let id = check_in["id"].as_str().unwrap().to_owned();
    // The book refuses an UPDATE, so the past is made on a copy of the row that stands under another number.
    let (old, since) = (new_id(), "2026-01-01T00:00:00.000+00:00");
    let blob = |id: &str| match house.setup {
        crate::support::Setup::Embedded => format!("x'{}'", id.replace('-', "")),
        crate::support::Setup::Shared => format!("'{id}'"),
    };
    let statement = format!(
        "insert into guest_check_ins (organisation_id, id, event_id, guest_id, seq, people, arrived, party_size, session_id, membership_id,
                                      device_id, gate, recorded_at, fingerprint)
         select organisation_id, {}, event_id, guest_id, 2, people, arrived + people, party_size, session_id, membership_id, device_id, gate,
                '{since}', fingerprint from guest_check_ins where id = {}",
        blob(&old),
        blob(&id)
    );
    house.book.execute(&statement).await.unwrap();
    house.book.execute("update guests set arrived = 4").await.unwrap();
    let old = json!({"id": old});
    assert_eq!(door.phone.undo_check_in(&old).await.problem(403, "permission_missing")["permission"], "guestlist:manage");
    let manager = house.admin.hire("event_manager").await.desk(house.b()).await;
    assert_eq!(party(&manager.undo_check_in(&old).await.ok(200)), [9, 2, 7]);
    door.phone.undo_check_in(&check_in).await.ok(200);
}

on_both!(which_answer_comes_first);
async fn which_answer_comes_first(house: House) {
    let door = Door::open(&house).await;
    let guest = door.guest(&house, "Zoë", 9).await;
    let path = format!("/v1/guests/{guest}/check-ins");
    let malformed = async |line: Line| line.post_raw(&path, "application/json", "{").await;
    malformed(house.a().clone()).await.problem(401, "token_missing");
    malformed(house.a().with_token("nonsense")).await.problem(401, "token_invalid");
    malformed(door.phone.line.clone()).await.problem(400, "malformed_body");
    let viewer = house.admin.hire("viewer").await.desk(house.b()).await;
    viewer.send_check_in(&new_id(), &check_in_of(None)).await.problem(404, "not_found");
    viewer.send_check_in(&guest, &json!({"id": new_id(), "people": 0})).await.problem(403, "permission_missing");
    for (pointer, body) in [
        ("/people", json!({"id": new_id(), "people": 0})),
        ("/people", json!({"id": new_id(), "people": 1001})),
        ("/people", json!({"id": new_id(), "people": -1})),
        ("/people", json!({"id": new_id(), "people": 1.5})),
        ("/gate", json!({"id": new_id(), "gate": ""})),
        ("/id", json!({"people": 1})),
        ("/id", json!({"id": "me"})),
        ("/guest", json!({"id": new_id(), "guest": guest})),
    ] {
        door.phone.send_check_in(&guest, &body).await.invalid_at(pointer);
    }
    house.admin.set_status(&door.event, "ended").await;
    door.phone.send_check_in(&guest, &json!({"id": new_id(), "people": 0})).await.problem(403, "event_not_live");
    // The back office: event or list, permission, body.
    let lists = |event: &str| format!("/v1/events/{event}/guest-lists");
    viewer.line.post(&lists(&new_id()), &json!({})).await.problem(404, "not_found");
    viewer.line.post(&lists(&door.event.id), &json!({})).await.problem(403, "permission_missing");
    viewer.line.patch(&format!("/v1/guests/{}", new_id()), &json!({"x": 1})).await.problem(404, "not_found");
    viewer.line.patch(&format!("/v1/guests/{guest}"), &json!({"x": 1})).await.problem(403, "permission_missing");
    viewer.line.get(&format!("{}?limit=0", lists(&door.event.id))).await.problem(403, "permission_missing");
    door.search(&viewer.line, &[("limit", "0")]).await.problem(403, "permission_missing");
    door.phone.sign_out().await;
    door.phone.send_check_in(&new_id(), &check_in_of(None)).await.problem(401, "session_ended");
    door.search(&door.phone.line, &[]).await.problem(401, "session_ended");
}

on_both!(another_houses_guests_are_not_there);
async fn another_houses_guests_are_not_there(mut house: House) {
    let theirs = house.another_organisation().await;
    let event = theirs.event("Rival gala").await;
    let list = new_list(&theirs.line, &event, "Rival friends").await;
    let id = new_id();
    add(&theirs.line, &list, json!([{"id": id, "name": "Zoë", "party_size": 3}])).await.ok(200);
    let rival = theirs.phone(&theirs.hire("scanner").await).await;
    let check_in = rival.lets_in(&id, Some(1)).await;

    let here = Door::open(&house).await;
    let desk = house.admin.line.clone();
    for (method, path, body) in [
        (Method::GET, format!("/v1/events/{}/guest-lists", event.id), Value::Null),
        (Method::POST, format!("/v1/events/{}/guest-lists", event.id), json!({"name": "Mine"})),
        (Method::GET, format!("/v1/events/{}/guests?q=zoe", event.id), Value::Null),
        (Method::PATCH, format!("/v1/guest-lists/{list}"), json!({"name": "Mine"})),
        (Method::DELETE, format!("/v1/guest-lists/{list}"), Value::Null),
        (Method::POST, format!("/v1/guest-lists/{list}/guests"), json!({"guests": [{"name": "Mine"}]})),
        (Method::GET, format!("/v1/guests/{id}"), Value::Null),
        (Method::PATCH, format!("/v1/guests/{id}"), json!({"party_size": 9})),
        (Method::DELETE, format!("/v1/guests/{id}"), Value::Null),
        (Method::POST, format!("/v1/guests/{id}/check-ins"), check_in_of(None)),
        (Method::DELETE, format!("/v1/check-ins/{}", check_in["id"].as_str().unwrap()), Value::Null),
    ] {
        for line in [&desk, &here.phone.line] {
            let request = line.request(method.clone(), &path);
            let request = if body.is_null() { request } else { request.json(&body) };
            Answer::to(request).await.problem(404, "not_found");
        }
    }
    // Ids are each organisation's own: the same one is another guest here, and another check-in.
    assert_eq!(add(&desk, &here.list, json!([{"id": id, "name": "Max", "party_size": 2}])).await.ok(200)["created"], 1);
    let ours = here.phone.send_check_in(&id, &json!({"id": check_in["id"]})).await;
    assert!(!ours.replayed());
    assert_eq!(ours.ok(200)["guest"]["name"], "Max");
    assert_eq!(party(&rival.lets_in(&id, None).await), [3, 3, 0]);
    here.search(&desk, &[("list", list.as_str())]).await.problem(404, "not_found");
}

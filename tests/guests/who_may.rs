//! Who checks guests in, who manages them, and where.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Door, add, check_in_of, new_list, party};
use crate::support::{Answer, Client, Deployment, Phone, SignedIn, new_id, on_both};

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
async fn each_role_as_the_table_says(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 99).await;
    for (role, checks_in, manages) in ROLES {
        let member = deployment.admin.hire_for(role, &[&door.event]).await;
        let phone = deployment.admin.phone(&member).await.at(deployment.b());
        let till = deployment.admin.till(&member).await;
        may(&door, &guest, &phone, checks_in, false).await;
        may(&door, &guest, &till, checks_in, manages).await;
        let signed_in = member.signed_in(deployment.b()).await;
        may(&door, &guest, &signed_in, checks_in, manages).await;
    }
}

/// What a session may do with this guest, and what not.
async fn may(door: &Door, guest: &str, signed_in: &SignedIn, checks_in: bool, manages: bool) {
    let client = &signed_in.client;
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
        let answer = client.get(&path).await;
        allowed(&answer, checks_in, "guestlist:checkin");
        assert!(checks_in || !answer.text.contains("Zo"), "{answer}");
    }
    let check_in = check_in_of(Some(1));
    allowed(&signed_in.send_check_in(guest, &check_in).await, checks_in, "guestlist:checkin");
    if checks_in {
        allowed(&signed_in.undo_check_in(&check_in).await, true, "");
    }
    allowed(&client.patch(&format!("/v1/guests/{guest}"), &json!({"note": new_id()})).await, manages, "guestlist:manage");
    allowed(&add(client, &door.list, json!([{"name": "Max"}])).await, manages, "guestlist:manage");
    let lists = format!("/v1/events/{}/guest-lists", door.event.id);
    let made = client.post(&lists, &json!({"name": new_id()})).await;
    allowed(&made, manages, "guestlist:manage");
    let list = if manages { made.json()["id"].as_str().unwrap().to_owned() } else { door.list.clone() };
    let list = format!("/v1/guest-lists/{list}");
    allowed(&client.patch(&list, &json!({"note": "seen"})).await, manages, "guestlist:manage");
    allowed(&client.delete(&list).await, manages, "guestlist:manage");
    if !manages {
        allowed(&client.delete(&format!("/v1/guests/{guest}")).await, false, "guestlist:manage");
    }
}

on_both!(a_permission_alone_is_enough_and_is_taken_away_at_once);
async fn a_permission_alone_is_enough_and_is_taken_away_at_once(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 99).await;
    let member = deployment.admin.hire("viewer").await;
    let signed_in = member.signed_in(deployment.b()).await;
    signed_in.send_check_in(&guest, &check_in_of(Some(1))).await.problem(403, "permission_missing");
    deployment.admin.change(&member, json!({"grant": ["guestlist:checkin"]})).await;
    signed_in.lets_in(&guest, Some(1)).await;
    deployment.admin.change(&member, json!({"revoke": ["guestlist:checkin"], "grant": ["guestlist:manage"]})).await;
    signed_in.send_check_in(&guest, &check_in_of(Some(1))).await.problem(403, "permission_missing");
    assert_eq!(door.find(&signed_in.client, "zoe").await, ["Zoë"], "a manager sees whom they manage");
    add(&signed_in.client, &door.list, json!([{"name": "Max"}])).await.ok(200);
}

on_both!(the_pin_binds_a_door_operator_here_too);
async fn the_pin_binds_a_door_operator_here_too(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 99).await;
    let fair = deployment.admin.event("Fair").await;
    let operator = deployment.admin.hire("door_operator").await;
    let till = deployment.admin.till(&operator).await;
    let phones: [Phone; 2] = [deployment.admin.phone(&operator).await.at(deployment.b()), Phone::clone(&till)];
    for phone in &phones {
        for answer in everything(&door, &guest, phone).await {
            answer.problem(403, "no_event_pinned");
        }
    }
    deployment.admin.pin(&operator, &[&fair]).await;
    for phone in &phones {
        for answer in everything(&door, &guest, phone).await {
            assert_eq!(answer.problem(403, "event_not_pinned")["pinned_event"], json!({"id": fair.id, "name": "Fair"}));
            assert!(!answer.text.contains("Zo"), "{answer}");
        }
    }
    deployment.admin.pin(&operator, &[&door.event]).await;
    for phone in &phones {
        for answer in everything(&door, &guest, phone).await {
            answer.ok(200);
        }
    }
}

async fn everything(door: &Door, guest: &str, phone: &Phone) -> [Answer; 4] {
    [
        phone.send_check_in(guest, &check_in_of(Some(1))).await,
        door.search(&phone.client, &[]).await,
        phone.client.get(&format!("/v1/guests/{guest}")).await,
        phone.client.get(&format!("/v1/events/{}/guest-lists", door.event.id)).await,
    ]
}

on_both!(guests_come_in_to_a_live_event_only);
async fn guests_come_in_to_a_live_event_only(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 9).await;
    let phone = door.phone.at(deployment.b());
    let check_in = phone.lets_in(&guest, Some(1)).await;
    for status in ["draft", "ended", "cancelled"] {
        deployment.admin.set_status(&door.event, status).await;
        phone.send_check_in(&guest, &check_in_of(Some(1))).await.problem(403, "event_not_live");
        phone.undo_check_in(&check_in).await.problem(403, "event_not_live");
        assert_eq!(door.find(&phone.client, "zoe").await, ["Zoë"], "who is expected is seen before the doors open");
        add(&deployment.admin.client, &door.list, json!([{"name": "Max"}])).await.ok(200);
    }
    // Whoever manages the lists may put the record right afterwards.
    let manager = deployment.admin.hire("event_manager").await.signed_in(deployment.b()).await;
    assert_eq!(party(&manager.undo_check_in(&check_in).await.ok(200)), [9, 0, 9]);
}

on_both!(anothers_check_in_is_taken_back_by_a_manager_only);
async fn anothers_check_in_is_taken_back_by_a_manager_only(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 9).await;
    let scanner = deployment.admin.hire("scanner").await;
    let other = deployment.admin.phone(&scanner).await.at(deployment.b());
    let check_in = door.phone.lets_in(&guest, Some(2)).await;
    assert_eq!(other.undo_check_in(&check_in).await.problem(403, "permission_missing")["permission"], "guestlist:manage");
    // Without a device it is the person who counts.
    let (mia, max) = (deployment.admin.hire("event_manager").await, deployment.admin.hire("box_office").await);
    let (mia, max) = (mia.signed_in(deployment.a()).await, max.signed_in(deployment.b()).await);
    let by_max = max.lets_in(&guest, Some(1)).await;
    assert_eq!(by_max["check_in"]["device"], Value::Null);
    other.undo_check_in(&by_max).await.problem(403, "permission_missing");
    max.undo_check_in(&check_in).await.problem(403, "permission_missing");
    assert_eq!(party(&max.undo_check_in(&by_max).await.ok(200)), [9, 2, 7]);
    assert_eq!(party(&mia.undo_check_in(&check_in).await.ok(200)), [9, 0, 9]);
    // A scanner session carries entry permissions only, even if its user may do more elsewhere.
    let manager = deployment.admin.hire("event_manager").await;
    let phone = deployment.admin.phone(&manager).await;
    let check_in = door.phone.lets_in(&guest, Some(2)).await;
    phone.undo_check_in(&check_in).await.problem(403, "permission_missing");
}

on_both!(a_quarter_of_an_hour_later_it_takes_a_manager);
async fn a_quarter_of_an_hour_later_it_takes_a_manager(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 9).await;
    let check_in = door.phone.lets_in(&guest, Some(2)).await;
    let id = check_in["id"].as_str().unwrap().to_owned();
    // The ledger refuses an UPDATE, so the past is made by a copy of the row under another number.
    let (old, since) = (new_id(), "2026-01-01T00:00:00.000+00:00");
    let blob = |id: &str| match deployment.setup {
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
    deployment.ledger.execute(&statement).await.unwrap();
    deployment.ledger.execute("update guests set arrived = 4").await.unwrap();
    let old = json!({"id": old});
    assert_eq!(door.phone.undo_check_in(&old).await.problem(403, "permission_missing")["permission"], "guestlist:manage");
    let manager = deployment.admin.hire("event_manager").await.signed_in(deployment.b()).await;
    assert_eq!(party(&manager.undo_check_in(&old).await.ok(200)), [9, 2, 7]);
    door.phone.undo_check_in(&check_in).await.ok(200);
}

on_both!(which_answer_comes_first);
async fn which_answer_comes_first(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 9).await;
    let path = format!("/v1/guests/{guest}/check-ins");
    let malformed = async |client: Client| client.post_raw(&path, "application/json", "{").await;
    malformed(deployment.a().clone()).await.problem(401, "token_missing");
    malformed(deployment.a().with_token("nonsense")).await.problem(401, "token_invalid");
    malformed(door.phone.client.clone()).await.problem(400, "malformed_body");
    let viewer = deployment.admin.hire("viewer").await.signed_in(deployment.b()).await;
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
    deployment.admin.set_status(&door.event, "ended").await;
    door.phone.send_check_in(&guest, &json!({"id": new_id(), "people": 0})).await.problem(403, "event_not_live");
    // The back office: event or list, permission, body.
    let lists = |event: &str| format!("/v1/events/{event}/guest-lists");
    viewer.client.post(&lists(&new_id()), &json!({})).await.problem(404, "not_found");
    viewer.client.post(&lists(&door.event.id), &json!({})).await.problem(403, "permission_missing");
    viewer.client.patch(&format!("/v1/guests/{}", new_id()), &json!({"x": 1})).await.problem(404, "not_found");
    viewer.client.patch(&format!("/v1/guests/{guest}"), &json!({"x": 1})).await.problem(403, "permission_missing");
    viewer.client.get(&format!("{}?limit=0", lists(&door.event.id))).await.problem(403, "permission_missing");
    door.search(&viewer.client, &[("limit", "0")]).await.problem(403, "permission_missing");
    door.phone.sign_out().await;
    door.phone.send_check_in(&new_id(), &check_in_of(None)).await.problem(401, "session_ended");
    door.search(&door.phone.client, &[]).await.problem(401, "session_ended");
}

on_both!(another_houses_guests_are_not_there);
async fn another_houses_guests_are_not_there(mut deployment: Deployment) {
    let theirs = deployment.another_organisation().await;
    let event = theirs.event("Rival gala").await;
    let list = new_list(&theirs.client, &event, "Rival friends").await;
    let id = new_id();
    add(&theirs.client, &list, json!([{"id": id, "name": "Zoë", "party_size": 3}])).await.ok(200);
    let rival = theirs.phone(&theirs.hire("scanner").await).await;
    let check_in = rival.lets_in(&id, Some(1)).await;

    let here = Door::open(&deployment).await;
    let signed_in = deployment.admin.client.clone();
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
        for client in [&signed_in, &here.phone.client] {
            let request = client.request(method.clone(), &path);
            let request = if body.is_null() { request } else { request.json(&body) };
            Answer::to(request).await.problem(404, "not_found");
        }
    }
    // Ids are each organisation's own: the same one is another guest here, and another check-in.
    assert_eq!(add(&signed_in, &here.list, json!([{"id": id, "name": "Max", "party_size": 2}])).await.ok(200)["created"], 1);
    let ours = here.phone.send_check_in(&id, &json!({"id": check_in["id"]})).await;
    assert!(!ours.replayed());
    assert_eq!(ours.ok(200)["guest"]["name"], "Max");
    assert_eq!(party(&rival.lets_in(&id, None).await), [3, 3, 0]);
    here.search(&signed_in, &[("list", list.as_str())]).await.problem(404, "not_found");
}

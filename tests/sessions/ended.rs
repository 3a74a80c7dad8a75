//! Who is signed in, and ending all sessions of a user, a device or the organisation.

use futures::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::{Deployment, Phone, SignedIn, ids_of, on_both};

on_both!(sessions_are_listed_by_user_device_kind_and_life);
async fn sessions_are_listed_by_user_device_kind_and_life(deployment: Deployment) {
    let (anna, ben) = (deployment.admin.hire("box_office").await, deployment.admin.hire("scanner").await);
    let (phone, till) = (deployment.admin.phone(&anna).await, deployment.admin.till(&anna).await);
    let (other, gone) = (deployment.admin.phone(&ben).await, deployment.admin.phone(&ben).await);
    gone.sign_out().await;
    let admin = own_session(&deployment).await;

    let listed = async |query: &str| ids_of(&list(&deployment, query).await["items"]);
    let all = [admin.clone(), phone.session_id(), till.session_id(), other.session_id()];
    assert_eq!(listed("").await, all, "oldest first");
    assert_eq!(listed("?live=true").await, all);
    assert_eq!(listed("?live=false").await, [gone.session_id()]);
    assert_eq!(listed(&format!("?user={}", anna.id)).await, [phone.session_id(), till.session_id()]);
    assert_eq!(listed(&format!("?user={}&kind=pos", anna.id)).await, [till.session_id()]);
    assert_eq!(listed("?kind=backstage").await, [admin]);
    assert_eq!(listed(&format!("?device={}", other.device.id)).await, [other.session_id()]);
    assert_eq!(listed(&format!("?device={}", gone.device.id)).await, Vec::<String>::new());
    assert_eq!(listed(&format!("?device={}&live=false", gone.device.id)).await, [gone.session_id()]);
    deployment.admin.client.get(&format!("/v1/sessions?user={}", crate::support::new_id())).await.problem(404, "not_found");
}

on_both!(a_listed_session_tells_what_has_become_of_it);
async fn a_listed_session_tells_what_has_become_of_it(deployment: Deployment) {
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let shown = list(&deployment, &format!("?device={}", till.device.id)).await["items"][0].clone();
    assert_eq!(shown["device"], json!({"id": till.device.id, "name": till.device.name}));
    assert_eq!((&shown["user"], &shown["started_at"]), (&till.session["user"], &till.session["started_at"]));
    assert_eq!((&shown["permissions"], &shown["organisation"]), (&till.session["permissions"], &till.session["organisation"]));
    assert!(shown["last_seen_at"].is_string(), "{shown}");
    for member in ["ended_at", "end_reason", "displaced_by"] {
        assert_eq!(shown[member], Value::Null, "{shown}");
    }

    let signed_in = seller.signed_in(deployment.b()).await;
    signed_in.sign_out().await;
    let phone = deployment.admin.phone(&seller).await;
    deployment.admin.client.delete(&format!("/v1/sessions/{}", phone.session_id())).await.ok(204);
    let over = list(&deployment, &format!("?user={}&live=false", seller.id)).await;
    let reasons: Vec<_> = over["items"].as_array().unwrap().iter().map(|session| session["end_reason"].clone()).collect();
    assert_eq!(reasons, ["displaced", "signed_out", "ended"]);
    assert_eq!(over["items"][0]["displaced_by"], "backstage");
    assert!(over["items"].as_array().unwrap().iter().all(|session| session["ended_at"].is_string()), "{over}");
}

on_both!(whose_time_is_over_is_not_signed_in, "STAGEDOOR_DEVICE_SESSION_SECONDS" = "1");
async fn whose_time_is_over_is_not_signed_in(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let query = format!("?user={}", scanner.id);
    crate::support::until("the session is over", async || list(&deployment, &query).await["items"] == json!([])).await;
    let over = list(&deployment, &format!("{query}&live=false")).await;
    assert_eq!(ids_of(&over["items"]), [phone.session_id()]);
    assert_eq!(over["items"][0]["end_reason"], Value::Null, "nobody ended it");
}

on_both!(the_sessions_of_a_large_house_come_in_pages);
async fn the_sessions_of_a_large_house_come_in_pages(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let mut live = vec![own_session(&deployment).await];
    for _ in 0..6 {
        live.push(deployment.admin.phone(&scanner).await.session_id());
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = list(&deployment, &query).await;
        seen.extend(ids_of(&page["items"]));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, live);
}

on_both!(all_sessions_of_a_user_end_at_once);
async fn all_sessions_of_a_user_end_at_once(deployment: Deployment) {
    let (anna, ben) = (deployment.admin.hire("box_office").await, deployment.admin.hire("scanner").await);
    let (phone, till) = (deployment.admin.phone(&anna).await, deployment.admin.till(&anna).await);
    let untouched = deployment.admin.phone(&ben).await;
    for session in [&*phone, &till] {
        session_at(&deployment, session).current().await.ok(200);
    }
    assert_eq!(end(&deployment, &format!("user={}", anna.id)).await, 2);
    told_that_it_ended(&deployment, &[&phone, &till]).await;
    untouched.current().await.ok(200);
    assert_eq!(end(&deployment, &format!("user={}", anna.id)).await, 0, "there are none left");
    anna.phone(&phone.device).await.current().await.ok(200);
}

on_both!(all_sessions_of_a_device_end_at_once_and_it_signs_in_again);
async fn all_sessions_of_a_device_end_at_once_and_it_signs_in_again(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let (phone, untouched) = (deployment.admin.phone(&scanner).await, deployment.admin.phone(&scanner).await);
    assert_eq!(end(&deployment, &format!("device={}", phone.device.id)).await, 1);
    told_that_it_ended(&deployment, &[&phone]).await;
    untouched.current().await.ok(200);
    scanner.phone(&phone.device).await.current().await.ok(200);
}

on_both!(all_sessions_of_the_organisation_end_and_no_others);
async fn all_sessions_of_the_organisation_end_and_no_others(mut deployment: Deployment) {
    let other_house = deployment.another_organisation().await;
    let others = other_house.phone(&other_house.hire("scanner").await).await;
    let (seller, scanner) = (deployment.admin.hire("box_office").await, deployment.admin.hire("scanner").await);
    let (till, phone, second) =
        (deployment.admin.till(&seller).await, deployment.admin.phone(&scanner).await, deployment.admin.phone(&scanner).await);

    assert_eq!(end(&deployment, "all=true&keep_current=true").await, 3);
    told_that_it_ended(&deployment, &[&till, &phone, &second]).await;
    deployment.admin.client.get("/v1/sessions/current").await.ok(200);

    let phone = scanner.phone(&phone.device).await;
    assert_eq!(end(&deployment, "all=true").await, 2, "the phone's and one's own");
    told_that_it_ended(&deployment, &[&phone]).await;
    deployment.admin.client.get("/v1/sessions/current").await.problem(401, "session_ended");
    others.current().await.ok(200);
    other_house.client.get("/v1/sessions/current").await.ok(200);
}

on_both!(one_ends_all_of_ones_own_sessions);
async fn one_ends_all_of_ones_own_sessions(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let (lost, here) = (deployment.admin.phone(&scanner).await, deployment.admin.phone(&scanner).await);
    let own = format!("/v1/sessions?user={}", scanner.id);
    assert_eq!(here.client.delete(&format!("{own}&keep_current=true")).await.ok(200)["ended"], 1);
    told_that_it_ended(&deployment, &[&lost]).await;
    assert_eq!(here.client.delete(&own).await.ok(200)["ended"], 1);
    told_that_it_ended(&deployment, &[&here]).await;
}

on_both!(who_may_see_and_end_whose_sessions);
async fn who_may_see_and_end_whose_sessions(mut deployment: Deployment) {
    let (manager, scanner) = (deployment.admin.hire("event_manager").await, deployment.admin.hire("scanner").await);
    let (signed_in, phone) = (manager.signed_in(deployment.a()).await, deployment.admin.phone(&scanner).await);
    let (of_device, of_scanner) = (format!("?device={}", phone.device.id), format!("?user={}", scanner.id));

    // Who manages devices sees and ends what happens on one, and nothing else.
    assert_eq!(ids_of(&signed_in.client.get(&format!("/v1/sessions{of_device}")).await.ok(200)["items"]), [phone.session_id()]);
    for query in ["", of_scanner.as_str(), "?kind=scanner"] {
        signed_in.client.get(&format!("/v1/sessions{query}")).await.problem(403, "permission_missing");
    }
    for query in [of_scanner.as_str(), "?all=true", "?all=true&keep_current=true"] {
        let refused = signed_in.client.delete(&format!("/v1/sessions{query}")).await.problem(403, "permission_missing");
        assert_eq!(refused["permission"], "team:manage");
    }
    // A phone is no signed_in: not even an administrator's scanner session ends anybody else's.
    let admins_phone = deployment.admin.phone(&deployment.admin.who.clone()).await;
    admins_phone.client.delete("/v1/sessions?all=true").await.problem(403, "permission_missing");
    phone.client.delete(&format!("/v1/sessions{of_device}")).await.problem(403, "permission_missing");
    phone.current().await.ok(200);
    assert_eq!(signed_in.client.delete(&format!("/v1/sessions{of_device}")).await.ok(200)["ended"], 1);
    deployment.a().delete("/v1/sessions?all=true").await.problem(401, "token_missing");

    // Another organisation's are not there.
    let other = deployment.another_organisation().await;
    other.client.delete(&format!("/v1/sessions{of_device}")).await.problem(404, "not_found");
    other.client.delete(&format!("/v1/sessions{of_scanner}")).await.problem(404, "not_found");
    other.client.get(&format!("/v1/sessions{of_device}")).await.problem(404, "not_found");
    other.client.get("/v1/sessions?limit=0").await.problem(422, "invalid_body");
}

on_both!(what_is_to_end_is_named_and_named_once);
async fn what_is_to_end_is_named_and_named_once(deployment: Deployment) {
    let id = &deployment.admin.who.id;
    for query in [
        "".to_owned(),
        "?all=false".to_owned(),
        "?keep_current=true".to_owned(),
        format!("?user={id}&all=true"),
        format!("?user={id}&device={id}"),
        "?user=somebody".to_owned(),
        "?all=yes".to_owned(),
        format!("?user={id}&keep=true"),
    ] {
        deployment.admin.client.delete(&format!("/v1/sessions{query}")).await.problem(422, "invalid_body");
    }
    for query in ["?live=perhaps", "?kind=toaster", "?user=me", "?device=7", "?limit=0", "?cursor=!"] {
        deployment.admin.client.get(&format!("/v1/sessions{query}")).await.problem(422, "invalid_body");
    }
    deployment.admin.client.get("/v1/sessions/current").await.ok(200);
}

on_both!(a_sign_in_beside_the_end_of_all_is_ended_or_begins_after_it);
async fn a_sign_in_beside_the_end_of_all_is_ended_or_begins_after_it(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let mut devices = Vec::new();
    for number in 0..6 {
        devices.push(deployment.admin.device("scanner").await.at(deployment.turn(number)));
    }
    for round in 0..5 {
        let before = join_all(devices.iter().map(|device| scanner.phone(device))).await;
        // Everybody signs in again on both gateways, while all are signed out on one of them.
        let admin = deployment.admin.at(deployment.turn(round));
        let beside = join_all(devices.iter().map(|device| scanner.phone(device)));
        let ending = async { admin.client.delete("/v1/sessions?all=true&keep_current=true").await.ok(200) };
        let (beside, _) = join(beside, ending).await;
        for phone in &before {
            assert_eq!(phone.current().await.status, 401, "it had begun before");
        }
        let now = list(&deployment, &format!("?user={}", scanner.id)).await;
        let live = ids_of(&now["items"]);
        for phone in &beside {
            let answers = [phone.at(deployment.a()).current().await, phone.at(deployment.b()).current().await];
            assert_eq!(answers[0].status, answers[1].status, "both gateways say the same");
            assert_eq!(answers[0].status == 200, live.contains(&phone.session_id()), "and the list says so too");
            if answers[0].status != 200 {
                answers[0].problem(401, "session_ended");
            }
        }
    }
}

async fn list(deployment: &Deployment, query: &str) -> Value {
    deployment.b().with_token(deployment.admin.client.token()).get(&format!("/v1/sessions{query}")).await.ok(200)
}

async fn end(deployment: &Deployment, query: &str) -> i64 {
    deployment.admin.client.delete(&format!("/v1/sessions?{query}")).await.ok(200)["ended"].as_i64().unwrap()
}

async fn own_session(deployment: &Deployment) -> String {
    crate::support::ref_id(&deployment.admin.client.get("/v1/sessions/current").await.ok(200))
}

fn session_at(deployment: &Deployment, signed_in: &SignedIn) -> SignedIn {
    SignedIn { client: signed_in.client.at(deployment.b()), ..signed_in.clone() }
}

async fn told_that_it_ended(deployment: &Deployment, phones: &[&Phone]) {
    for phone in phones {
        for gateway in [deployment.a(), deployment.b()] {
            let problem = phone.at(gateway).current().await.problem(401, "session_ended");
            assert!(problem["ended_at"].is_string(), "{problem}");
        }
    }
}

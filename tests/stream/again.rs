//! Reconnecting: what has changed since is sent, and nothing is lost silently.

use serde_json::json;

use super::listen;
use crate::support::{Deployment, Listener, Plan, basket, card, on_both, until};

on_both!(what_changed_while_nobody_listened_is_told_afterwards);
async fn what_changed_while_nobody_listened_is_told_afterwards(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type_with(&event, json!({"name": "Seat", "price": "12.50", "quota": 10})).await;
    let quiet = deployment.admin.event("Quiet").await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let mut stream = listen(&till.client).await;
    deployment.admin.set_status(&quiet, "ended").await;
    stream.hears_next("event").await;
    let last = stream.last_id.clone();
    drop(stream);

    till.sell(&event, basket(&[(&seat, 4)]), card()).await;
    deployment.admin.client.patch(&format!("/v1/events/{}", event.id), &json!({"name": "Grand gala"})).await.ok(200);
    let new = deployment.admin.event("New").await;
    // At the other gateway, which may not have read it yet.
    let mut again = till.at(deployment.b()).client.listen_since("", Some(&last)).await;
    let told = [again.hears_next("event").await, again.hears_next("event").await].map(|heard| heard.data);
    let gala = told.iter().find(|told| told["id"] == json!(event.id)).unwrap();
    assert_eq!((&gala["name"], &gala["ticket_types"][0]["left"]), (&json!("Grand gala"), &json!(6)));
    assert!(told.iter().any(|told| told["id"] == json!(new.id)), "{told:?}");

    // Nothing twice: what comes next is what changes next.
    let last = again.last_id.clone();
    drop(again);
    let mut again = till.client.listen_since("", Some(&last)).await;
    for _ in 0..2 {
        again.hears_next("stock").await;
    }
    deployment.admin.set_status(&new, "ended").await;
    assert_eq!(again.hears_next("event").await.data["id"], new.id);
}

on_both!(a_stream_that_is_cut_all_the_time_misses_nothing);
async fn a_stream_that_is_cut_all_the_time_misses_nothing(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let event = deployment.admin.event_with("Gala", json!({"status": "draft"})).await;
    let path = format!("/v1/events/{}", event.id);
    let mut last = listen(&phone.client).await.last_id;
    for number in 0..12 {
        let name = format!("Gala {number}");
        let change = json!({"name": name});
        let (admin, phone) = (deployment.admin.at(deployment.turn(number / 2)), phone.at(deployment.turn(number)));
        let (changed, mut again) = tokio::join!(admin.client.patch(&path, &change), phone.client.listen_since("", Some(&last)));
        changed.ok(200);
        last = again.hears("event", |told| told["name"] == json!(name)).await.id;
    }
}

on_both!(what_a_session_may_do_is_told_to_who_comes_back);
async fn what_a_session_may_do_is_told_to_who_comes_back(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let last = listen(&till.client).await.last_id;
    deployment.admin.change(&seller, json!({"role": "door_operator"})).await;
    deployment.admin.pin(&seller, &[&event]).await;
    let mut again = till.at(deployment.b()).client.listen_since("", Some(&last)).await;
    assert_eq!(again.hears_next("permissions").await.data["pinned_event"]["id"], event.id);
    again.hears_next("state").await;
}

on_both!(an_id_that_means_nothing_here_begins_anew);
async fn an_id_that_means_nothing_here_begins_anew(mut deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let rival = deployment.another_organisation().await;
    let scanner = deployment.admin.hire("scanner").await;
    let (phone, other) = (deployment.admin.phone(&scanner).await, deployment.admin.phone(&scanner).await);
    let own = listen(&phone.client).await.last_id;
    let (position, mark) = own.split_once('-').unwrap();
    let ahead = format!("{}-{mark}", position.parse::<i64>().unwrap() + 1_000);
    let behind = format!("-5-{mark}");
    let others = listen(&other.client).await.last_id;
    let rivals = listen(&rival.client).await.last_id;
    for id in ["", "nonsense", "17", &ahead, &behind, &others, &rivals, &"9".repeat(400)] {
        phone.at(deployment.b()).client.listen_since("", Some(id)).await.hears_next("state").await;
    }
    // The same place, but another question.
    phone.client.listen_since(&format!("?events={}", event.id), Some(&own)).await.hears_next("state").await;
    // Its own position, and nothing has changed: only the stock is sent.
    phone.client.listen_since("", Some(&own)).await.hears_next("stock").await;
}

on_both!(what_the_log_does_not_know_any_more_is_told_anew);
async fn what_the_log_does_not_know_any_more_is_told_anew(deployment: Deployment) {
    deployment.admin.event("Gala").await;
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let last = listen(&phone.client).await.last_id;
    deployment.admin.event("One").await;
    deployment.admin.event("Two").await;
    // As housekeeping does after very many changes.
    deployment.ledger.execute("delete from changes where seq < (select change_seq from book)").await.unwrap();
    phone.client.listen_since("", Some(&last)).await.hears_next("state").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_outlives_a_ledger_that_is_away() {
    let deployment = Plan::shared().open().await;
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type_with(&event, json!({"name": "Seat", "price": "12.50", "quota": 10})).await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let mut stream = till.at(deployment.b()).client.listen(&format!("?attendance={}", event.id)).await;
    stream.hears_next("state").await;
    stream.hears_next("attendance").await;
    deployment.database().shut_out().await;
    until("the gateway says that it is not ready", || async { deployment.b().get("/readyz").await.status == 503 }).await;
    deployment.database().let_in().await;
    until("both gateways are ready again", || async {
        deployment.a().get("/readyz").await.status == 200 && deployment.b().get("/readyz").await.status == 200
    })
    .await;
    let mut sale = crate::support::sale_of(&event, basket(&[(&seat, 1)]), card());
    sale["admit"] = json!(true);
    let begun = std::time::Instant::now();
    till.send_sale(&sale).await.ok(201);
    hears_all(&mut stream, &["stock", "attendance"]).await;
    // Only now: with the event as a whole its stock is sent, and not once more.
    deployment.admin.client.patch(&format!("/v1/events/{}", event.id), &json!({"name": "Grand gala"})).await.ok(200);
    deployment.admin.change(&seller, json!({"revoke": ["pos:cash"]})).await;
    hears_all(&mut stream, &["event", "permissions"]).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "told after {:?}", begun.elapsed());
}

/// Reads until each of these was sent, in any order.
async fn hears_all(stream: &mut Listener, names: &[&str]) {
    let mut open = names.to_vec();
    while !open.is_empty() {
        let heard = stream.next().await.unwrap_or_else(|| panic!("the stream ended without {open:?}"));
        open.retain(|name| *name != heard.name);
    }
}

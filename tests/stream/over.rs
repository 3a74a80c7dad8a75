//! A session that is over is reported at once, with the reason.

use std::time::{Duration, Instant};

use serde_json::json;

use super::listen;
use crate::support::{Deployment, Setup, on_both};

on_both!(a_displaced_session_is_told_by_what);
async fn a_displaced_session_is_told_by_what(deployment: Deployment) {
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let mut stream = listen(&till.client).await;
    // Somewhere else, at another gateway.
    let newer = deployment.admin.at(deployment.b()).till(&seller).await;
    let begun = Instant::now();
    let told = stream.hears_the_end("session_displaced").await;
    assert!(begun.elapsed() < Duration::from_millis(1_300), "told after {:?}", begun.elapsed());
    assert_eq!(told["displaced_by"], newer.device.name);
    let refusal = till.current().await.problem(401, "session_displaced");
    for member in ["detail", "displaced_at", "displaced_by", "type", "title", "code"] {
        assert_eq!(told[member], refusal[member], "as the next call is answered");
    }
    till.client.may_not_listen("").await.problem(401, "session_displaced");
}

on_both!(a_backstage_session_is_displaced_backstage);
async fn a_backstage_session_is_displaced_backstage(deployment: Deployment) {
    let manager = deployment.admin.hire("event_manager").await;
    let signed_in = manager.signed_in(deployment.b()).await;
    let mut stream = listen(&signed_in.client).await;
    manager.signed_in(deployment.a()).await;
    assert_eq!(stream.hears_the_end("session_displaced").await["displaced_by"], "backstage");
}

on_both!(whatever_ends_a_session_ends_its_streams);
async fn whatever_ends_a_session_ends_its_streams(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    for (way, code) in [("ended", "session_ended"), ("signed out", "session_ended"), ("revoked", "device_revoked")] {
        let phone = deployment.admin.phone(&scanner).await;
        let mut streams = [listen(&phone.client).await, listen(&phone.at(deployment.b()).client).await];
        match way {
            "ended" => drop(deployment.admin.client.delete(&format!("/v1/sessions/{}", phone.session_id())).await.ok(204)),
            "signed out" => phone.sign_out().await,
            _ => deployment.admin.revoke(&phone.device).await,
        }
        for stream in &mut streams {
            let told = stream.hears_the_end(code).await;
            assert_eq!(told["ended_at"].is_string(), code == "session_ended", "{told}");
        }
    }
    let phone = deployment.admin.phone(&scanner).await;
    let mut stream = listen(&phone.at(deployment.b()).client).await;
    deployment.admin.change(&scanner, json!({"active": false})).await;
    stream.hears_the_end("user_deactivated").await;
}

on_both!(a_session_whose_time_is_over_is_told, "STAGEDOOR_DEVICE_SESSION_SECONDS" = "2");
async fn a_session_whose_time_is_over_is_told(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    listen(&phone.at(deployment.b()).client).await.hears_the_end("token_expired").await;
}

on_both!(listening_is_no_use_of_a_session, "STAGEDOOR_DEVICE_IDLE_SECONDS" = "3");
async fn listening_is_no_use_of_a_session(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let (idle, busy) = (deployment.admin.phone(&scanner).await, deployment.admin.phone(&scanner).await);
    let (mut of_idle, mut of_busy) = (listen(&idle.client).await, listen(&busy.client).await);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        busy.current().await.ok(200);
    }
    of_idle.hears_the_end("token_expired").await;
    deployment.admin.event("Gala").await;
    of_busy.hears_next("event").await;
}

on_both!(streams_do_not_hold_up_the_end_of_a_gateway);
async fn streams_do_not_hold_up_the_end_of_a_gateway(mut deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let mut streams = vec![listen(&phone.client).await, listen(&phone.client).await];
    if deployment.setup == Setup::Shared {
        streams.push(listen(&phone.at(deployment.b()).client).await);
    }
    let begun = Instant::now();
    deployment.close();
    assert!(begun.elapsed() < Duration::from_secs(4), "it took {:?}", begun.elapsed());
    for stream in &mut streams {
        assert!(stream.next().await.is_none(), "the session is not over");
    }
    deployment.reopen();
    let (at, last) = (phone.at(deployment.b()), streams[0].last_id.clone());
    deployment.admin.event("Gala").await;
    at.client.listen_since("", Some(&last)).await.hears_next("event").await;
}

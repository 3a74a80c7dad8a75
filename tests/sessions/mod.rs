//! Who is signed in where, for how long, and what ends it.

mod displacement;
mod ended;
mod lifetimes;
mod tokens;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Deployment, Member, Plan, ids_of, on_both};

on_both!(the_kind_of_a_session_follows_from_the_device);
async fn the_kind_of_a_session_follows_from_the_device(deployment: Deployment) {
    let seller = deployment.admin.hire("box_office").await;
    let phone = deployment.admin.phone(&seller).await;
    let till = deployment.admin.till(&seller).await;
    let signed_in = seller.signed_in(deployment.b()).await;
    for (session, kind, device) in [
        (&phone.session, "scanner", json!({"id": phone.device.id, "name": phone.device.name})),
        (&till.session, "pos", json!({"id": till.device.id, "name": till.device.name})),
        (&signed_in.session, "backstage", Value::Null),
    ] {
        assert_eq!((&session["kind"], &session["device"]), (&json!(kind), &device));
        assert_eq!((&session["user"]["id"], &session["role"]), (&json!(seller.id), &json!("box_office")));
        assert_eq!(session["organisation"]["slug"], deployment.organisation.slug);
        assert_eq!(session["organisation"]["id"], deployment.organisation.id);
        assert!(session["started_at"].is_string() && session["expires_at"].is_string(), "{session}");
    }
}

on_both!(a_session_is_known_at_every_gateway);
async fn a_session_is_known_at_every_gateway(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let shown = phone.at(deployment.b()).current().await.ok(200);
    assert_eq!((&shown["id"], &shown["user"]), (&phone.session["id"], &phone.session["user"]));
}

on_both!(whoever_has_no_permission_signs_in_and_sees_nothing);
async fn whoever_has_no_permission_signs_in_and_sees_nothing(deployment: Deployment) {
    deployment.admin.event("Gala").await;
    let newcomer = deployment.admin.hire("none").await;
    let signed_in = newcomer.signed_in(deployment.a()).await;
    assert_eq!(signed_in.session["permissions"], json!([]));
    for path in ["/v1/events", "/v1/team", "/v1/devices"] {
        let answer = signed_in.client.get(path).await;
        if answer.status == 200 {
            assert_eq!(answer.json()["items"], json!([]), "{path}");
        } else {
            answer.problem(403, "permission_missing");
        }
    }
}

on_both!(signing_out_ends_the_session_everywhere);
async fn signing_out_ends_the_session_everywhere(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    phone.at(deployment.b()).current().await.ok(200);
    phone.sign_out().await;
    for gateway in [deployment.a(), deployment.b()] {
        let problem = phone.at(gateway).current().await.problem(401, "session_ended");
        assert!(problem["ended_at"].is_string(), "{problem}");
    }
}

on_both!(an_administrator_lists_and_ends_sessions);
async fn an_administrator_lists_and_ends_sessions(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phones = [deployment.admin.phone(&scanner).await, deployment.admin.phone(&scanner).await];
    let listed = deployment.admin.client.get(&format!("/v1/sessions?user={}", scanner.id)).await.ok(200);
    let mut listed = ids_of(&listed["items"]);
    listed.sort();
    let mut live = phones.each_ref().map(|phone| phone.session_id());
    live.sort();
    assert_eq!(listed, live);

    deployment.admin.client.delete(&format!("/v1/sessions/{}", phones[0].session_id())).await.ok(204);
    let problem = phones[0].at(deployment.b()).current().await.problem(401, "session_ended");
    assert!(problem["ended_at"].is_string(), "{problem}");
    phones[1].current().await.ok(200);
}

on_both!(one_sees_and_ends_ones_own_sessions_and_nobody_elses);
async fn one_sees_and_ends_ones_own_sessions_and_nobody_elses(deployment: Deployment) {
    let (scanner, other) = (deployment.admin.hire("scanner").await, deployment.admin.hire("scanner").await);
    let (phone, signed_in) = (deployment.admin.phone(&scanner).await, scanner.signed_in(deployment.a()).await);
    let others = deployment.admin.phone(&other).await;

    let own = signed_in.client.get(&format!("/v1/sessions?user={}", scanner.id)).await.ok(200);
    assert_eq!(ids_of(&own["items"]).len(), 2);
    let foreign = signed_in.client.get(&format!("/v1/sessions?user={}", other.id)).await;
    assert_eq!(foreign.problem(403, "permission_missing")["permission"], "team:manage");

    signed_in.client.delete(&format!("/v1/sessions/{}", phone.session_id())).await.ok(204);
    phone.current().await.problem(401, "session_ended");
    assert!(matches!(signed_in.client.delete(&format!("/v1/sessions/{}", others.session_id())).await.status, 403 | 404));
    others.current().await.ok(200);
}

on_both!(a_wrong_name_or_password_is_one_answer);
async fn a_wrong_name_or_password_is_one_answer(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let wrong = [
        Member { password: "not the password".to_owned(), ..scanner.clone() },
        Member { username: "nobody-of-that-name".to_owned(), ..scanner.clone() },
        Member { slug: "no-such-hall".to_owned(), ..scanner.clone() },
    ];
    let mut details = Vec::new();
    for member in wrong {
        let mut problem = member.try_sign_in(deployment.a()).await.problem(401, "credentials_invalid");
        problem.as_object_mut().unwrap().remove("request_id");
        details.push(problem);
    }
    assert!(details.windows(2).all(|pair| pair[0] == pair[1]), "the answers tell what was wrong: {details:?}");
}

on_both!(only_failed_sign_ins_are_throttled_and_only_for_whom_they_failed);
async fn only_failed_sign_ins_are_throttled_and_only_for_whom_they_failed(deployment: Deployment) {
    let (guessed, other) = (deployment.admin.hire("scanner").await, deployment.admin.hire("scanner").await);
    let guess = Member { password: "not the password".to_owned(), ..guessed };
    let mut tries = 0;
    let refused = loop {
        let answer = guess.try_sign_in(deployment.a()).await;
        if answer.status == 429 {
            break answer;
        }
        answer.problem(401, "credentials_invalid");
        tries += 1;
        assert!(tries < 1_000, "a password may be guessed for ever");
    };
    refused.problem(429, "too_many_requests");
    for _ in 0..10 {
        other.signed_in(deployment.a()).await.sign_out().await;
    }
}

/// On one set-up only: the queue is in front of the ledger, and filling it takes a core for ten seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_sign_ins_than_can_wait_are_told_so_at_once() {
    let deployment = Plan::embedded().open().await;
    let strangers = (0..600).map(|number| {
        let (body, client) =
            (json!({"organisation": "nowhere", "username": format!("n{number}"), "password": "not known"}), deployment.a());
        async move { client.post("/v1/sessions", &body).await }
    });
    let answers = join_all(strangers).await;
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty() && busy.len() < 536, "at least 64 may wait, and not all: {}", busy.len());
    for answer in &answers {
        match answer.status {
            503 => {
                answer.problem(503, "busy");
                assert!(answer.header("retry-after").is_some(), "{answer}");
            }
            _ => drop(answer.problem(401, "credentials_invalid")),
        }
    }
    deployment.admin.client.get("/v1/sessions/current").await.ok(200);
}

on_both!(a_removed_or_suspended_member_is_out_at_once);
async fn a_removed_or_suspended_member_is_out_at_once(deployment: Deployment) {
    let (suspended, removed) = (deployment.admin.hire("scanner").await, deployment.admin.hire("scanner").await);
    let phones = [deployment.admin.phone(&suspended).await, deployment.admin.phone(&removed).await];
    for phone in &phones {
        phone.at(deployment.b()).current().await.ok(200);
    }
    let member = deployment.admin.change(&suspended, json!({"active": false})).await;
    assert_eq!(member["status"], "suspended");
    deployment.admin.remove(&removed).await;

    phones[0].at(deployment.b()).current().await.problem(401, "user_deactivated");
    assert_eq!(phones[1].at(deployment.b()).current().await.status, 401);
    for gone in [&suspended, &removed] {
        assert_eq!(gone.try_sign_in(deployment.b()).await.status, 401, "who is out cannot come back in");
    }
    deployment.admin.change(&suspended, json!({"active": true})).await;
    suspended.signed_in(deployment.b()).await;
}

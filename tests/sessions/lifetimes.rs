//! How long a session lasts. Nothing sleeps: the tests repeat the request until its answer changes.

use std::time::{Duration, Instant};

use crate::support::{Deployment, SignedIn, on_both, until};

on_both!(a_scanner_or_till_session_ends_with_its_lifetime, "STAGEDOOR_DEVICE_SESSION_SECONDS" = "1");
async fn a_scanner_or_till_session_ends_with_its_lifetime(deployment: Deployment) {
    let seller = deployment.admin.hire("box_office").await;
    let (phone, till) = (deployment.admin.phone(&seller).await, deployment.admin.till(&seller).await);
    ends(&phone).await;
    ends(&till).await;
    phone.at(deployment.b()).current().await.problem(401, "token_expired");
    deployment.admin.client.get("/v1/team").await.ok(200);
}

on_both!(a_backstage_session_ends_with_its_lifetime, "STAGEDOOR_BACKSTAGE_SESSION_SECONDS" = "2");
async fn a_backstage_session_ends_with_its_lifetime(deployment: Deployment) {
    ends(&deployment.organisation.signed_in(deployment.b()).await).await;
}

on_both!(an_idle_session_ends_and_a_busy_one_does_not, "STAGEDOOR_DEVICE_IDLE_SECONDS" = "3");
async fn an_idle_session_ends_and_a_busy_one_does_not(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let (idle, busy) = (deployment.admin.phone(&scanner).await, deployment.admin.phone(&scanner).await);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        busy.current().await.ok(200);
    }
    idle.current().await.problem(401, "token_expired");
    idle.at(deployment.b()).current().await.problem(401, "token_expired");
    busy.at(deployment.b()).current().await.ok(200);
}

on_both!(the_session_tells_when_it_ends, "STAGEDOOR_DEVICE_SESSION_SECONDS" = "7200");
async fn the_session_tells_when_it_ends(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let time = |name: &str| phone.session[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!((time("expires_at") - time("started_at")).num_seconds(), 7_200);
}

async fn ends(session: &SignedIn) {
    until("the session is too old", || async {
        let answer = session.current().await;
        if answer.status == 200 {
            return false;
        }
        answer.problem(401, "token_expired");
        true
    })
    .await;
}

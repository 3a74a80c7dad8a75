//! How long a session lasts. Nothing sleeps: the tests ask until the answer turns.

use std::time::{Duration, Instant};

use crate::support::{Desk, House, on_both, until};

on_both!(a_scanner_or_till_session_ends_with_its_lifetime, "STAGEDOOR_DEVICE_SESSION_SECONDS" = "1");
async fn a_scanner_or_till_session_ends_with_its_lifetime(house: House) {
    let seller = house.admin.hire("box_office").await;
    let (phone, till) = (house.admin.phone(&seller).await, house.admin.till(&seller).await);
    ends(&phone).await;
    ends(&till).await;
    phone.at(house.b()).current().await.problem(401, "token_expired");
    house.admin.line.get("/v1/team").await.ok(200);
}

on_both!(a_backstage_session_ends_with_its_lifetime, "STAGEDOOR_BACKSTAGE_SESSION_SECONDS" = "2");
async fn a_backstage_session_ends_with_its_lifetime(house: House) {
    ends(&house.organisation.desk(house.b()).await).await;
}

on_both!(an_idle_session_ends_and_a_busy_one_does_not, "STAGEDOOR_DEVICE_IDLE_SECONDS" = "3");
async fn an_idle_session_ends_and_a_busy_one_does_not(house: House) {
    let scanner = house.admin.hire("scanner").await;
    let (idle, busy) = (house.admin.phone(&scanner).await, house.admin.phone(&scanner).await);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        busy.current().await.ok(200);
    }
    idle.current().await.problem(401, "token_expired");
    idle.at(house.b()).current().await.problem(401, "token_expired");
    busy.at(house.b()).current().await.ok(200);
}

on_both!(the_session_tells_when_it_ends, "STAGEDOOR_DEVICE_SESSION_SECONDS" = "7200");
async fn the_session_tells_when_it_ends(house: House) {
    let scanner = house.admin.hire("scanner").await;
    let phone = house.admin.phone(&scanner).await;
    let time = |name: &str| phone.session[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!((time("expires_at") - time("started_at")).num_seconds(), 7_200);
}

async fn ends(session: &Desk) {
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

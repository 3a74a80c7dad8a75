//! A refusal that was found on a copy is answered only once the ledger has confirmed it. A later change is seen, at any gateway.

use serde_json::json;

use super::{Door, when_and_where::ticket_of};
use crate::support::{Deployment, Plan, on_both, scan_of};

on_both!(who_went_out_elsewhere_comes_in_again);
async fn who_went_out_elsewhere_comes_in_again(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    ticket_of(&deployment, &door, "again", json!({"reentry": true})).await;
    let elsewhere = door.phone.at(deployment.b());
    for _ in 0..5 {
        door.phone.admits(&door.event, "again").await;
        door.phone.refuses(&door.event, "again", "already_admitted").await;
        elsewhere.lets_out(&door.event, "again").await;
    }
    let entered = scan_of(&door.event, "again");
    door.phone.send(&entered).await.ok(200);
    door.phone.refuses(&door.event, "again", "already_admitted").await;
    elsewhere.take_back(&entered["id"]).await.ok(200);
    door.phone.admits(&door.event, "again").await;
}

on_both!(a_ticket_that_is_valid_again_is_admitted_at_once);
async fn a_ticket_that_is_valid_again_is_admitted_at_once(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let elsewhere = deployment.admin.at(deployment.b());
    for round in 0..5 {
        let code = format!("A-{round}");
        door.ticket(&deployment, &code, "unpaid", 1).await;
        for _ in 0..2 {
            door.phone.refuses(&door.event, &code, "unpaid").await;
        }
        elsewhere.upload(&door.event, json!([{"code": code, "type": door.seat.id, "status": "valid"}])).await;
        door.phone.admits(&door.event, &code).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_hears_late_of_a_change_turns_nobody_away_who_may_come_in() {
    let mut deployment = Plan::shared().open().await;
    // `before-hearing` is a point of test builds: for so long after a change this gateway believes what it knew before.
    deployment.open_anew(1, &[("FAILPOINTS", "before-hearing=sleep(300)")]);
    let door = Door::open(&deployment).await;
    let late = door.phone.at(deployment.b());
    for round in 0..5 {
        let code = format!("A-{round}");
        door.ticket(&deployment, &code, "unpaid", 1).await;
        for _ in 0..2 {
            late.refuses(&door.event, &code, "unpaid").await;
        }
        deployment.admin.upload(&door.event, json!([{"code": code, "type": door.seat.id, "status": "valid"}])).await;
        late.admits(&door.event, &code).await;
    }
}

on_both!(who_may_no_longer_scan_is_told_that_and_not_what_the_ticket_is);
async fn who_may_no_longer_scan_is_told_that_and_not_what_the_ticket_is(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "void", 1).await;
    let (elsewhere, scanner) = (deployment.admin.at(deployment.b()), deployment.admin.hire("scanner").await);
    let phone = deployment.admin.phone(&scanner).await;
    for _ in 0..5 {
        for _ in 0..2 {
            phone.refuses(&door.event, "A-1", "void").await;
        }
        elsewhere.change(&scanner, json!({"active": false})).await;
        phone.try_scan(&door.event, "A-1").await.problem(401, "user_deactivated");
        elsewhere.change(&scanner, json!({"active": true})).await;
    }
}

on_both!(an_id_that_is_in_the_ledger_is_known_whatever_the_ticket);
async fn an_id_that_is_in_the_ledger_is_known_whatever_the_ticket(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    for code in ["A-1", "A-2"] {
        door.ticket(&deployment, code, "valid", 1).await;
        door.phone.admits(&door.event, code).await;
        door.phone.refuses(&door.event, code, "already_admitted").await;
    }
    door.ticket(&deployment, "A-3", "valid", 1).await;
    let mut scan = scan_of(&door.event, "A-3");
    door.phone.at(deployment.b()).send(&scan).await.ok(200);
    scan["code"] = json!("A-2");
    door.phone.send(&scan).await.problem(422, "id_reused");
}

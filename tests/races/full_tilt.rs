//! Law 1: once a change has been answered, nothing is written under the old state, on any gateway.
//!
//! Sellers and scanners work without pause. In the middle of it something changes; the ledger is counted as soon as the
//! change is answered, and again when all have gone on trying for a while. Both counts must be the same. Not the
//! answers are counted but the rows, and only this crew writes for this event.

use serde_json::json;

use super::crew::{Crew, Stage};
use crate::support::{Admin, Deployment, Device, Finished, Phone, on_both};

/// Times that each change is made.
const ROUNDS: usize = 6;

on_both!(a_moved_pin_stops_the_till);
async fn a_moved_pin_stops_the_till(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let elsewhere = deployment.admin.event("Elsewhere").await;
    let operator = deployment.admin.hire_for("door_operator", &[&stage.event]).await;
    let till = deployment.admin.till(&operator).await;
    for round in 0..ROUNDS {
        deployment.admin.pin(&operator, &[&stage.event]).await;
        let crew = stage.sellers(&deployment, &till, 6);
        // Sometimes moved, sometimes taken away, sometimes doubled: each is no pin for this event.
        let pins = match round % 3 {
            0 => vec![&elsewhere],
            1 => vec![],
            _ => vec![&elsewhere, &stage.event],
        };
        crew.nothing_more_after(&deployment, deployment.admin.at(deployment.turn(round)).pin(&operator, &pins)).await;
    }
}

on_both!(a_changed_role_stops_the_door);
async fn a_changed_role_stops_the_door(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let member = deployment.admin.hire("scanner").await;
    let phones = [deployment.admin.phone(&member).await, deployment.admin.phone(&member).await];
    for round in 0..ROUNDS {
        let crew = stage.scanners(&deployment, &phones, 6);
        let admin = deployment.admin.at(deployment.turn(round));
        crew.nothing_more_after(&deployment, admin.change(&member, json!({"role": "viewer"}))).await;
        admin.change(&member, json!({"role": "scanner"})).await;
    }
}

on_both!(a_revoked_permission_stops_cash);
async fn a_revoked_permission_stops_cash(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    for round in 0..ROUNDS {
        let crew = stage.sellers(&deployment, &till, 6);
        let admin = deployment.admin.at(deployment.turn(round));
        crew.nothing_more_after(&deployment, admin.change(&seller, json!({"revoke": ["pos:cash"]}))).await;
        admin.change(&seller, json!({"grant": ["pos:cash"]})).await;
    }
}

on_both!(a_suspension_stops_everything_of_a_member);
async fn a_suspension_stops_everything_of_a_member(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let seller = deployment.admin.hire("box_office").await;
    let device = deployment.admin.device("pos").await;
    for round in 0..ROUNDS {
        let till = seller.till(&device).await;
        let crew = stage.sellers(&deployment, &till, 3).joined_by(stage.scanners(&deployment, &[Phone::clone(&till)], 3));
        let admin = deployment.admin.at(deployment.turn(round));
        crew.nothing_more_after(&deployment, admin.change(&seller, json!({"active": false}))).await;
        admin.change(&seller, json!({"active": true})).await;
    }
}

on_both!(a_revoked_device_stops);
async fn a_revoked_device_stops(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let seller = deployment.admin.hire("box_office").await;
    for round in 0..ROUNDS {
        let till = deployment.admin.till(&seller).await;
        let crew = stage.sellers(&deployment, &till, 3).joined_by(stage.scanners(&deployment, &[Phone::clone(&till)], 3));
        let admin = deployment.admin.at(deployment.turn(round));
        crew.nothing_more_after(&deployment, admin.revoke(&till.device)).await;
    }
}

on_both!(a_newer_sign_in_stops_the_older_till);
async fn a_newer_sign_in_stops_the_older_till(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let seller = deployment.admin.hire("box_office").await;
    let devices: [Device; 2] = [deployment.admin.device("pos").await, deployment.admin.device("pos").await];
    for round in 0..ROUNDS {
        let till = seller.till(&devices[round % 2]).await;
        let crew = stage.sellers(&deployment, &till, 6);
        let next = devices[(round + 1) % 2].at(deployment.turn(round));
        crew.nothing_more_after(&deployment, seller.till(&next)).await;
    }
}

on_both!(an_ended_session_stops);
async fn an_ended_session_stops(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let scanner = deployment.admin.hire("scanner").await;
    let device = deployment.admin.device("scanner").await;
    for round in 0..ROUNDS {
        let phone = scanner.phone(&device).await;
        let crew = stage.scanners(&deployment, std::slice::from_ref(&phone), 6);
        let admin = deployment.admin.at(deployment.turn(round));
        let path = format!("/v1/sessions/{}", phone.session_id());
        crew.nothing_more_after(&deployment, async { admin.client.delete(&path).await.ok(204) }).await;
    }
}

on_both!(a_forgotten_key_stops_everybody);
async fn a_forgotten_key_stops_everybody(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let (seller, scanner) = (deployment.admin.hire("box_office").await, deployment.admin.hire("scanner").await);
    let (till, phone) = (deployment.admin.till(&seller).await, deployment.admin.phone(&scanner).await);
    let crew = stage.sellers(&deployment, &till, 3).joined_by(stage.scanners(&deployment, std::slice::from_ref(&phone), 3));
    let mut command = deployment.command(&["rotate-keys", "--forget-all"]);
    let forgetting = async { tokio::task::spawn_blocking(move || Finished::run(&mut command, "").expect_success()).await.unwrap() };
    crew.nothing_more_after(&deployment, forgetting).await;
    phone.current().await.problem(401, "token_invalid");
}

on_both!(all_sessions_ended_at_once_stop);
async fn all_sessions_ended_at_once_stop(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let (seller, scanner) = (deployment.admin.hire("box_office").await, deployment.admin.hire("scanner").await);
    let (pos, device) = (deployment.admin.device("pos").await, deployment.admin.device("scanner").await);
    for round in 0..ROUNDS {
        let (till, phone) = (seller.till(&pos).await, scanner.phone(&device).await);
        let crew = stage.sellers(&deployment, &till, 3).joined_by(stage.scanners(&deployment, std::slice::from_ref(&phone), 3));
        let admin = deployment.admin.at(deployment.turn(round));
        crew.nothing_more_after(&deployment, async { admin.client.delete("/v1/sessions?all=true&keep_current=true").await.ok(200) }).await;
    }
}

on_both!(an_ended_event_stops_for_everybody);
async fn an_ended_event_stops_for_everybody(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let (seller, scanner) = (deployment.admin.hire("box_office").await, deployment.admin.hire("scanner").await);
    let (till, phone) = (deployment.admin.till(&seller).await, deployment.admin.phone(&scanner).await);
    for round in 0..ROUNDS {
        let crew = stage.sellers(&deployment, &till, 3).joined_by(stage.scanners(&deployment, std::slice::from_ref(&phone), 3));
        let admin = deployment.admin.at(deployment.turn(round));
        crew.nothing_more_after(&deployment, admin.set_status(&stage.event, "ended")).await;
        admin.set_status(&stage.event, "live").await;
    }
}

on_both!(a_changed_price_is_the_price_of_every_later_sale);
async fn a_changed_price_is_the_price_of_every_later_sale(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let path = format!("/v1/events/{}/ticket-types/{}", stage.event.id, stage.seat.id);
    for round in 0..ROUNDS {
        let expected = price(round);
        let admin = deployment.admin.at(deployment.turn(round));
        admin.client.patch(&path, &json!({"price": expected})).await.ok(200);
        // These sellers insist on the price of now, so that the next one stops them.
        let crew = stage.sellers_at(&deployment, &till, 6, &expected);
        let next = json!({"price": price(round + 1)});
        crew.nothing_more_after(&deployment, async { admin.client.patch(&path, &next).await.ok(200) }).await;
    }
}

on_both!(a_demoted_administrator_changes_nothing_more);
async fn a_demoted_administrator_changes_nothing_more(deployment: Deployment) {
    let stage = Stage::open(&deployment).await;
    let second = deployment.admin.hire("organisation_admin").await;
    let signed_in = Admin { client: second.signed_in(deployment.b()).await.client, who: second.clone() };
    for round in 0..ROUNDS {
        let (devices, events) = (Crew::of(&stage.event), Crew::of(&stage.event));
        let crew = devices.announcing_devices(&deployment, &signed_in, 3).joined_by(events.putting_on_events(&deployment, &signed_in, 3));
        let admin = deployment.admin.at(deployment.turn(round));
        crew.nothing_more_after(&deployment, admin.change(&second, json!({"role": "viewer"}))).await;
        admin.change(&second, json!({"role": "organisation_admin"})).await;
    }
}

fn price(round: usize) -> String {
    format!("{}.50", 10 + round)
}

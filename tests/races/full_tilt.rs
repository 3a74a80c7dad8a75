//! Law 1: once a change has been answered, nothing is written under the old state, on any gateway.
//!
//! Sellers and scanners work without pause. In the middle of it something changes; the book is counted as soon as the
//! change is answered, and again when everybody has gone on trying for a while. Both counts must be the same. Not the
//! answers are counted but the rows, and only this crew writes for this event.

use serde_json::json;

use super::crew::{Crew, Stage};
use crate::support::{Admin, Device, Finished, House, Phone, on_both};

/// Times that each change is made.
const ROUNDS: usize = 6;

on_both!(a_moved_pin_stops_the_till);
async fn a_moved_pin_stops_the_till(house: House) {
    let stage = Stage::open(&house).await;
    let elsewhere = house.admin.event("Elsewhere").await;
    let operator = house.admin.hire_for("door_operator", &[&stage.event]).await;
    let till = house.admin.till(&operator).await;
    for round in 0..ROUNDS {
        house.admin.pin(&operator, &[&stage.event]).await;
        let crew = stage.sellers(&house, &till, 6);
        // Sometimes moved, sometimes taken away, sometimes doubled: each is no pin for this event.
        let pins = match round % 3 {
            0 => vec![&elsewhere],
            1 => vec![],
            _ => vec![&elsewhere, &stage.event],
        };
        crew.nothing_more_after(&house, house.admin.at(house.turn(round)).pin(&operator, &pins)).await;
    }
}

on_both!(a_changed_role_stops_the_door);
async fn a_changed_role_stops_the_door(house: House) {
    let stage = Stage::open(&house).await;
    let member = house.admin.hire("scanner").await;
    let phones = [house.admin.phone(&member).await, house.admin.phone(&member).await];
    for round in 0..ROUNDS {
        let crew = stage.scanners(&house, &phones, 6);
        let admin = house.admin.at(house.turn(round));
        crew.nothing_more_after(&house, admin.change(&member, json!({"role": "viewer"}))).await;
        admin.change(&member, json!({"role": "scanner"})).await;
    }
}

on_both!(a_revoked_permission_stops_cash);
async fn a_revoked_permission_stops_cash(house: House) {
    let stage = Stage::open(&house).await;
    let seller = house.admin.hire("box_office").await;
    let till = house.admin.till(&seller).await;
    for round in 0..ROUNDS {
        let crew = stage.sellers(&house, &till, 6);
        let admin = house.admin.at(house.turn(round));
        crew.nothing_more_after(&house, admin.change(&seller, json!({"revoke": ["pos:cash"]}))).await;
        admin.change(&seller, json!({"grant": ["pos:cash"]})).await;
    }
}

on_both!(a_suspension_stops_everything_of_a_member);
async fn a_suspension_stops_everything_of_a_member(house: House) {
    let stage = Stage::open(&house).await;
    let seller = house.admin.hire("box_office").await;
    let device = house.admin.device("pos").await;
    for round in 0..ROUNDS {
        let till = seller.till(&device).await;
        let crew = stage.sellers(&house, &till, 3).joined_by(stage.scanners(&house, &[Phone::clone(&till)], 3));
        let admin = house.admin.at(house.turn(round));
        crew.nothing_more_after(&house, admin.change(&seller, json!({"active": false}))).await;
        admin.change(&seller, json!({"active": true})).await;
    }
}

on_both!(a_revoked_device_stops);
async fn a_revoked_device_stops(house: House) {
    let stage = Stage::open(&house).await;
    let seller = house.admin.hire("box_office").await;
    for round in 0..ROUNDS {
        let till = house.admin.till(&seller).await;
        let crew = stage.sellers(&house, &till, 3).joined_by(stage.scanners(&house, &[Phone::clone(&till)], 3));
        let admin = house.admin.at(house.turn(round));
        crew.nothing_more_after(&house, admin.revoke(&till.device)).await;
    }
}

on_both!(a_newer_sign_in_stops_the_older_till);
async fn a_newer_sign_in_stops_the_older_till(house: House) {
    let stage = Stage::open(&house).await;
    let seller = house.admin.hire("box_office").await;
    let devices: [Device; 2] = [house.admin.device("pos").await, house.admin.device("pos").await];
    for round in 0..ROUNDS {
        let till = seller.till(&devices[round % 2]).await;
        let crew = stage.sellers(&house, &till, 6);
        let next = devices[(round + 1) % 2].at(house.turn(round));
        crew.nothing_more_after(&house, seller.till(&next)).await;
    }
}

on_both!(an_ended_session_stops);
async fn an_ended_session_stops(house: House) {
    let stage = Stage::open(&house).await;
    let scanner = house.admin.hire("scanner").await;
    let device = house.admin.device("scanner").await;
    for round in 0..ROUNDS {
        let phone = scanner.phone(&device).await;
        let crew = stage.scanners(&house, std::slice::from_ref(&phone), 6);
        let admin = house.admin.at(house.turn(round));
        let path = format!("/v1/sessions/{}", phone.session_id());
        crew.nothing_more_after(&house, async { admin.line.delete(&path).await.ok(204) }).await;
    }
}

on_both!(a_forgotten_key_stops_everybody);
async fn a_forgotten_key_stops_everybody(house: House) {
    let stage = Stage::open(&house).await;
    let (seller, scanner) = (house.admin.hire("box_office").await, house.admin.hire("scanner").await);
    let (till, phone) = (house.admin.till(&seller).await, house.admin.phone(&scanner).await);
    let crew = stage.sellers(&house, &till, 3).joined_by(stage.scanners(&house, std::slice::from_ref(&phone), 3));
    let mut command = house.command(&["rotate-keys", "--forget-all"]);
    let forgetting = async { tokio::task::spawn_blocking(move || Finished::run(&mut command, "").expect_success()).await.unwrap() };
    crew.nothing_more_after(&house, forgetting).await;
    phone.current().await.problem(401, "token_invalid");
}

on_both!(all_sessions_ended_at_once_stop);
async fn all_sessions_ended_at_once_stop(house: House) {
    let stage = Stage::open(&house).await;
    let (seller, scanner) = (house.admin.hire("box_office").await, house.admin.hire("scanner").await);
    let (pos, device) = (house.admin.device("pos").await, house.admin.device("scanner").await);
    for round in 0..ROUNDS {
        let (till, phone) = (seller.till(&pos).await, scanner.phone(&device).await);
        let crew = stage.sellers(&house, &till, 3).joined_by(stage.scanners(&house, std::slice::from_ref(&phone), 3));
        let admin = house.admin.at(house.turn(round));
        crew.nothing_more_after(&house, async { admin.line.delete("/v1/sessions?all=true&keep_current=true").await.ok(200) }).await;
    }
}

on_both!(an_ended_event_stops_for_everybody);
async fn an_ended_event_stops_for_everybody(house: House) {
    let stage = Stage::open(&house).await;
    let (seller, scanner) = (house.admin.hire("box_office").await, house.admin.hire("scanner").await);
    let (till, phone) = (house.admin.till(&seller).await, house.admin.phone(&scanner).await);
    for round in 0..ROUNDS {
        let crew = stage.sellers(&house, &till, 3).joined_by(stage.scanners(&house, std::slice::from_ref(&phone), 3));
        let admin = house.admin.at(house.turn(round));
        crew.nothing_more_after(&house, admin.set_status(&stage.event, "ended")).await;
        admin.set_status(&stage.event, "live").await;
    }
}

on_both!(a_changed_price_is_the_price_of_every_later_sale);
async fn a_changed_price_is_the_price_of_every_later_sale(house: House) {
    let stage = Stage::open(&house).await;
    let seller = house.admin.hire("box_office").await;
    let till = house.admin.till(&seller).await;
    let path = format!("/v1/events/{}/ticket-types/{}", stage.event.id, stage.seat.id);
    for round in 0..ROUNDS {
        let expected = price(round);
        let admin = house.admin.at(house.turn(round));
        admin.line.patch(&path, &json!({"price": expected})).await.ok(200);
        // These sellers insist on the price of now, so that the next one stops them.
        let crew = stage.sellers_at(&house, &till, 6, &expected);
        let next = json!({"price": price(round + 1)});
        crew.nothing_more_after(&house, async { admin.line.patch(&path, &next).await.ok(200) }).await;
    }
}

on_both!(a_demoted_administrator_changes_nothing_more);
async fn a_demoted_administrator_changes_nothing_more(house: House) {
    let stage = Stage::open(&house).await;
    let second = house.admin.hire("organisation_admin").await;
    let desk = Admin { line: second.desk(house.b()).await.line, who: second.clone() };
    for round in 0..ROUNDS {
        let (devices, events) = (Crew::of(&stage.event), Crew::of(&stage.event));
        let crew = devices.announcing_devices(&house, &desk, 3).joined_by(events.putting_on_events(&house, &desk, 3));
        let admin = house.admin.at(house.turn(round));
        crew.nothing_more_after(&house, admin.change(&second, json!({"role": "viewer"}))).await;
        admin.change(&second, json!({"role": "organisation_admin"})).await;
    }
}

fn price(round: usize) -> String {
    format!("{}.50", 10 + round)
}

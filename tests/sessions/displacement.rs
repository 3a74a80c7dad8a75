//! Many sessions for scanners, one for everyone else; the newest wins and the other is told why.

use serde_json::{Value, json};

use crate::support::{Desk, House, basket, card, on_both};

on_both!(a_member_scans_on_many_phones_at_once);
async fn a_member_scans_on_many_phones_at_once(house: House) {
    for role in ["scanner", "box_office", "organisation_admin"] {
        let member = house.admin.hire(role).await;
        let till_or_desk = member.desk(house.a()).await;
        let mut phones = Vec::new();
        for _ in 0..3 {
            let phone = house.admin.phone(&member).await;
            assert_eq!(phone.displaced, Value::Null);
            phones.push(phone);
        }
        for phone in &phones {
            phone.at(house.b()).current().await.ok(200);
        }
        till_or_desk.current().await.ok(200);
    }
}

on_both!(a_second_till_displaces_the_first);
async fn a_second_till_displaces_the_first(house: House) {
    let seller = house.admin.hire("box_office").await;
    let first = house.admin.till(&seller).await;
    let second = house.admin.at(house.b()).till(&seller).await;
    assert_displaced(&first, &second, &second.device.name).await;
    second.current().await.ok(200);
    second.at(house.a()).current().await.ok(200);
}

on_both!(till_and_backstage_displace_each_other);
async fn till_and_backstage_displace_each_other(house: House) {
    let seller = house.admin.hire("box_office").await;
    let till = house.admin.till(&seller).await;
    let desk = seller.desk(house.b()).await;
    assert_displaced(&till, &desk, "backstage").await;

    let again = seller.till(&till.device).await;
    assert_displaced(&desk, &again, &till.device.name).await;
}

on_both!(a_second_desk_displaces_the_first);
async fn a_second_desk_displaces_the_first(house: House) {
    let manager = house.admin.hire("event_manager").await;
    let first = manager.desk(house.a()).await;
    let second = manager.desk(house.b()).await;
    assert_displaced(&first, &second, "backstage").await;
    second.current().await.ok(200);
}

on_both!(a_device_has_one_session);
async fn a_device_has_one_session(house: House) {
    let (early, late) = (house.admin.hire("scanner").await, house.admin.hire("scanner").await);
    let first = house.admin.phone(&early).await;
    let second = late.phone(&first.device.at(house.b())).await;
    assert_displaced(&first, &second, &first.device.name).await;
    assert_eq!(second.current().await.ok(200)["user"]["id"], json!(late.id));
}

on_both!(one_sign_in_can_displace_on_both_grounds);
async fn one_sign_in_can_displace_on_both_grounds(house: House) {
    let (one, other) = (house.admin.hire("box_office").await, house.admin.hire("box_office").await);
    let (elsewhere, here) = (house.admin.till(&one).await, house.admin.till(&other).await);
    one.till(&here.device).await;
    elsewhere.current().await.problem(401, "session_displaced");
    here.current().await.problem(401, "session_displaced");
}

on_both!(the_displaced_write_nothing_and_learn_nothing);
async fn the_displaced_write_nothing_and_learn_nothing(house: House) {
    let event = house.admin.event("Gala").await;
    let seat = house.admin.ticket_type(&event, "Seat", "12.50").await;
    house.admin.tickets(&event, &seat, &["A-1"]).await;
    let seller = house.admin.hire("box_office").await;
    let first = house.admin.till(&seller).await.at(house.b());
    first.scan(&event, "warms the copy").await;
    house.admin.till(&seller).await;

    let scan = first.try_scan(&event, "A-1").await;
    scan.problem(401, "session_displaced");
    assert!(!scan.text.contains("Seat"), "{scan}");
    let lines = basket(&[(&seat, 1)]);
    first.try_sell(&event, lines, card()).await.problem(401, "session_displaced");
    assert_eq!(house.book.admissions(&event.id).await + house.book.sales(&event.id).await, 0);
}

on_both!(sign_ins_of_one_member_at_once_leave_one_session);
async fn sign_ins_of_one_member_at_once_leave_one_session(house: House) {
    let seller = house.admin.hire("box_office").await;
    let mut devices = Vec::new();
    for number in 0..8 {
        devices.push(house.admin.device("pos").await.at(house.turn(number)));
    }
    let tills = futures::future::join_all(devices.iter().map(|device| seller.till(device))).await;
    let mut live = 0;
    for till in &tills {
        let answer = till.at(house.a()).current().await;
        if answer.status == 200 {
            live += 1;
        } else {
            answer.problem(401, "session_displaced");
        }
    }
    assert_eq!(live, 1);
    let displaced = tills.iter().filter(|till| !till.displaced.is_null()).count();
    assert_eq!(displaced, 7, "every sign-in but the first ended exactly one session");
}

on_both!(sign_ins_on_one_device_at_once_leave_one_session);
async fn sign_ins_on_one_device_at_once_leave_one_session(house: House) {
    let device = house.admin.device("scanner").await;
    let mut members = Vec::new();
    for _ in 0..8 {
        members.push(house.admin.hire("scanner").await);
    }
    let devices: Vec<_> = (0..8).map(|number| device.at(house.turn(number))).collect();
    let phones = members.iter().zip(&devices).map(|(member, device)| member.phone(device));
    let phones = futures::future::join_all(phones).await;
    let answers = futures::future::join_all(phones.iter().map(|phone| phone.current())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
}

/// `first` was ended by `second`, and both know it.
async fn assert_displaced(first: &Desk, second: &Desk, by: &str) {
    let displaced = &second.displaced;
    assert_eq!(displaced["session_id"], first.session["id"], "{displaced}");
    assert_eq!(displaced["started_at"], first.session["started_at"], "{displaced}");
    assert_eq!(displaced["device"], first.session["device"], "{displaced}");
    let problem = first.current().await.problem(401, "session_displaced");
    assert_eq!(problem["displaced_by"], by, "{problem}");
    let when: chrono::DateTime<chrono::Utc> = problem["displaced_at"].as_str().unwrap().parse().unwrap();
    assert!((chrono::Utc::now() - when).num_seconds().abs() < 60, "{problem}");
}

//! Many sessions for scanners, one for everyone else; the newest stays and the other is answered why it ended.

use serde_json::{Value, json};

use crate::support::{Deployment, SignedIn, basket, card, on_both};

on_both!(a_member_scans_on_many_phones_at_once);
async fn a_member_scans_on_many_phones_at_once(deployment: Deployment) {
    for role in ["scanner", "box_office", "organisation_admin"] {
        let member = deployment.admin.hire(role).await;
        let till_or_desk = member.signed_in(deployment.a()).await;
        let mut phones = Vec::new();
        for _ in 0..3 {
            let phone = deployment.admin.phone(&member).await;
            assert_eq!(phone.displaced, Value::Null);
            phones.push(phone);
        }
        for phone in &phones {
            phone.at(deployment.b()).current().await.ok(200);
        }
        till_or_desk.current().await.ok(200);
    }
}

on_both!(a_second_till_displaces_the_first);
async fn a_second_till_displaces_the_first(deployment: Deployment) {
    let seller = deployment.admin.hire("box_office").await;
    let first = deployment.admin.till(&seller).await;
    let second = deployment.admin.at(deployment.b()).till(&seller).await;
    assert_displaced(&first, &second, &second.device.name).await;
    second.current().await.ok(200);
    second.at(deployment.a()).current().await.ok(200);
}

on_both!(till_and_backstage_displace_each_other);
async fn till_and_backstage_displace_each_other(deployment: Deployment) {
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let signed_in = seller.signed_in(deployment.b()).await;
    assert_displaced(&till, &signed_in, "backstage").await;

    let again = seller.till(&till.device).await;
    assert_displaced(&signed_in, &again, &till.device.name).await;
}

on_both!(a_second_desk_displaces_the_first);
async fn a_second_desk_displaces_the_first(deployment: Deployment) {
    let manager = deployment.admin.hire("event_manager").await;
    let first = manager.signed_in(deployment.a()).await;
    let second = manager.signed_in(deployment.b()).await;
    assert_displaced(&first, &second, "backstage").await;
    second.current().await.ok(200);
}

on_both!(a_device_has_one_session);
async fn a_device_has_one_session(deployment: Deployment) {
    let (early, late) = (deployment.admin.hire("scanner").await, deployment.admin.hire("scanner").await);
    let first = deployment.admin.phone(&early).await;
    let second = late.phone(&first.device.at(deployment.b())).await;
    assert_displaced(&first, &second, &first.device.name).await;
    assert_eq!(second.current().await.ok(200)["user"]["id"], json!(late.id));
}

on_both!(one_sign_in_can_displace_on_both_grounds);
async fn one_sign_in_can_displace_on_both_grounds(deployment: Deployment) {
    let (one, other) = (deployment.admin.hire("box_office").await, deployment.admin.hire("box_office").await);
    let (elsewhere, here) = (deployment.admin.till(&one).await, deployment.admin.till(&other).await);
    one.till(&here.device).await;
    elsewhere.current().await.problem(401, "session_displaced");
    here.current().await.problem(401, "session_displaced");
}

on_both!(the_displaced_write_nothing_and_learn_nothing);
async fn the_displaced_write_nothing_and_learn_nothing(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    deployment.admin.tickets(&event, &seat, &["A-1"]).await;
    let seller = deployment.admin.hire("box_office").await;
    let first = deployment.admin.till(&seller).await.at(deployment.b());
    first.scan(&event, "warms the copy").await;
    deployment.admin.till(&seller).await;

    let scan = first.try_scan(&event, "A-1").await;
    scan.problem(401, "session_displaced");
    assert!(!scan.text.contains("Seat"), "{scan}");
    let lines = basket(&[(&seat, 1)]);
    first.try_sell(&event, lines, card()).await.problem(401, "session_displaced");
    assert_eq!(deployment.ledger.admissions(&event.id).await + deployment.ledger.sales(&event.id).await, 0);
}

on_both!(sign_ins_of_one_member_at_once_leave_one_session);
async fn sign_ins_of_one_member_at_once_leave_one_session(deployment: Deployment) {
    let seller = deployment.admin.hire("box_office").await;
    let mut devices = Vec::new();
    for number in 0..8 {
        devices.push(deployment.admin.device("pos").await.at(deployment.turn(number)));
    }
    let tills = futures::future::join_all(devices.iter().map(|device| seller.till(device))).await;
    let mut live = 0;
    for till in &tills {
        let answer = till.at(deployment.a()).current().await;
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
async fn sign_ins_on_one_device_at_once_leave_one_session(deployment: Deployment) {
    let device = deployment.admin.device("scanner").await;
    let mut members = Vec::new();
    for _ in 0..8 {
        members.push(deployment.admin.hire("scanner").await);
    }
    let devices: Vec<_> = (0..8).map(|number| device.at(deployment.turn(number))).collect();
    let phones = members.iter().zip(&devices).map(|(member, device)| member.phone(device));
    let phones = futures::future::join_all(phones).await;
    let answers = futures::future::join_all(phones.iter().map(|phone| phone.current())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
}

/// `first` was ended by `second`, and both know it.
async fn assert_displaced(first: &SignedIn, second: &SignedIn, by: &str) {
    let displaced = &second.displaced;
    assert_eq!(displaced["session_id"], first.session["id"], "{displaced}");
    assert_eq!(displaced["started_at"], first.session["started_at"], "{displaced}");
    assert_eq!(displaced["device"], first.session["device"], "{displaced}");
    let problem = first.current().await.problem(401, "session_displaced");
    assert_eq!(problem["displaced_by"], by, "{problem}");
    let when: chrono::DateTime<chrono::Utc> = problem["displaced_at"].as_str().unwrap().parse().unwrap();
    assert!((chrono::Utc::now() - when).num_seconds().abs() < 60, "{problem}");
}

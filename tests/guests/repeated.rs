//! Law 5 at the list: the same check-in again finds the first answer, and a refusal is never frozen.

use serde_json::json;

use super::{Door, check_in_of};
use crate::support::{Deployment, new_id, on_both};

on_both!(the_same_check_in_again_is_the_same_answer);
async fn the_same_check_in_again_is_the_same_answer(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 4).await;
    for check_in in [check_in_of(Some(1)), check_in_of(None)] {
        let first = door.phone.send_check_in(&guest, &check_in).await;
        assert!(!first.replayed());
        let again = door.phone.at(deployment.b()).send_check_in(&guest, &check_in).await;
        assert!(again.replayed(), "{again}");
        assert_eq!((again.status, &again.text), (first.status, &first.text));
    }
    let rows = "select count(*) from guest_check_ins where event_id = $1";
    assert_eq!(deployment.ledger.count(rows, &[&door.event.id]).await, 2);
}

on_both!(an_id_belongs_to_one_check_in);
async fn an_id_belongs_to_one_check_in(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let (guest, other) = (door.guest(&deployment, "Zoë", 4).await, door.guest(&deployment, "Max", 4).await);
    let check_in = check_in_of(Some(1));
    door.phone.send_check_in(&guest, &check_in).await.ok(200);
    door.phone.send_check_in(&other, &check_in).await.problem(422, "id_reused");
    door.phone.send_check_in(&new_id(), &check_in).await.problem(422, "id_reused");
    for body in [
        json!({"id": check_in["id"]}),
        json!({"id": check_in["id"], "people": 2}),
        json!({"id": check_in["id"], "people": 1, "gate": "North"}),
    ] {
        door.phone.at(deployment.b()).send_check_in(&guest, &body).await.problem(422, "id_reused");
    }
    let elsewhere = deployment.admin.phone(&deployment.admin.hire("scanner").await).await.at(deployment.b());
    elsewhere.send_check_in(&guest, &check_in).await.problem(422, "id_reused");
    let signed_in = deployment.admin.hire("event_manager").await.signed_in(deployment.b()).await;
    signed_in.send_check_in(&guest, &check_in).await.problem(422, "id_reused");
    let rows = "select count(*) from guest_check_ins where event_id = $1";
    assert_eq!(deployment.ledger.count(rows, &[&door.event.id]).await, 1);
}

on_both!(a_refusal_is_decided_anew);
async fn a_refusal_is_decided_anew(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 2).await;
    let check_in = check_in_of(Some(3));
    assert_eq!(door.phone.send_check_in(&guest, &check_in).await.ok(200)["reason"], "too_many");
    deployment.admin.client.patch(&format!("/v1/guests/{guest}"), &json!({"party_size": 3})).await.ok(200);
    let answer = door.phone.at(deployment.b()).send_check_in(&guest, &check_in).await;
    assert!(!answer.replayed(), "{answer}");
    assert_eq!(answer.ok(200)["verdict"], "admit");
}

on_both!(a_repeat_asks_who_but_not_whether_they_may);
async fn a_repeat_asks_who_but_not_whether_they_may(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 4).await;
    let member = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&member).await;
    let (kept, undone) = (check_in_of(Some(1)), check_in_of(Some(2)));
    let first = phone.send_check_in(&guest, &kept).await;
    phone.send_check_in(&guest, &undone).await.ok(200);
    let taken_back = phone.undo_check_in(&undone).await;
    deployment.admin.change(&member, json!({"role": "viewer"})).await;
    deployment.admin.set_status(&door.event, "ended").await;
    let again = phone.at(deployment.b()).send_check_in(&guest, &kept).await;
    assert!(again.replayed(), "{again}");
    assert_eq!(again.text, first.text);
    let again = phone.at(deployment.b()).undo_check_in(&undone).await;
    assert!(again.replayed(), "{again}");
    assert_eq!(again.text, taken_back.text);
    phone.undo_check_in(&kept).await.problem(403, "permission_missing");
    member.phone(&phone.device).await;
    phone.at(deployment.b()).send_check_in(&guest, &kept).await.problem(401, "session_displaced");
    phone.undo_check_in(&undone).await.problem(401, "session_displaced");
}

on_both!(what_was_taken_back_is_told_to_whoever_may);
async fn what_was_taken_back_is_told_to_whoever_may(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 4).await;
    let check_in = door.phone.lets_in(&guest, None).await;
    let first = door.phone.undo_check_in(&check_in).await;
    assert!(!first.replayed());
    let manager = deployment.admin.hire("event_manager").await.signed_in(deployment.b()).await;
    for again in [door.phone.at(deployment.b()).undo_check_in(&check_in).await, manager.undo_check_in(&check_in).await] {
        assert!(again.replayed(), "{again}");
        assert_eq!(again.text, first.text);
    }
    let other = deployment.admin.phone(&deployment.admin.hire("scanner").await).await;
    other.undo_check_in(&check_in).await.problem(403, "permission_missing");
    door.phone.undo_check_in(&json!({"id": new_id()})).await.problem(404, "not_found");
    let rows = "select count(*) from guest_check_ins where event_id = $1";
    assert_eq!(deployment.ledger.count(rows, &[&door.event.id]).await, 2);
}

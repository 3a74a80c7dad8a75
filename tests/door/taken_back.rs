//! A mistaken scan is taken back: once, by the device that made it, and only while nothing has gone on since.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{Door, when_and_where::ticket_of};
use crate::support::{Deployment, Setup, new_id, on_both, scan_of};

on_both!(a_mistaken_admission_is_taken_back);
async fn a_mistaken_admission_is_taken_back(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    // The type does not allow re-entry: a person who never came in did not leave either.
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let scan = scan_of(&door.event, "A-1");
    let first = door.phone.send(&scan).await;
    let admitted = first.ok(200);

    let back = door.phone.at(deployment.b()).take_back(&scan["id"]).await;
    assert!(!back.replayed());
    let told = back.ok(200);
    assert_eq!((&told["id"], &told["ticket"]["id"]), (&scan["id"], &admitted["ticket"]["id"]));
    assert_eq!((&told["ticket"]["entries_used"], &told["ticket"]["entries_allowed"]), (&json!(0), &json!(1)));
    assert_eq!((&told["admission"]["seq"], &told["admission"]["direction"]), (&json!(2), &json!("out")));
    assert!(told["admission"]["recorded_at"].is_string() && told["message"].is_string(), "{told}");
    assert_eq!(told["taken_back"], admitted["admission"]);

    // Asked once more, at either gateway, it is the same answer, and nothing more is written.
    for phone in [door.phone.clone(), door.phone.at(deployment.b())] {
        let again = phone.take_back(&scan["id"]).await;
        assert_eq!((again.status, &again.text, again.replayed()), (200, &back.text, true));
    }
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 2);
    // The scan itself is still the scan that it was.
    let again = door.phone.send(&scan).await;
    assert_eq!((&again.text, again.replayed()), (&first.text, true));

    let admitted = door.phone.at(deployment.b()).admits(&door.event, "A-1").await;
    assert_eq!((&admitted["admission"]["seq"], &admitted["ticket"]["entries_used"]), (&json!(3), &json!(1)));
    door.phone.refuses(&door.event, "A-1", "already_admitted").await;
    let again = door.phone.take_back(&scan["id"]).await;
    assert_eq!((again.status, &again.text, again.replayed()), (200, &back.text, true), "the first answer, whatever came after");
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 3);
}

on_both!(one_entry_of_several_is_taken_back);
async fn one_entry_of_several_is_taken_back(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "TRIO", "valid", 3).await;
    let scan = scan_of(&door.event, "TRIO");
    door.phone.send(&scan).await.ok(200);
    for _ in 0..2 {
        door.phone.admits(&door.event, "TRIO").await;
    }
    let told = door.phone.take_back(&scan["id"]).await.ok(200);
    assert_eq!((&told["ticket"]["entries_used"], &told["admission"]["seq"]), (&json!(2), &json!(4)));
    door.phone.admits(&door.event, "TRIO").await;
    door.phone.refuses(&door.event, "TRIO", "already_admitted").await;
}

on_both!(a_mistaken_exit_is_taken_back);
async fn a_mistaken_exit_is_taken_back(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    ticket_of(&deployment, &door, "once", json!({})).await;
    ticket_of(&deployment, &door, "again", json!({"reentry": true})).await;
    for code in ["once", "again"] {
        door.phone.admits(&door.event, code).await;
        let left = door.phone.lets_out(&door.event, code).await;
        let told = door.phone.at(deployment.b()).take_back(&left["id"]).await.ok(200);
        assert_eq!((&told["ticket"]["entries_used"], &told["admission"]["seq"]), (&json!(1), &json!(3)), "{code}");
        assert_eq!((&told["admission"]["direction"], &told["taken_back"]["direction"]), (&json!("in"), &json!("out")));
        // The guest is inside as before: may not come in again, and may leave.
        door.phone.refuses(&door.event, code, "already_admitted").await;
        door.phone.lets_out(&door.event, code).await;
    }
}

on_both!(who_has_left_since_is_not_taken_back);
async fn who_has_left_since_is_not_taken_back(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    ticket_of(&deployment, &door, "once", json!({})).await;
    ticket_of(&deployment, &door, "again", json!({"reentry": true})).await;
    for code in ["once", "again"] {
        let entry = door.phone.admits(&door.event, code).await;
        let exit = door.phone.lets_out(&door.event, code).await;
        door.phone.at(deployment.b()).take_back(&entry["id"]).await.problem(409, "moved_since");
        if code == "again" {
            door.phone.admits(&door.event, code).await;
            door.phone.take_back(&exit["id"]).await.problem(409, "moved_since");
        }
    }
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 5);
}

on_both!(only_the_device_that_scanned_takes_it_back);
async fn only_the_device_that_scanned_takes_it_back(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let scan = door.phone.admits(&door.event, "A-1").await;
    let colleague = deployment.admin.hire("box_office").await;
    let (phone, till) = (deployment.admin.phone(&colleague).await.at(deployment.b()), deployment.admin.till(&colleague).await);
    phone.take_back(&scan["id"]).await.problem(403, "other_device");
    till.take_back(&scan["id"]).await.problem(403, "other_device");
    let signed_in = deployment.admin.client.delete(&format!("/v1/scans/{}", scan["id"].as_str().unwrap())).await;
    signed_in.problem(403, "device_required");
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 1);

    // Only the device that scanned takes it back, and only it gets the answer.
    let colleague = colleague.phone(&door.phone.device).await;
    colleague.take_back(&scan["id"]).await.ok(200);
    phone.take_back(&scan["id"]).await.problem(403, "other_device");
    door.phone.take_back(&scan["id"]).await.problem(401, "session_displaced");
}

on_both!(what_was_not_scanned_cannot_be_taken_back);
async fn what_was_not_scanned_cannot_be_taken_back(mut deployment: Deployment) {
    let stranger = deployment.another_organisation().await;
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let (mut dry_run, refused) = (scan_of(&door.event, "A-1"), scan_of(&door.event, "no such code"));
    dry_run["dry_run"] = json!(true);
    for scan in [&dry_run, &refused] {
        door.phone.send(scan).await.ok(200);
        door.phone.take_back(&scan["id"]).await.problem(404, "not_found");
    }
    for nothing in [json!(new_id()), json!("no-uuid"), json!("00000000-0000-0000-0000-000000000000")] {
        door.phone.take_back(&nothing).await.problem(404, "not_found");
        let path = format!("/v1/scans/{}", nothing.as_str().unwrap());
        deployment.a().delete(&path).await.problem(401, "token_missing");
        deployment.admin.client.delete(&path).await.problem(403, "device_required");
    }
    // Another deployment's scan is not there, nor is this one for another deployment.
    let scan = door.phone.admits(&door.event, "A-1").await;
    let theirs = Door::open_for(&stranger).await;
    theirs.phone.take_back(&scan["id"]).await.problem(404, "not_found");
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 1);
}

on_both!(taking_back_needs_what_scanning_needs);
async fn taking_back_needs_what_scanning_needs(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let fair = deployment.admin.event("Fair").await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let operator = deployment.admin.hire_for("door_operator", &[&door.event]).await;
    let phone = deployment.admin.phone(&operator).await;
    let scan = phone.admits(&door.event, "A-1").await;

    deployment.admin.pin(&operator, &[&fair]).await;
    let refused = phone.take_back(&scan["id"]).await.problem(403, "event_not_pinned");
    assert_eq!(refused["pinned_event"], json!({"id": fair.id, "name": "Fair"}));
    deployment.admin.pin(&operator, &[]).await;
    phone.at(deployment.b()).take_back(&scan["id"]).await.problem(403, "no_event_pinned");
    deployment.admin.pin(&operator, &[&door.event]).await;
    deployment.admin.set_status(&door.event, "ended").await;
    phone.at(deployment.b()).take_back(&scan["id"]).await.problem(403, "event_not_live");
    deployment.admin.set_status(&door.event, "live").await;
    deployment.admin.change(&operator, json!({"revoke": ["entry:scan"]})).await;
    let refused = phone.take_back(&scan["id"]).await.problem(403, "permission_missing");
    assert_eq!(refused["permission"], "entry:scan");
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 1);

    deployment.admin.change(&operator, json!({"grant": ["entry:scan"]})).await;
    let back = phone.at(deployment.b()).take_back(&scan["id"]).await;
    // The first answer is repeated to its device, even after the doors have closed.
    deployment.admin.set_status(&door.event, "ended").await;
    let again = phone.take_back(&scan["id"]).await;
    assert_eq!((again.status, &again.text, again.replayed()), (200, &back.text, true));
}

on_both!(after_a_quarter_of_an_hour_it_stands);
async fn after_a_quarter_of_an_hour_it_stands(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    for code in ["A-1", "OLD"] {
        door.ticket(&deployment, code, "valid", 1).await;
    }
    door.phone.admits(&door.event, "A-1").await;
    // The same device admitted the other ticket 15 minutes and a second ago; the scan has the ticket's id.
    let then = match deployment.setup {
        Setup::Shared => "now() - interval '901 seconds'",
        Setup::Embedded => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-901 seconds')",
    };
    let statement = format!(
        "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, recorded_at, fingerprint)
         select a.organisation_id, t.id, a.event_id, t.id, 1, 'in', 1, 1, a.session_id, a.device_id, {then}, '' from admissions a, tickets t where t.code = 'OLD'"
    );
    deployment.ledger.execute(&statement).await.unwrap();
    let refused = door.phone.at(deployment.b()).refuses(&door.event, "OLD", "already_admitted").await;
    let problem = door.phone.take_back(&refused["ticket"]["id"]).await.problem(409, "take_back_too_late");
    assert!(problem["until"].as_str().is_some_and(|until| until > refused["previous"]["recorded_at"].as_str().unwrap()), "{problem}");
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 2);
}

on_both!(asked_often_at_once_it_is_taken_back_once);
async fn asked_often_at_once_it_is_taken_back_once(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "PASS", "valid", 9).await;
    door.phone.admits(&door.event, "PASS").await;
    for round in 0..4 {
        let scan = door.phone.admits(&door.event, "PASS").await;
        let before = deployment.ledger.admissions(&door.event.id).await;
        let phones: Vec<_> = (0..16).map(|number| door.phone.at(deployment.turn(number + round))).collect();
        let answers = join_all(phones.iter().map(|phone| phone.take_back(&scan["id"]))).await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.text == answers[0].text), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| !answer.replayed()).count(), 1, "one of them was the first");
        assert_eq!(deployment.ledger.admissions(&door.event.id).await, before + 1);
    }
}

on_both!(a_movement_of_another_system_names_no_device);
async fn a_movement_of_another_system_names_no_device(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let carried_over =
        "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, recorded_at, fingerprint)
        select organisation_id, id, event_id, id, 1, 'in', 1, 1, created_at, '' from tickets";
    deployment.ledger.execute(carried_over).await.unwrap();
    let refused = door.phone.refuses(&door.event, "A-1", "already_admitted").await;
    let previous = &refused["previous"];
    assert_eq!((&previous["device"], &previous["same_device"], &previous["direction"]), (&Value::Null, &json!(false), &json!("in")));
    assert_eq!(refused["ticket"]["entries_used"], 1);
    door.phone.take_back(&refused["ticket"]["id"]).await.problem(403, "other_device");
}

//! Earlier check-ins are carried over once, and what was scanned here stays.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{CSV, festival, file, import_list, send};
use crate::support::{Deployment, Event, Phone, on_both};

const ENTERED: &str = "a,VIP,2026-06-01 20:15,,Yes,,\n";
const LEFT: &str = "a,VIP,2026-06-01 20:15,2026-06-01 21:40,Yes,,\n";

async fn attendance(phone: &Phone, event: &Event) -> [u64; 2] {
    let counted = phone.client.get(&format!("/v1/events/{}/attendance", event.id)).await.ok(200);
    ["admitted", "inside"].map(|name| counted[name].as_u64().unwrap())
}

async fn phone(deployment: &Deployment) -> Phone {
    let scanner = deployment.admin.hire("scanner").await;
    deployment.admin.phone(&scanner).await
}

on_both!(who_was_let_in_elsewhere_has_been_let_in);
async fn who_was_let_in_elsewhere_has_been_let_in(deployment: Deployment) {
    let (event, phone) = (deployment.admin.event("Gala").await, phone(&deployment).await);
    let report = import_list(&deployment.admin.client, &event, ENTERED).await;
    assert_eq!(report["check_ins"], json!({"used": 1, "left": 0, "inside": 1, "carried_over": 1}));
    assert_eq!(attendance(&phone, &event).await, [1, 1]);
    let refused = phone.refuses(&event, "a", "already_admitted").await;
    let previous = &refused["previous"];
    assert_eq!(
        (&previous["direction"], &previous["device"], &previous["same_device"]),
        (&json!("in"), &Value::Null, &json!(false)),
        "{refused}"
    );

    // A later export of the same list shows that they have gone.
    let report = import_list(&deployment.admin.at(deployment.b()).client, &event, LEFT).await;
    assert_eq!(report["check_ins"], json!({"used": 1, "left": 1, "inside": 0, "carried_over": 1}));
    assert_eq!(attendance(&phone.at(deployment.b()), &event).await, [1, 0]);
    for lines in [LEFT, ENTERED] {
        assert_eq!(import_list(&deployment.admin.client, &event, lines).await["check_ins"]["carried_over"], 0);
    }
    phone.refuses(&event, "a", "already_admitted").await;
    assert_eq!(deployment.ledger.admissions(&event.id).await, 2);
}

on_both!(an_exit_gives_the_entry_back_where_the_type_allows_it);
async fn an_exit_gives_the_entry_back_where_the_type_allows_it(deployment: Deployment) {
    let (event, phone) = (deployment.admin.event("Gala").await, phone(&deployment).await);
    deployment.admin.ticket_type_with(&event, json!({"name": "VIP", "price": "5.00", "reentry": true})).await;
    assert_eq!(import_list(&deployment.admin.client, &event, LEFT).await["check_ins"]["carried_over"], 2);
    assert_eq!(attendance(&phone, &event).await, [1, 0]);
    let back = phone.admits(&event, "a").await;
    assert_eq!((&back["admission"]["seq"], &back["ticket"]["entries_used"]), (&json!(3), &json!(1)));
    assert_eq!(import_list(&deployment.admin.client, &event, LEFT).await["check_ins"]["carried_over"], 0);
    assert_eq!(attendance(&phone, &event).await, [1, 1]);
}

on_both!(who_is_carried_over_can_go_out_here);
async fn who_is_carried_over_can_go_out_here(deployment: Deployment) {
    let (event, phone) = (deployment.admin.event("Gala").await, phone(&deployment).await);
    import_list(&deployment.admin.client, &event, ENTERED).await;
    phone.lets_out(&event, "a").await;
    assert_eq!(attendance(&phone, &event).await, [1, 0]);
    // The exit of the other system is the same or later: the one of this gateway stays.
    assert_eq!(import_list(&deployment.admin.client, &event, LEFT).await["check_ins"]["carried_over"], 0);
    assert_eq!(deployment.ledger.admissions(&event.id).await, 2);
}

on_both!(what_was_scanned_here_is_left_alone);
async fn what_was_scanned_here_is_left_alone(deployment: Deployment) {
    let (event, phone) = (deployment.admin.event("Gala").await, phone(&deployment).await);
    import_list(&deployment.admin.client, &event, "a,VIP,,,Yes,,\n").await;
    phone.admits(&event, "a").await;
    let report = import_list(&deployment.admin.client, &event, LEFT).await;
    assert_eq!((&report["check_ins"]["left"], &report["check_ins"]["carried_over"]), (&json!(1), &json!(0)));
    assert_eq!(attendance(&phone, &event).await, [1, 1]);
}

on_both!(who_was_let_in_unpaid_is_unpaid_and_inside);
async fn who_was_let_in_unpaid_is_unpaid_and_inside(deployment: Deployment) {
    let (event, phone) = (deployment.admin.event("Gala").await, phone(&deployment).await);
    let report = import_list(&deployment.admin.client, &event, "a,VIP,2026-06-01 20:15,,No,,\n").await;
    assert_eq!(report["by_status"], json!({"unpaid": 1}));
    assert_eq!(attendance(&phone, &event).await, [1, 1]);
    phone.refuses(&event, "a", "unpaid").await;
}

on_both!(a_real_list_leaves_the_house_as_it_was);
async fn a_real_list_leaves_the_house_as_it_was(deployment: Deployment) {
    let (event, phone) = (deployment.admin.event_with("Autumn Festival", festival()).await, phone(&deployment).await);
    let report = send(&deployment.admin.client, &event, CSV, file("pretix-checkinlist-comma.csv")).await.ok(200);
    assert_eq!(report["check_ins"], json!({"used": 609, "left": 203, "inside": 406 + 93, "carried_over": 609 + 85 + 25}));
    assert_eq!(attendance(&phone, &event).await, [609, 406 + 93]);
    // The order list has the entries of the other lists as well, with the list, but no exits.
    let report = send(&deployment.admin.client, &event, CSV, file("pretix-orderlist_positions-comma.csv")).await.ok(200);
    assert_eq!(report["check_ins"], json!({"used": 708, "left": 0, "inside": 708, "carried_over": 708 - 609}));
    assert_eq!(attendance(&phone, &event).await, [708, 406 + 93 + 708 - 609]);
}

on_both!(a_scan_and_a_check_in_of_the_same_moment_are_one_entry);
async fn a_scan_and_a_check_in_of_the_same_moment_are_one_entry(deployment: Deployment) {
    let (event, phone) = (deployment.admin.event("Gala").await, phone(&deployment).await);
    let codes: Vec<String> = (0..200).map(|n| format!("code-{n}")).collect();
    let lines = |entered: &str| codes.iter().map(|code| format!("{code},VIP,{entered},,Yes,,\n")).collect::<String>();
    import_list(&deployment.admin.client, &event, &lines("")).await;
    let phones = [phone.at(deployment.a()), phone.at(deployment.b())];
    let office = deployment.admin.at(deployment.b());
    let entered = lines("2026-06-01 20:15");
    let scans = join_all(codes.iter().enumerate().map(|(n, code)| phones[n % 2].scan(&event, code)));
    let (report, answers) = tokio::join!(import_list(&office.client, &event, &entered), scans);
    let admitted = answers.iter().filter(|answer| answer["verdict"] == "admit").count();
    let carried = report["check_ins"]["carried_over"].as_u64().unwrap();
    assert_eq!(u64::try_from(admitted).unwrap() + carried, 200);
    assert_eq!(deployment.ledger.admissions(&event.id).await, 200);
    assert_eq!(deployment.ledger.count("select count(*) from admissions where event_id = $1 and used > 1", &[&event.id]).await, 0);
}

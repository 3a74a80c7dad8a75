//! Refused scans are written down for supervisors: as far as there is time for it, and never in the way of an answer.

use serde_json::{Value, json};

use super::{Door, when_and_where::ticket_of};
use crate::support::{Deployment, Event, Setup, SignedIn, on_both, scan_of, until};

/// The list, once so many are written down.
async fn listed(deployment: &Deployment, event: &Event, count: usize) -> Vec<Value> {
    let path = format!("/v1/events/{}/refused-scans", event.id);
    until("all refused scans are written down", async || {
        deployment.admin.client.get(&path).await.ok(200)["items"].as_array().unwrap().len() >= count
    })
    .await;
    let list = deployment.admin.at(deployment.b()).client.get(&path).await.ok(200);
    assert_eq!(list["next_cursor"], Value::Null);
    let items = list["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), count, "{list}");
    items
}

/// A page of the list with these parameters.
async fn ask(deployment: &Deployment, event: &Event, query: &str) -> crate::support::Answer {
    deployment.admin.client.get(&format!("/v1/events/{}/refused-scans?{query}", event.id)).await
}

fn codes(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect()
}

on_both!(what_was_refused_is_told_to_supervisors);
async fn what_was_refused_is_told_to_supervisors(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "USED", "valid", 1).await;
    door.ticket(&deployment, "VOID", "void", 1).await;
    ticket_of(&deployment, &door, "VIP", json!({"gates": ["VIP"]})).await;
    let fair = deployment.admin.event("Fair").await;
    let stall = deployment.admin.ticket_type(&fair, "Stall", "5.00").await;
    deployment.admin.tickets(&fair, &stall, &["F-1"]).await;

    door.phone.admits(&door.event, "USED").await;
    let mut first = scan_of(&door.event, "USED\r\n");
    (first["gate"], first["scanned_at"]) = (json!("North"), json!("2026-06-01T18:04:05.678Z"));
    let answer = door.phone.send(&first).await.ok(200);
    door.phone.at(deployment.b()).refuses(&door.event, "VOID", "void").await;
    door.phone.refuses(&door.event, "VIP", "wrong_gate").await;
    door.phone.at(deployment.b()).refuses(&door.event, "F-1", "wrong_event").await;
    let mut out = scan_of(&door.event, "no such code");
    out["direction"] = json!("out");
    door.phone.send(&out).await.ok(200);

    let items = listed(&deployment, &door.event, 5).await;
    let reasons: Vec<&str> = items.iter().map(|item| item["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["unknown_ticket", "wrong_event", "wrong_gate", "void", "already_admitted"], "newest first");
    assert_eq!((&items[0]["scan"], &items[0]["direction"], &items[0]["ticket"]), (&out["id"], &json!("out"), &Value::Null));
    assert_eq!(items[1]["ticket"], Value::Null, "this event has no such ticket");
    let oldest = &items[4];
    assert_eq!(oldest["ticket"], json!({"id": answer["ticket"]["id"], "type": {"id": door.seat.id, "name": "Seat"}}));
    assert_eq!((&oldest["scan"], &oldest["code"], &oldest["gate"]), (&first["id"], &json!("USED"), &json!("North")));
    assert_eq!((&oldest["direction"], &oldest["scanned_at"]), (&json!("in"), &first["scanned_at"]));
    assert_eq!(oldest["device"], json!({"id": door.phone.device.id, "name": door.phone.device.name}));
    assert_eq!(oldest["user"]["id"], door.phone.session["user"]["id"]);
    assert!(oldest["refused_at"].is_string() && oldest["id"].is_string(), "{oldest}");
    assert_eq!(listed(&deployment, &fair, 0).await, Vec::<Value>::new());
}

on_both!(only_refused_tickets_are_written_down);
async fn only_refused_tickets_are_written_down(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let mut dry_run = scan_of(&door.event, "no such code");
    dry_run["dry_run"] = json!(true);
    door.phone.send(&dry_run).await.ok(200);
    let green = scan_of(&door.event, "A-1");
    door.phone.send(&green).await.ok(200);
    assert!(door.phone.send(&green).await.replayed());
    door.phone.try_scan(&door.event, "").await.invalid_at("/code");
    let viewer = deployment.admin.hire("viewer").await;
    deployment.admin.phone(&viewer).await.try_scan(&door.event, "A-1").await.problem(403, "permission_missing");
    deployment.a().post("/v1/scans", &scan_of(&door.event, "A-1")).await.problem(401, "token_missing");
    // What comes last is all that is there.
    door.phone.refuses(&door.event, "LAST", "unknown_ticket").await;
    assert_eq!(listed(&deployment, &door.event, 1).await[0]["code"], "LAST");
}

on_both!(a_scan_that_is_sent_again_is_refused_again);
async fn a_scan_that_is_sent_again_is_refused_again(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let scan = scan_of(&door.event, "A-1");
    for phone in [door.phone.clone(), door.phone.at(deployment.b())] {
        assert_eq!(phone.send(&scan).await.ok(200)["verdict"], "refuse");
    }
    let items = listed(&deployment, &door.event, 2).await;
    assert_eq!((&items[0]["scan"], &items[1]["scan"]), (&scan["id"], &scan["id"]));
    assert_ne!(items[0]["id"], items[1]["id"]);
}

on_both!(supervisors_look_for_what_they_need);
async fn supervisors_look_for_what_they_need(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "VOID", "void", 1).await;
    let other = deployment.admin.hire("box_office").await;
    let other = deployment.admin.phone(&other).await;
    for (phone, code, gate) in
        [(&door.phone, "ONE", "North"), (&other, "TWO", "South"), (&door.phone, "VOID", "South"), (&other, "FOUR", "East")]
    {
        let mut scan = scan_of(&door.event, code);
        scan["gate"] = json!(gate);
        phone.send(&scan).await.ok(200);
    }
    let items = listed(&deployment, &door.event, 4).await;
    let at = |place: usize| items[place]["refused_at"].as_str().unwrap().to_owned();
    for (query, expected) in [
        ("reason=void".to_owned(), vec!["VOID"]),
        ("reason=blocked".to_owned(), vec![]),
        (format!("device={}", other.device.id), vec!["FOUR", "TWO"]),
        ("gate=South".to_owned(), vec!["VOID", "TWO"]),
        ("gate=south".to_owned(), vec![]),
        (format!("gate=South&device={}&reason=unknown_ticket", other.device.id), vec!["TWO"]),
        ("from=2020-01-01T00:00:00Z&until=2090-01-01T00:00:00.000Z".to_owned(), vec!["FOUR", "VOID", "TWO", "ONE"]),
        ("until=2020-01-01T00:00:00Z".to_owned(), vec![]),
        ("from=2090-01-01T00:00:00%2B02:00".to_owned(), vec![]),
    ] {
        assert_eq!(codes(&ask(&deployment, &door.event, &query).await.ok(200)), expected, "{query}");
    }
    // From is the first moment that counts, until the first that does not.
    let from = ask(&deployment, &door.event, &format!("from={}", at(0))).await.ok(200);
    assert!(codes(&from).contains(&"FOUR"), "{from}");
    let until = ask(&deployment, &door.event, &format!("until={}", at(3))).await.ok(200);
    assert_eq!(codes(&until), Vec::<&str>::new());

    // Page by page, with a filter or without.
    for (query, expected) in [("", vec!["FOUR", "VOID", "TWO", "ONE"]), ("&reason=unknown_ticket", vec!["FOUR", "TWO", "ONE"])] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = ask(&deployment, &door.event, &format!("limit=1{query}{cursor}")).await.ok(200);
            found.extend(codes(&page).into_iter().map(str::to_owned));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, expected, "{query}");
    }
}

on_both!(what_is_asked_for_is_checked);
async fn what_is_asked_for_is_checked(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let long = "x".repeat(201);
    for (query, pointer) in [
        ("reason=because", "/reason"),
        ("reason=", "/reason"),
        ("device=phone", "/device"),
        ("gate=", "/gate"),
        (&format!("gate={long}"), "/gate"),
        ("from=yesterday", "/from"),
        ("until=2026-06-01", "/until"),
        ("until=0000-01-01T00:00:00Z", "/until"),
        ("limit=0", "/limit"),
        ("limit=1001", "/limit"),
        ("cursor=nonsense", "/cursor"),
    ] {
        ask(&deployment, &event, query).await.invalid_at(pointer);
    }
    ask(&deployment, &event, "limit=many").await.problem(422, "invalid_body");
    ask(&deployment, &Event { id: "no-uuid".to_owned() }, "limit=0").await.problem(404, "not_found");
}

on_both!(only_who_manages_events_is_told);
async fn only_who_manages_events_is_told(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let path = format!("/v1/events/{}/refused-scans", event.id);
    for (role, may) in [
        ("organisation_admin", true),
        ("event_manager", true),
        ("finance_manager", false),
        ("scanner", false),
        ("viewer", false),
        ("box_office", false),
        ("door_operator", false),
        ("none", false),
    ] {
        let member = deployment.admin.hire_for(role, &[&event]).await;
        let signed_in = member.signed_in(deployment.b()).await;
        let answer = signed_in.client.get(&path).await;
        if may {
            answer.ok(200);
            // A scanner's session carries entry permissions only.
            let phone: SignedIn = SignedIn::clone(&*deployment.admin.phone(&member).await);
            phone.client.get(&path).await.problem(403, "permission_missing");
        } else {
            assert_eq!(answer.problem(403, "permission_missing")["permission"], "events:manage", "{role}");
            signed_in.client.get(&format!("{path}?reason=because")).await.problem(403, "permission_missing");
        }
    }
    deployment.a().get(&path).await.problem(401, "token_missing");
}

on_both!(a_log_that_cannot_be_written_keeps_nobody_waiting);
async fn a_log_that_cannot_be_written_keeps_nobody_waiting(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.phone.refuses(&door.event, "BEFORE", "unknown_ticket").await;
    listed(&deployment, &door.event, 1).await;
    let lock = match deployment.setup {
        Setup::Shared => "lock table refused_scans in access exclusive mode",
        // Whoever writes anything holds the whole file.
        Setup::Embedded => "select 1",
    };
    let held = deployment.ledger.hold(lock).await;
    for number in 0..50 {
        door.phone.refuses(&door.event, &format!("LOST {number}"), "unknown_ticket").await;
    }
    if deployment.setup == Setup::Shared {
        door.ticket(&deployment, "A-1", "valid", 1).await;
        door.phone.admits(&door.event, "A-1").await;
    }
    until("the loss is counted", async || {
        let metrics = deployment.a().get("/metrics").await.text;
        let lost = metrics.lines().find_map(|line| line.strip_prefix("stagedoor_refused_scans_lost_total ")).unwrap().to_owned();
        lost.parse::<u64>().unwrap() > 0
    })
    .await;
    drop(held);
    let path = format!("/v1/events/{}/refused-scans", door.event.id);
    until("the log goes on", async || {
        door.phone.refuses(&door.event, "AFTER", "unknown_ticket").await;
        codes(&deployment.admin.client.get(&path).await.ok(200)).contains(&"AFTER")
    })
    .await;
}

on_both!(what_waits_is_written_down_before_a_gateway_ends);
async fn what_waits_is_written_down_before_a_gateway_ends(mut deployment: Deployment) {
    let door = Door::open(&deployment).await;
    for number in 0..50 {
        door.phone.at(deployment.turn(number)).refuses(&door.event, &format!("NO {number}"), "unknown_ticket").await;
    }
    deployment.close();
    let written = deployment.ledger.count("select count(*) from refused_scans where event_id = $1", &[&door.event.id]).await;
    assert_eq!(written, 50);
}

on_both!(what_is_old_is_forgotten_by_itself);
async fn what_is_old_is_forgotten_by_itself(mut deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.phone.refuses(&door.event, "NEW", "unknown_ticket").await;
    listed(&deployment, &door.event, 1).await;
    deployment.close();
    let then = match deployment.setup {
        Setup::Shared => "now() - interval '91 days'",
        Setup::Embedded => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-91 days')",
    };
    let older = format!(
        "insert into refused_scans (id, organisation_id, event_id, scan_id, code, direction, reason, session_id, device_id, refused_at)
         select scan_id, organisation_id, event_id, scan_id, 'OLD', direction, reason, session_id, device_id, {then} from refused_scans"
    );
    deployment.ledger.execute(&older).await.unwrap();
    deployment.reopen();
    let old = "select count(*) from refused_scans where event_id = $1 and code = 'OLD'";
    until("the old one is forgotten", async || deployment.ledger.count(old, &[&door.event.id]).await == 0).await;
    assert_eq!(listed(&deployment, &door.event, 1).await[0]["code"], "NEW");
}

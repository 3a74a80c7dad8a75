//! D3, D5: what a scan answers, and what it leaves in the ledger.

mod attendance;
mod confirmed;
mod refused;
mod repeated;
mod taken_back;
mod when_and_where;
mod who_may;

use serde_json::{Value, json};

use crate::support::{Admin, Deployment, Event, Phone, TicketType, new_id, on_both, scan_of};

/// An event with one ticket type and a scanner user at its door.
pub struct Door {
    pub event: Event,
    pub seat: TicketType,
    pub phone: Phone,
}

impl Door {
    pub async fn open(deployment: &Deployment) -> Self {
        Self::open_for(&deployment.admin).await
    }

    pub async fn open_for(admin: &Admin) -> Self {
        let event = admin.event("Gala").await;
        let seat = admin.ticket_type(&event, "Seat", "12.50").await;
        let scanner = admin.hire("scanner").await;
        let phone = admin.phone(&scanner).await;
        Self { event, seat, phone }
    }

    /// A ticket of a status and a number of entries.
    pub async fn ticket(&self, deployment: &Deployment, code: &str, status: &str, entries: u32) {
        let ticket = json!({"code": code, "type": self.seat.id, "status": status, "entries_allowed": entries});
        let taken = deployment.admin.upload(&self.event, json!([ticket])).await;
        assert_eq!(taken["rejected"], json!([]), "{taken}");
    }
}

on_both!(a_valid_ticket_lets_in_once);
async fn a_valid_ticket_lets_in_once(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let scan = scan_of(&door.event, "A-1");
    let answer = door.phone.send(&scan).await.ok(200);
    assert_eq!((&answer["id"], &answer["verdict"], &answer["reason"]), (&scan["id"], &json!("admit"), &Value::Null));
    assert_eq!((&answer["ticket"]["entries_used"], &answer["ticket"]["entries_allowed"]), (&json!(1), &json!(1)));
    assert_eq!((&answer["admission"]["seq"], &answer["admission"]["direction"]), (&json!(1), &json!("in")));
    assert_eq!(answer["previous"], Value::Null);

    let refused = door.phone.at(deployment.b()).refuses(&door.event, "A-1", "already_admitted").await;
    let previous = &refused["previous"];
    assert_eq!(previous["recorded_at"], answer["admission"]["recorded_at"]);
    assert_eq!((&previous["direction"], &previous["same_device"]), (&json!("in"), &json!(true)));
    assert_eq!(previous["device"], json!({"id": door.phone.device.id, "name": door.phone.device.name}));
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 1);
}

on_both!(another_device_is_told_that_it_was_not_this_one);
async fn another_device_is_told_that_it_was_not_this_one(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let mut scan = scan_of(&door.event, "A-1");
    scan["gate"] = json!("North");
    door.phone.send(&scan).await.ok(200);
    let other = deployment.admin.hire("box_office").await;
    let other = deployment.admin.phone(&other).await.at(deployment.b());
    let refused = other.refuses(&door.event, "A-1", "already_admitted").await;
    assert_eq!(refused["previous"]["same_device"], false);
    assert_eq!(refused["previous"]["gate"], "North");
    assert_eq!(refused["previous"]["device"]["id"], json!(door.phone.device.id));
}

on_both!(a_device_stands_at_its_own_gate_unless_the_scan_names_another);
async fn a_device_stands_at_its_own_gate_unless_the_scan_names_another(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let wish = json!({"name": "West 1", "kind": "scanner", "gate": "West"});
    let made = deployment.admin.client.post("/v1/devices", &wish).await.ok(201);
    let device = deployment.admin.enrol(made["enrolment_code"].as_str().unwrap()).await;
    let scanner = deployment.admin.hire("scanner").await;
    let phone = scanner.phone(&device).await;
    phone.admits(&door.event, "A-1").await;
    assert_eq!(phone.refuses(&door.event, "A-1", "already_admitted").await["previous"]["gate"], "West");
}

on_both!(an_unknown_code_is_turned_away);
async fn an_unknown_code_is_turned_away(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let refused = door.phone.refuses(&door.event, "no such code", "unknown_ticket").await;
    assert_eq!((&refused["ticket"], &refused["previous"]), (&Value::Null, &Value::Null));
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 0);
}

on_both!(a_ticket_that_is_not_valid_is_turned_away_for_its_status);
async fn a_ticket_that_is_not_valid_is_turned_away_for_its_status(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    for status in ["void", "unpaid", "blocked", "refunded"] {
        door.ticket(&deployment, status, status, 1).await;
        let refused = door.phone.refuses(&door.event, status, status).await;
        assert!(refused["ticket"]["id"].is_string(), "{refused}");
        assert_eq!(refused["ticket"]["entries_used"], 0);
    }
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 0);
}

on_both!(a_ticket_of_another_live_event_says_which);
async fn a_ticket_of_another_live_event_says_which(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let fair = deployment.admin.event("Fair").await;
    let stall = deployment.admin.ticket_type(&fair, "Stall", "5.00").await;
    deployment.admin.tickets(&fair, &stall, &["F-1"]).await;
    let refused = door.phone.refuses(&door.event, "F-1", "wrong_event").await;
    assert_eq!(refused["right_event"], json!({"id": fair.id, "name": "Fair"}));

    deployment.admin.set_status(&fair, "ended").await;
    door.phone.refuses(&door.event, "F-1", "unknown_ticket").await;
}

on_both!(every_entry_is_used_and_numbered);
async fn every_entry_is_used_and_numbered(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "PASS", "valid", 3).await;
    for entry in 1..=3 {
        let answer = door.phone.at(deployment.turn(entry)).admits(&door.event, "PASS").await;
        assert_eq!((&answer["admission"]["seq"], &answer["ticket"]["entries_used"]), (&json!(entry), &json!(entry)));
    }
    let refused = door.phone.refuses(&door.event, "PASS", "already_admitted").await;
    assert_eq!(refused["ticket"]["entries_used"], 3);
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 3);
}

on_both!(the_type_says_how_many_entries_unless_the_ticket_does);
async fn the_type_says_how_many_entries_unless_the_ticket_does(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let kind = json!({"name": "Duo", "price": "20.00", "entries_allowed": 2});
    let duo = deployment.admin.ticket_type_with(&door.event, kind).await;
    deployment.admin.tickets(&door.event, &duo, &["D-1"]).await;
    for _ in 0..2 {
        door.phone.admits(&door.event, "D-1").await;
    }
    door.phone.refuses(&door.event, "D-1", "already_admitted").await;
}

on_both!(a_dry_run_decides_and_records_nothing);
async fn a_dry_run_decides_and_records_nothing(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let mut scan = scan_of(&door.event, "A-1");
    scan["dry_run"] = json!(true);
    for _ in 0..2 {
        let answer = door.phone.send(&scan).await;
        assert!(!answer.replayed(), "nothing was recorded that could be answered again");
        let answer = answer.ok(200);
        assert_eq!((&answer["verdict"], &answer["admission"]), (&json!("admit"), &Value::Null));
    }
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 0);
    door.phone.admits(&door.event, "A-1").await;
    let refused = door.phone.send(&scan).await.ok(200);
    assert_eq!((&refused["verdict"], &refused["reason"]), (&json!("refuse"), &json!("already_admitted")));
}

on_both!(what_a_scanner_adds_around_a_code_is_cut);
async fn what_a_scanner_adds_around_a_code_is_cut(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    for (number, around) in ["\r\n", "\t ", "\u{1d}", "\u{2}\u{3}", "\u{0}"].iter().enumerate() {
        let code = format!("KASSE {number}");
        door.ticket(&deployment, &code, "valid", 1).await;
        door.phone.admits(&door.event, &format!("{around}{code}{around}")).await;
    }
}

on_both!(a_code_has_one_to_five_hundred_and_twelve_bytes);
async fn a_code_has_one_to_five_hundred_and_twelve_bytes(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.phone.try_scan(&door.event, "").await.invalid_at("/code");
    door.phone.try_scan(&door.event, " \r\n").await.invalid_at("/code");
    door.phone.try_scan(&door.event, &"x".repeat(513)).await.invalid_at("/code");
    // 256 characters of two bytes each: bytes count, not characters.
    door.phone.try_scan(&door.event, &"é".repeat(257)).await.invalid_at("/code");
    let longest = "é".repeat(256);
    door.ticket(&deployment, &longest, "valid", 1).await;
    door.phone.admits(&door.event, &longest).await;
}

on_both!(the_time_on_the_phone_is_recorded_and_never_decided_on);
async fn the_time_on_the_phone_is_recorded_and_never_decided_on(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.ticket(&deployment, "A-1", "valid", 1).await;
    let mut scan = scan_of(&door.event, "A-1");
    scan["scanned_at"] = json!("1999-12-31T23:59:59.000Z");
    assert_eq!(door.phone.send(&scan).await.ok(200)["verdict"], "admit");
}

on_both!(what_is_sent_for_a_scan_is_checked);
async fn what_is_sent_for_a_scan_is_checked(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    for (name, value) in [
        ("id", json!("not a uuid")),
        ("direction", json!("sideways")),
        ("scanned_at", json!("just now")),
        ("dry_run", json!("no")),
        ("code", json!(12345)),
    ] {
        let mut scan = scan_of(&door.event, "A-1");
        scan[name] = value;
        door.phone.send(&scan).await.invalid_at(&format!("/{name}"));
    }
    let mut scan = scan_of(&door.event, "A-1");
    scan["dryrun"] = json!(true);
    door.phone.send(&scan).await.problem(422, "invalid_body");
    door.phone.send(&json!({"id": new_id(), "event": door.event.id})).await.problem(422, "invalid_body");
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 0);
}

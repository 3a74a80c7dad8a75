//! Real exports of another system, read as they are: every code is scanned and compared with what must come out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Event, Finished, House, Phone, new_id, on_both};

/// The sheet of all order positions. It knows every code and every state.
const POSITIONS: &str = "pretix-orderlist_positions-comma.csv";
/// A check-in list. It leaves out what is cancelled or expired, and calls unpaid what another file knows better.
const CHECK_IN_LIST: &str = "pretix-checkinlist-comma.csv";

on_both!(every_code_of_the_order_positions_scans_as_it_must);
async fn every_code_of_the_order_positions_scans_as_it_must(mut house: House) {
    let (event, phone) = imported(&mut house, POSITIONS).await;
    let stored = house.book.count("select count(*) from tickets where event_id = $1", &[&event.id]).await;
    assert_eq!(stored, 1_654);
    compare(&house, &event, &phone, Expected::in_positions).await;
}

on_both!(every_code_of_the_check_in_list_scans_as_it_must);
async fn every_code_of_the_check_in_list_scans_as_it_must(mut house: House) {
    let (event, phone) = imported(&mut house, CHECK_IN_LIST).await;
    let stored = house.book.count("select count(*) from tickets where event_id = $1", &[&event.id]).await;
    assert_eq!(stored, 1_454);
    compare(&house, &event, &phone, Expected::in_check_in_list).await;
}

on_both!(an_import_is_safe_to_repeat);
async fn an_import_is_safe_to_repeat(mut house: House) {
    let (event, _) = imported(&mut house, POSITIONS).await;
    let count = "select count(*) from tickets where event_id = $1";
    let before = house.book.count(count, &[&event.id]).await;
    import(&mut house, &event.id, &data(POSITIONS)).expect_success();
    assert_eq!(house.book.count(count, &[&event.id]).await, before);
}

on_both!(an_import_for_no_event_or_from_no_file_fails);
async fn an_import_for_no_event_or_from_no_file_fails(mut house: House) {
    let event = house.admin.event("Gala").await;
    assert!(!import(&mut house, &new_id(), &data(POSITIONS)).success);
    assert!(!import(&mut house, &event.id, &data("no-such-file.csv")).success);
    assert_eq!(house.book.count("select count(*) from tickets where event_id = $1", &[&event.id]).await, 0);
}

async fn imported(house: &mut House, file: &str) -> (Event, Phone) {
    let event = json!({"starts_at": "2026-10-23T10:00:00.000Z", "ends_at": "2026-10-25T23:00:00.000Z"});
    let event = house.admin.event_with("Autumn Festival", event).await;
    import(house, &event.id, &data(file)).expect_success();
    let scanner = house.admin.hire("scanner").await;
    let phone = house.admin.phone(&scanner).await;
    (event, phone)
}

fn import(house: &mut House, event: &str, file: &Path) -> Finished {
    let file = file.display().to_string();
    house.with_commands(|house| Finished::run(&mut house.command(&["import-tickets", "--event", event, &file]), ""))
}

/// Scans every code there is, and lists all that came out otherwise than they may.
async fn compare(house: &House, event: &Event, phone: &Phone, may: fn(&Expected, DateTime<Utc>) -> Vec<&'static str>) {
    let expected = Expected::all();
    assert_eq!(expected.len(), 1_654);
    let phones = [phone.at(house.a()), phone.at(house.b())];
    let mut wrong = Vec::new();
    for chunk in expected.chunks(64) {
        let scans = chunk.iter().enumerate().map(|(number, row)| phones[number % 2].scan(event, &row.code));
        for (row, answer) in chunk.iter().zip(join_all(scans).await) {
            let outcome = outcome(&answer);
            if !may(row, Utc::now()).contains(&outcome.as_str()) {
                wrong.push(format!("{} is {} and was answered {outcome}", row.code, row.state));
            }
        }
    }
    assert!(wrong.is_empty(), "{} codes:\n{}", wrong.len(), wrong.join("\n"));
}

fn outcome(answer: &Value) -> String {
    if answer["verdict"] == "admit" { "admit".to_owned() } else { answer["reason"].as_str().unwrap().to_owned() }
}

/// One line of the file that says how each code really stands.
struct Expected {
    code: String,
    state: String,
    confirmed: bool,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    used: bool,
}

impl Expected {
    fn all() -> Vec<Self> {
        let mut reader = csv::Reader::from_path(data("expected-autumn-festival.csv")).unwrap();
        let rows = reader.deserialize::<HashMap<String, String>>();
        rows.map(|row| Self::of(&row.unwrap())).collect()
    }

    fn of(row: &HashMap<String, String>) -> Self {
        let time = |name: &str| row[name].parse().ok();
        let used = row.iter().any(|(name, count)| name.starts_with("entries [") && count != "0");
        Self {
            code: row["code"].clone(),
            state: row["state"].clone(),
            confirmed: !row["pending_but_confirmed"].is_empty(),
            from: time("valid_from_utc"),
            until: time("valid_until_utc"),
            used,
        }
    }

    /// What the door may answer when the order positions were imported.
    fn in_positions(&self, now: DateTime<Utc>) -> Vec<&'static str> {
        let mut outcomes = match self.state.as_str() {
            "valid" => self.admissible(),
            "unpaid" => vec!["unpaid"],
            // The contract has no word for it: nobody has said yes to this order yet, and it is not paid.
            "approval" => vec!["unpaid", "blocked"],
            "expired" => vec!["unpaid", "void"],
            "void" => vec!["void", "refunded"],
            "blocked" => vec!["blocked"],
            other => panic!("{other} is no state"),
        };
        outcomes.extend(self.window(now));
        outcomes
    }

    /// What the door may answer when only the check-in list was imported.
    fn in_check_in_list(&self, now: DateTime<Utc>) -> Vec<&'static str> {
        match self.state.as_str() {
            "void" | "expired" => vec!["unknown_ticket"],
            "approval" => vec!["unpaid"],
            "valid" if self.confirmed => vec!["unpaid"],
            _ => self.in_positions(now),
        }
    }

    /// Whoever was let in by the other system may be carried over as such.
    fn admissible(&self) -> Vec<&'static str> {
        if self.used { vec!["admit", "already_admitted"] } else { vec!["admit"] }
    }

    fn window(&self, now: DateTime<Utc>) -> Option<&'static str> {
        match (self.from, self.until) {
            (Some(from), _) if now < from => Some("too_early"),
            (_, Some(until)) if now > until => Some("too_late"),
            _ => None,
        }
    }
}

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

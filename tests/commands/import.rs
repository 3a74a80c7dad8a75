//! Real exports of another system, read as they are: every code is scanned and compared with what must come out.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Deployment, Event, Finished, Phone, new_id, on_both};

/// The sheet of all order positions. It knows every code and every state.
const POSITIONS: &str = "pretix-orderlist_positions-comma.csv";
/// A check-in list. It leaves out what is cancelled or expired, and calls unpaid what another file knows better.
const CHECK_IN_LIST: &str = "pretix-checkinlist-comma.csv";

on_both!(every_code_of_the_order_positions_scans_as_it_must);
async fn every_code_of_the_order_positions_scans_as_it_must(mut deployment: Deployment) {
    let (event, phone) = imported(&mut deployment, POSITIONS).await;
    let stored = deployment.ledger.count("select count(*) from tickets where event_id = $1", &[&event.id]).await;
    assert_eq!(stored, 1_654);
    compare(&deployment, &event, &phone, Expected::in_positions).await;
}

on_both!(every_code_of_the_check_in_list_scans_as_it_must);
async fn every_code_of_the_check_in_list_scans_as_it_must(mut deployment: Deployment) {
    let (event, phone) = imported(&mut deployment, CHECK_IN_LIST).await;
    let stored = deployment.ledger.count("select count(*) from tickets where event_id = $1", &[&event.id]).await;
    assert_eq!(stored, 1_454);
    compare(&deployment, &event, &phone, Expected::in_check_in_list).await;
}

on_both!(an_import_is_safe_to_repeat);
async fn an_import_is_safe_to_repeat(mut deployment: Deployment) {
    let (event, _) = imported(&mut deployment, POSITIONS).await;
    let count = "select count(*) from tickets where event_id = $1";
    let before = deployment.ledger.count(count, &[&event.id]).await;
    import(&mut deployment, &event.id, &data(POSITIONS)).expect_success();
    assert_eq!(deployment.ledger.count(count, &[&event.id]).await, before);
}

on_both!(what_became_of_each_row_is_written_down);
async fn what_became_of_each_row_is_written_down(mut deployment: Deployment) {
    let event = deployment.admin.event_with("Autumn Festival", festival()).await;
    let folder = tempfile::tempdir().unwrap();
    let (export, rows) = (folder.path().join("export.csv"), folder.path().join("rows.csv"));
    let mut text = std::fs::read_to_string(data("pretix-checkinlist-excel.csv")).unwrap();
    let twice = text.lines().last().unwrap().to_owned();
    text.push_str(&twice);
    std::fs::write(&export, text).unwrap();
    let told = report_of(&mut deployment, &event.id, &export, &["--rows", rows.to_str().unwrap()]);
    assert_eq!((&told["rows"], &told["created"], &told["rejected_total"]), (&json!(71), &json!(70), &json!(1)), "{told}");

    let mut rows = csv::Reader::from_path(rows).unwrap();
    let rows: Vec<HashMap<String, String>> = rows.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 71);
    let (last, taken) = rows.split_last().unwrap();
    assert!(taken.iter().all(|row| row["outcome"] == "taken" && row["status"] == "valid" && row["reason"].is_empty()), "{taken:?}");
    assert_eq!((last["outcome"].as_str(), &last["code"]), ("rejected", &taken.last().unwrap()["code"]));
    assert_eq!(
        (&last["row"], &last["reason"]),
        (&told["rejected"][0]["row"].to_string(), &told["rejected"][0]["detail"].as_str().unwrap().to_owned())
    );
}

on_both!(a_dry_run_tells_the_same_and_writes_nothing);
async fn a_dry_run_tells_the_same_and_writes_nothing(mut deployment: Deployment) {
    let event = deployment.admin.event_with("Autumn Festival", festival()).await;
    let count = "select count(*) from tickets where event_id = $1";
    let would = report(&mut deployment, &event.id, POSITIONS, &["--dry-run"]);
    assert_eq!((&would["dry_run"], &would["created"], &would["rows"]), (&json!(true), &json!(1_654), &json!(1_654)));
    assert_eq!(deployment.ledger.count(count, &[&event.id]).await, 0);
    assert_eq!(deployment.ledger.count("select count(*) from ticket_types where event_id = $1", &[&event.id]).await, 0);
    let types = |report: &Value| {
        let types = report["ticket_types"].as_array().unwrap().iter();
        types.map(|t| [&t["name"], &t["created"], &t["tickets"]].map(Value::to_string)).collect::<HashSet<_>>()
    };
    assert!(would["ticket_types"].as_array().unwrap().iter().all(|t| t["id"].is_null() && t["created"] == true), "{would}");

    let did = report(&mut deployment, &event.id, POSITIONS, &[]);
    assert_eq!((&did["dry_run"], &did["created"], &did["unchanged"]), (&json!(false), &json!(1_654), &json!(0)));
    assert_eq!((types(&did), &did["by_status"]), (types(&would), &would["by_status"]));
    let again = report(&mut deployment, &event.id, POSITIONS, &["--dry-run"]);
    assert_eq!((&again["created"], &again["updated"], &again["unchanged"]), (&json!(0), &json!(0), &json!(1_654)));
    // The check-in list says "not paid" of the nine that count as paid, and has the invoice's name where there is no attendee's.
    let other = report(&mut deployment, &event.id, CHECK_IN_LIST, &["--dry-run"]);
    let really = report(&mut deployment, &event.id, CHECK_IN_LIST, &[]);
    assert_eq!((&other["created"], &other["updated"], &other["unchanged"]), (&really["created"], &really["updated"], &really["unchanged"]));
    assert!(really["updated"].as_u64().unwrap() > 9 && really["unchanged"].as_u64().unwrap() > 1_000, "{really}");
}

on_both!(every_export_is_read_and_reported_on);
async fn every_export_is_read_and_reported_on(mut deployment: Deployment) {
    for (file, rows, by_status) in [
        (CHECK_IN_LIST, 1_454, json!({"valid": 1_324, "unpaid": 109, "blocked": 21})),
        ("pretix-checkinlist-excel.csv", 70, json!({"valid": 70})),
        ("pretix-checkinlist-semicolon-de.csv", 1_454, json!({"valid": 1_324, "unpaid": 109, "blocked": 21})),
        ("pretix-checkinlist-xlsx.xlsx", 70, json!({"valid": 70})),
        ("pretix-checkinlistcodes-semicolon.csv", 1_433, json!({"valid": 1_324, "unpaid": 109})),
        ("pretix-json-json.json.gz", 1_625, json!({"valid": 1_324, "unpaid": 109, "void": 171, "blocked": 21})),
        ("pretix-orderlist-xlsx.xlsx", 376, json!({"valid": 324, "unpaid": 9, "void": 38, "blocked": 5})),
        (POSITIONS, 1_654, json!({"valid": 1_333, "unpaid": 100, "void": 200, "blocked": 21})),
        ("pretix-orderlist_positions-semicolon-de.csv", 295, json!({"valid": 237, "unpaid": 11, "void": 43, "blocked": 4})),
    ] {
        let event = deployment.admin.event_with(file, festival()).await;
        let report = report(&mut deployment, &event.id, file, &[]);
        assert_eq!((&report["rows"], &report["created"], &report["by_status"]), (&json!(rows), &json!(rows), &by_status), "{file}");
        assert_eq!((&report["rejected"], &report["rejected_total"]), (&json!([]), &json!(0)), "{file}");
        let of_types = report["ticket_types"].as_array().unwrap().iter().map(|t| t["tickets"].as_i64().unwrap()).sum::<i64>();
        assert_eq!(of_types, rows, "{file}");
        assert_eq!(deployment.ledger.count("select count(*) from tickets where event_id = $1", &[&event.id]).await, rows, "{file}");
    }
}

on_both!(a_file_without_tickets_imports_nothing_and_says_why);
async fn a_file_without_tickets_imports_nothing_and_says_why(mut deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    for (file, reason) in [
        ("pretix-checkinlist-nosecrets-comma.csv", "Include QR-code secret"),
        ("pretix-orderlist_orders-semicolon.csv", "no column with ticket codes"),
        ("pretix-checkinlog-comma.csv", "a log of scans"),
    ] {
        import(&mut deployment, &event.id, &data(file)).expect_refusal(reason);
    }
    let heading = deployment.data().join("heading.csv");
    std::fs::write(&heading, "Secret,Product,Paid\n").unwrap();
    import(&mut deployment, &event.id, &heading).expect_refusal("nothing was imported");
    assert_eq!(deployment.ledger.count("select count(*) from ticket_types where event_id = $1", &[&event.id]).await, 0);
}

on_both!(each_row_that_is_not_taken_is_told_with_its_reason);
async fn each_row_that_is_not_taken_is_told_with_its_reason(mut deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let file = deployment.data().join("list.csv");
    std::fs::write(&file, "Secret,Product,Paid\na,VIP,Yes\n,VIP,Yes\nb,VIP,Perhaps\na,VIP,Yes\n").unwrap();
    let done = import(&mut deployment, &event.id, &file).expect_success();
    for told in ["row 3: the ticket has no code", "row 4, b: \"Perhaps\" is neither yes nor no", "row 5, a: the code stands in this"] {
        assert!(done.stderr.contains(told), "{told}: {}", done.stderr);
    }
    assert!(
        done.stdout.starts_with("4 rows: 1 tickets created, 0 updated, 0 unchanged, 3 rows not taken\nby status: 1 valid\n"),
        "{}",
        done.stdout
    );
    let report = report_of(&mut deployment, &event.id, &file, &[]);
    assert_eq!(
        (&report["rejected_total"], &report["rejected"][1]["row"], &report["rejected"][1]["code"]),
        (&json!(3), &json!(4), &json!("b"))
    );
}

on_both!(an_import_for_no_event_or_from_no_file_fails);
async fn an_import_for_no_event_or_from_no_file_fails(mut deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    assert!(!import(&mut deployment, &new_id(), &data(POSITIONS)).success);
    assert!(!import(&mut deployment, &event.id, &data("no-such-file.csv")).success);
    assert_eq!(deployment.ledger.count("select count(*) from tickets where event_id = $1", &[&event.id]).await, 0);
}

async fn imported(deployment: &mut Deployment, file: &str) -> (Event, Phone) {
    let event = deployment.admin.event_with("Autumn Festival", festival()).await;
    import(deployment, &event.id, &data(file)).expect_success();
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    (event, phone)
}

/// When the festival of the exports takes place.
fn festival() -> Value {
    json!({"starts_at": "2026-10-23T10:00:00.000Z", "ends_at": "2026-10-25T23:00:00.000Z"})
}

/// What the command reports to machines.
fn report(deployment: &mut Deployment, event: &str, file: &str, more: &[&str]) -> Value {
    report_of(deployment, event, &data(file), more)
}

fn report_of(deployment: &mut Deployment, event: &str, file: &Path, more: &[&str]) -> Value {
    let file = file.display().to_string();
    let arguments = [&["import-tickets", "--json", "--event", event], more, &[&file]].concat();
    let done = deployment.with_commands(|deployment| Finished::run(&mut deployment.command(&arguments), "")).expect_success();
    serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("not JSON alone: {}", done.stdout))
}

fn import(deployment: &mut Deployment, event: &str, file: &Path) -> Finished {
    let file = file.display().to_string();
    deployment.with_commands(|deployment| Finished::run(&mut deployment.command(&["import-tickets", "--event", event, &file]), ""))
}

/// Scans every code there is, and lists all that came out otherwise than they may.
async fn compare(deployment: &Deployment, event: &Event, phone: &Phone, may: fn(&Expected, DateTime<Utc>) -> Vec<&'static str>) {
    let expected = Expected::all();
    assert_eq!(expected.len(), 1_654);
    let phones = [phone.at(deployment.a()), phone.at(deployment.b())];
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

/// One client of the file with the true state of each code.
struct Expected {
    code: String,
    state: String,
    confirmed: bool,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// Let in on any list, and on the one that the check-in list was exported from.
    used: bool,
    used_here: bool,
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
            used_here: row["entries [Main entrance (with unpaid)]"] != "0",
        }
    }

    /// What the door may answer when the order positions were imported.
    fn in_positions(&self, now: DateTime<Utc>) -> Vec<&'static str> {
        match self.state.as_str() {
            "valid" => vec![self.at_the_door(now, self.used)],
            "unpaid" => vec!["unpaid"],
            // The contract has no word for it: this order has not been approved, and it is not paid.
            "approval" => vec!["unpaid", "blocked"],
            "expired" => vec!["unpaid", "void"],
            "void" => vec!["void", "refunded"],
            "blocked" => vec!["blocked"],
            other => panic!("{other} is no state"),
        }
    }

    /// What the door may answer when only the check-in list was imported.
    fn in_check_in_list(&self, now: DateTime<Utc>) -> Vec<&'static str> {
        match self.state.as_str() {
            "void" | "expired" => vec!["unknown_ticket"],
            "approval" => vec!["unpaid"],
            "valid" if self.confirmed => vec!["unpaid"],
            "valid" => vec![self.at_the_door(now, self.used_here)],
            _ => self.in_positions(now),
        }
    }

    /// Its own window first; then tickets that the other system has admitted are known as such.
    fn at_the_door(&self, now: DateTime<Utc>, used: bool) -> &'static str {
        match (self.from, self.until) {
            (Some(from), _) if now < from => "too_early",
            (_, Some(until)) if now > until => "too_late",
            _ if used => "already_admitted",
            _ => "admit",
        }
    }
}

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

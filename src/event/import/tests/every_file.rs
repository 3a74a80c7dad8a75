//! Every file of the test data against the table of its README and against what the data base said of each code.

use chrono::{DateTime, Utc};

use super::*;

/// One line of the table: the file, and what it must come to.
struct Line {
    file: &'static str,
    rows: usize,
    /// valid, unpaid (approval pending among them), void (expired and cancelled), blocked
    states: [usize; 4],
    /// used, left, used though not valid; none where the file has no entries.
    used: Option<[usize; 3]>,
}

const LINES: [Line; 8] = [
    Line { file: "pretix-checkinlist-comma.csv", rows: 1454, states: [1324, 109, 0, 21], used: Some([609, 203, 6]) },
    Line { file: "pretix-checkinlist-excel.csv", rows: 70, states: [70, 0, 0, 0], used: Some([58, 0, 0]) },
    Line { file: "pretix-checkinlist-semicolon-de.csv", rows: 1454, states: [1324, 109, 0, 21], used: Some([609, 203, 6]) },
    Line { file: "pretix-checkinlist-xlsx.xlsx", rows: 70, states: [70, 0, 0, 0], used: Some([58, 0, 0]) },
    Line { file: "pretix-checkinlistcodes-semicolon.csv", rows: 1433, states: [1324, 109, 0, 0], used: None },
    Line { file: "pretix-json-json.json.gz", rows: 1625, states: [1324, 98 + 11, 72 + 99, 21], used: None },
    Line { file: "pretix-orderlist-xlsx.xlsx", rows: 376, states: [324, 9, 6 + 32, 5], used: Some([188, 0, 0]) },
    Line { file: "pretix-orderlist_positions-comma.csv", rows: 1654, states: [1333, 89 + 11, 72 + 128, 21], used: Some([708, 0, 3]) },
];
const GERMAN_ORDERS: Line =
    Line { file: "pretix-orderlist_positions-semicolon-de.csv", rows: 295, states: [237, 11, 8 + 35, 4], used: Some([151, 0, 0]) };

#[test]
fn every_file_comes_to_what_its_readme_says() {
    for line in LINES.iter().chain([&GERMAN_ORDERS]) {
        let tickets = tickets(line.file);
        assert_eq!(tickets.len(), line.rows, "{}", line.file);
        assert_eq!(counts(&tickets), line.states, "{}", line.file);
        let visited = || tickets.values().filter(|row| row.visit.is_some());
        let left = visited().filter(|row| row.visit.as_ref().unwrap().has_left).count();
        let not_valid = visited().filter(|row| row.status != TicketStatus::Valid).count();
        assert_eq!([visited().count(), left, not_valid], line.used.unwrap_or_default(), "{}", line.file);
    }
}

#[test]
fn files_without_codes_and_logs_import_nothing() {
    for (file, part) in [
        ("pretix-checkinlist-nosecrets-comma.csv", "no column with ticket codes"),
        ("pretix-orderlist_orders-semicolon.csv", "no column with ticket codes"),
        ("pretix-checkinlog-comma.csv", "log of scans"),
    ] {
        let refused = read_file(file).unwrap_err().to_string();
        assert!(refused.contains(part), "{file}: {refused}");
    }
}

/// What the data base said of a code.
struct Truth {
    window: Window,
    /// entries and whether it is inside, on the list "Main entrance (with unpaid)" and on "VIP lounge".
    main: (u32, bool),
    vip: (u32, bool),
    used: bool,
}

fn truth() -> BTreeMap<String, Truth> {
    let mut file = csv::Reader::from_path(path("expected-autumn-festival.csv")).unwrap();
    let headings = file.headers().unwrap().clone();
    let column = |name: &str| headings.iter().position(|heading| heading == name).unwrap();
    let on = |record: &csv::StringRecord, list: &str| {
        let entries = record[column(&format!("entries [{list}]"))].parse().unwrap();
        (entries, &record[column(&format!("inside [{list}]"))] == "yes")
    };
    let time = |text: &str| text.parse::<DateTime<Utc>>().ok();
    let line = |record: csv::StringRecord| {
        let entered = |(name, count): (&str, &str)| name.starts_with("entries [") && count != "0";
        let truth = Truth {
            window: Window { from: time(&record[column("valid_from_utc")]), until: time(&record[column("valid_until_utc")]) },
            main: on(&record, "Main entrance (with unpaid)"),
            vip: on(&record, "VIP lounge"),
            used: headings.iter().zip(record.iter()).any(entered),
        };
        (record[0].to_owned(), truth)
    };
    file.records().map(|record| line(record.unwrap())).collect()
}

#[test]
fn every_file_tells_the_windows_of_validity() {
    let truth = truth();
    assert_eq!(truth.values().filter(|truth| truth.window != Window::default()).count(), 171 + 248 + 155 + 3);
    for line in LINES.iter().chain([&GERMAN_ORDERS]) {
        for (code, row) in tickets(line.file) {
            assert_eq!(row.window, Some(truth[&code].window), "{}: {code}", line.file);
        }
    }
}

#[test]
fn every_list_tells_who_was_let_in_and_who_is_inside() {
    let truth = truth();
    let main: fn(&Truth) -> (u32, bool) = |truth| truth.main;
    for (file, on) in [
        ("pretix-checkinlist-comma.csv", main),
        ("pretix-checkinlist-semicolon-de.csv", main),
        ("pretix-checkinlist-excel.csv", |truth| truth.vip),
        ("pretix-checkinlist-xlsx.xlsx", |truth| truth.vip),
    ] {
        for (code, row) in tickets(file) {
            let (entries, inside) = on(&truth[&code]);
            assert_eq!(row.visit.is_some(), entries > 0, "{file}: {code}");
            assert_eq!(row.visit.as_ref().is_some_and(|visit| !visit.is_over()), inside, "{file}: {code}");
            assert!(
                row.visit.is_none_or(|visit| visit.entered_at.is_some() && visit.left_at.is_some() == visit.has_left),
                "{file}: {code}"
            );
        }
    }
    for file in ["pretix-orderlist_positions-comma.csv", "pretix-orderlist_positions-semicolon-de.csv", "pretix-orderlist-xlsx.xlsx"] {
        for (code, row) in tickets(file) {
            assert_eq!(row.visit.is_some(), truth[&code].used, "{file}: {code}");
            assert!(row.visit.is_none_or(|visit| visit.gate.is_some()), "{file}: {code}");
        }
    }
}

#[test]
fn check_ins_are_in_the_time_of_the_event() {
    let rows = tickets("pretix-checkinlist-semicolon-de.csv");
    // 25.10.2026 13:58 to 15:33 in Berlin, where summer time ended the night before.
    let visit = rows["dywwwmv2vungs9jusa4trqa94jers6ue"].visit.clone().unwrap();
    assert_eq!(visit.entered_at.unwrap().to_rfc3339(), "2026-10-25T12:58:00+00:00");
    assert_eq!(visit.left_at.unwrap().to_rfc3339(), "2026-10-25T14:33:00+00:00");
}

#[test]
fn every_form_tells_the_same_of_a_ticket() {
    let orders = tickets("pretix-orderlist_positions-comma.csv");
    for line in LINES.iter().chain([&GERMAN_ORDERS]) {
        for (code, row) in tickets(line.file) {
            let known = &orders[&code];
            assert!(row.price.is_none() || row.price == known.price, "{}: {code}", line.file);
            // German names of products are other names; "same product" is asked of the English files.
            if !line.file.contains("-de") {
                assert_eq!(row.ticket_type, known.ticket_type, "{}: {code}", line.file);
            }
        }
    }
    let sheet = tickets("pretix-orderlist-xlsx.xlsx");
    assert!(sheet.values().all(|row| row.price.is_some() && row.holder == orders[&row.code].holder));
    let json = tickets("pretix-json-json.json.gz");
    assert!(json.values().all(|row| row.price.is_some() && row.holder == orders[&row.code].holder));
}

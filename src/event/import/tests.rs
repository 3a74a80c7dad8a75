//! The real exports against the README of the test data and `expected-autumn-festival.csv`; files that are refused
//! whole in `refused_files`, records and cells in `odd_records`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Cursor;
use std::ops::ControlFlow;

use chrono_tz::{Europe::Berlin, Tz};

use super::*;

mod every_file;
mod every_language;
mod odd_records;
mod other_forms;
mod refused_files;

const ORDER_LIST: &str = "pretix-orderlist_positions-comma.csv";
const ORDER_LIST_DE: &str = "pretix-orderlist_positions-semicolon-de.csv";
const CHECK_IN_LIST: &str = "pretix-checkinlist-comma.csv";
const CHECK_IN_LIST_DE: &str = "pretix-checkinlist-semicolon-de.csv";

fn path(file: &str) -> String {
    format!("{}/{file}", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"))
}

type Results = Vec<Result<Row, Rejected>>;

/// What the whole of a source holds.
fn collect(source: &mut dyn Source, zone: Tz) -> Result<Results, ImportError> {
    let mut results = Vec::new();
    super::read(source, zone, &mut |row| {
        results.push(row);
        ControlFlow::Continue(())
    })?;
    Ok(results)
}

fn read(text: impl AsRef<[u8]>) -> Result<Results, ImportError> {
    collect(&mut Cursor::new(text.as_ref()), Berlin)
}

/// What a real export holds, for an event in Berlin.
fn read_file(file: &str) -> Result<Results, ImportError> {
    collect(&mut File::open(path(file)).unwrap(), Berlin)
}

/// Every ticket of a real export by its code; none may be rejected or occur twice.
fn tickets(file: &str) -> BTreeMap<String, Row> {
    by_code(read_file(file).unwrap())
}

fn by_code(results: Results) -> BTreeMap<String, Row> {
    let mut tickets = BTreeMap::new();
    for row in results {
        let row = row.unwrap();
        assert_eq!(tickets.insert(row.code.clone(), row), None, "a code occurs twice");
    }
    tickets
}

/// (valid, unpaid, void, blocked)
fn counts(tickets: &BTreeMap<String, Row>) -> [usize; 4] {
    [TicketStatus::Valid, TicketStatus::Unpaid, TicketStatus::Void, TicketStatus::Blocked]
        .map(|status| tickets.values().filter(|row| row.status == status).count())
}

/// What the database of pretix had for a code, and what a file can state of it.
struct Expected {
    in_order_list: TicketStatus,
    in_check_in_list: TicketStatus,
    ticket_type: String,
}

fn expected() -> BTreeMap<String, Expected> {
    let mut codes = BTreeMap::new();
    let mut file = csv::Reader::from_path(path("expected-autumn-festival.csv")).unwrap();
    for record in file.records() {
        let record = record.unwrap();
        let in_order_list = match &record[5] {
            "valid" => TicketStatus::Valid,
            "unpaid" | "approval" => TicketStatus::Unpaid,
            "expired" | "void" => TicketStatus::Void,
            "blocked" => TicketStatus::Blocked,
            other => panic!("{other:?}"),
        };
        // "Pending (confirmed)" is admitted and not paid: the order list has it, a check-in list says "Paid: No".
        let in_check_in_list = match &record[6] {
            "yes" => TicketStatus::Unpaid,
            "" => in_order_list,
            other => panic!("{other:?}"),
        };
        let ticket_type = [&record[3], &record[4]].join(" – ").trim_end_matches(" – ").to_owned();
        codes.insert(record[0].to_owned(), Expected { in_order_list, in_check_in_list, ticket_type });
    }
    assert_eq!(codes.len(), 1654);
    assert_eq!(codes.values().filter(|code| code.in_check_in_list != code.in_order_list).count(), 9);
    codes
}

fn assert_states(tickets: &BTreeMap<String, Row>, told: impl Fn(&Expected) -> TicketStatus) {
    let expected = expected();
    for (code, row) in tickets {
        assert_eq!(row.status, told(&expected[code]), "{code}");
    }
}

#[test]
fn the_order_list_is_complete() {
    let tickets = tickets(ORDER_LIST);
    // README: 1333 valid (9 of them confirmed), 89 unpaid, 11 approval pending, 72 expired, 128 cancelled, 21 blocked.
    assert_eq!(counts(&tickets), [1333, 89 + 11, 72 + 128, 21]);
    assert_states(&tickets, |code| code.in_order_list);
    for (code, expected) in expected() {
        assert_eq!(tickets[&code].ticket_type, expected.ticket_type, "{code}");
    }
}

#[test]
fn the_check_in_list_has_all_but_the_void() {
    let tickets = tickets(CHECK_IN_LIST);
    // README: 1324 valid, 109 unpaid (9 of them confirmed, 11 waiting for approval), 21 blocked.
    assert_eq!(counts(&tickets), [1324, 109, 0, 21]);
    assert_states(&tickets, |code| code.in_check_in_list);
    let expected = expected();
    for (code, row) in &tickets {
        assert_eq!(row.ticket_type, expected[code].ticket_type, "{code}");
    }
}

#[test]
fn the_german_files_say_the_same() {
    let orders = tickets(ORDER_LIST_DE);
    // README: 237 valid (2 of them confirmed), 11 unpaid, 8 expired, 35 cancelled, 4 blocked.
    assert_eq!(counts(&orders), [237, 11, 8 + 35, 4]);
    assert_states(&orders, |code| code.in_order_list);
    let list = tickets(CHECK_IN_LIST_DE);
    assert_eq!(counts(&list), [1324, 109, 0, 21]);
    assert_states(&list, |code| code.in_check_in_list);
}

#[test]
fn languages_and_lists_agree_on_the_price_and_holder() {
    let english = tickets(CHECK_IN_LIST);
    let german = tickets(CHECK_IN_LIST_DE);
    let orders = tickets(ORDER_LIST);
    assert!(english.keys().eq(german.keys()));
    for (code, row) in &english {
        assert_eq!(row.price, german[code].price, "{code}");
        assert_eq!(row.price, orders[code].price, "{code}");
        assert_eq!(row.holder, german[code].holder, "{code}");
        // The order list alone leaves the name empty where none was given.
        assert!(orders[code].holder.is_none() || orders[code].holder == row.holder, "{code}");
    }
    assert_eq!(orders.values().filter(|row| row.holder.is_none()).count(), 184);
    assert_eq!(orders["yve545qu6tvgm8ywa93vffvv628zcnrx"].price, Some(Decimal::new(124_900, 2)));
    assert_eq!(orders["yve545qu6tvgm8ywa93vffvv628zcnrx"].holder.as_deref(), Some("Trailing Space"));
}

#[test]
fn odd_codes_and_names_survive() {
    let tickets = tickets(ORDER_LIST);
    for code in ["004100222", "0000000000009", "9007199254700041012", "4E004", "TM-0002/A+b", "kasse 5"] {
        assert!(tickets.contains_key(code), "{code}");
    }
    assert_eq!(tickets.keys().filter(|code| code.starts_with('=')).count(), 105);
    assert!(tickets.keys().all(|code| !code.starts_with('\'')));
    for name in ["Null", "TRUE", "0012", "#7", "-"] {
        assert!(tickets.values().any(|row| row.holder.as_deref() == Some(name)), "{name}");
    }
}

#[test]
fn records_are_numbered_and_not_lines() {
    assert_eq!(read_file(ORDER_LIST).unwrap().last().unwrap().as_ref().unwrap().number, 1655);
}

#[test]
fn every_separator_and_quoting_reads_alike() {
    let mut plain = csv::Reader::from_path(path(ORDER_LIST)).unwrap();
    let headings = plain.headers().unwrap().clone();
    let records: Vec<_> = plain.records().map(Result::unwrap).collect();
    for (separator, style) in [(b'\t', csv::QuoteStyle::Necessary), (b';', csv::QuoteStyle::Always), (b',', csv::QuoteStyle::NonNumeric)] {
        let mut writer = csv::WriterBuilder::new().delimiter(separator).quote_style(style).from_writer(Vec::new());
        writer.write_record(&headings).unwrap();
        records.iter().for_each(|record| writer.write_record(record).unwrap());
        let mut text = b"\xef\xbb\xbf".to_vec();
        text.extend(writer.into_inner().unwrap());
        assert_eq!(by_code(read(text).unwrap()), tickets(ORDER_LIST));
    }
}

#[test]
fn the_test_data_is_byte_for_byte() {
    // A line ending changed by an editor or by git would test something that pretix never wrote.
    for (file, bytes) in [(ORDER_LIST, 950_481), (CHECK_IN_LIST, 408_576), (ORDER_LIST_DE, 144_149), (CHECK_IN_LIST_DE, 327_418)] {
        assert_eq!(fs::metadata(path(file)).unwrap().len(), bytes, "{file}");
    }
}

//! Each kind of export in each language that pretix offers.

use super::super::languages::{DateOrder, LANGUAGES, Language};
use super::*;

/// 25 October 2026, 22:05, and the same with the minute 59.
fn date(language: &Language, minute: u32) -> String {
    match language.dates {
        DateOrder::Ymd => format!("2026-10-25 22:{minute:02}"),
        DateOrder::Dmy => format!("25.10.2026 22:{minute:02}"),
        DateOrder::Mdy => format!("10/25/2026 10:{minute:02} م"),
    }
}

fn csv_of(records: &[Vec<&str>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    records.iter().for_each(|record| writer.write_record(record).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

#[test]
fn check_in_lists() {
    for words in LANGUAGES.iter() {
        let (entered, left) = (date(words, 5), date(words, 59));
        let headings = |paid: bool| {
            let mut headings: Vec<&str> = vec![&words.order_code, &words.attendee_name, &words.product, &words.price];
            headings.extend([&words.checked_in, &words.checked_out, &words.automatically].map(String::as_str));
            headings.extend(paid.then_some(words.paid.as_str()));
            headings.extend([&words.code, &words.email, &words.phone].map(String::as_str));
            headings.extend(["Shirt", &words.blocked, &words.valid_from, &words.valid_until]);
            headings
        };
        let row = |code, paid: Option<&'static str>, blocked| {
            let mut row: Vec<&str> = vec!["A", "Ada", "VIP", "1,00", &entered, &left, ""];
            row.extend(paid.map(|paid| if paid == "yes" { words.yes.as_str() } else { words.no.as_str() }));
            row.extend([code, "", "", "M", blocked, "", &left]);
            row
        };
        let text = csv_of(&[headings(true), row("a", Some("yes"), ""), row("b", Some("no"), ""), row("c", Some("no"), &words.yes)]);
        let rows = by_code(read(text).unwrap());
        assert_eq!(counts(&rows), [1, 1, 0, 1], "{}", words.language);
        let visit = rows["a"].visit.clone().unwrap();
        assert_eq!(visit.entered_at.unwrap().to_rfc3339(), "2026-10-25T21:05:00+00:00", "{}", words.language);
        assert!(visit.is_over(), "{}", words.language);
        assert_eq!(rows["a"].window.unwrap().until.unwrap().to_rfc3339(), "2026-10-25T22:59:59+00:00", "{}", words.language);

        let rows = by_code(read(csv_of(&[headings(false), row("a", None, "")])).unwrap());
        assert_eq!(counts(&rows), [1, 0, 0, 0], "{}", words.language);
    }
}

#[test]
fn order_lists() {
    for words in LANGUAGES.iter() {
        let headings = [
            &words.order_code,
            &words.position,
            &words.status,
            &words.email,
            &words.phone,
            &words.product,
            &words.variation,
            &words.price,
            &words.attendee_name,
            &words.ticket_code,
            &words.blocked,
            &words.valid_from,
            &words.valid_until,
            &words.check_in_lists,
        ];
        let headings: Vec<&str> = headings.into_iter().map(String::as_str).collect();
        let until = date(words, 5);
        let row =
            |code, status, blocked, lists| vec!["A", "1", status, "", "", "VIP", "Front", "1.00", "Ada", code, blocked, "", &until, lists];
        let text = csv_of(&[
            headings,
            row("a", &words.is_paid, "", "North, South"),
            row("b", &words.is_confirmed, "", ""),
            row("c", &words.is_pending, "", ""),
            row("d", &words.is_approval_pending, "", ""),
            row("e", &words.is_expired, &words.yes, ""),
            row("f", &words.is_canceled, "", ""),
            row("g", &words.is_canceled_fee, "", ""),
            row("h", &words.is_paid, &words.yes, ""),
        ]);
        let rows = by_code(read(text).unwrap());
        assert_eq!(counts(&rows), [2, 2, 3, 1], "{}", words.language);
        assert_eq!(rows["a"].visit.as_ref().unwrap().gate.as_deref(), Some("North, South"), "{}", words.language);
        assert_eq!((rows["b"].ticket_type.as_str(), &rows["b"].visit), ("VIP – Front", &None), "{}", words.language);
        assert_eq!(rows["b"].window.unwrap().until.unwrap().to_rfc3339(), "2026-10-25T21:05:00+00:00", "{}", words.language);
    }
}

#[test]
fn code_lists_and_logs() {
    for words in LANGUAGES.iter() {
        let headings =
            [&words.code, &words.product, &words.variation, &words.paid, &words.valid_from, &words.valid_until].map(String::as_str);
        let text = csv_of(&[headings.to_vec(), vec!["a", "VIP", "", &words.yes, "", ""], vec!["b", "VIP", "Front", &words.no, "", ""]]);
        assert_eq!(counts(&by_code(read(text).unwrap())), [1, 1, 0, 0], "{}", words.language);

        let headings =
            [&words.scan_type, &words.order_code, &words.position, &words.code, &words.product, &words.automatically, &words.scan_result];
        let log = read(csv_of(&[headings.map(String::as_str).to_vec()]));
        assert!(matches!(log, Err(ImportError::ScanLog)), "{}: {log:?}", words.language);
    }
}

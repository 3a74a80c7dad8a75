//! Records that are rejected alone, and cells that have a meaning.

use super::{Results, read};
use crate::event::TicketStatus;
use crate::event::import::{ImportError, Rejected, Row, Visit, Window};
use crate::limits::{CODE_BYTES, IMPORT_FIELD_BYTES, NAME_CHARS};

/// A check-in list with the given cells below `Secret,Product,Price,Checked in,Paid,Blocked,Attendee name`.
fn read_list(records: &str) -> Results {
    read(format!("Secret,Product,Price,Checked in,Paid,Blocked,Attendee name\r\n{records}")).unwrap()
}

fn one(mut results: Results) -> Result<Row, Rejected> {
    assert_eq!(results.len(), 1, "{results:?}");
    results.remove(0)
}

#[test]
fn a_heading_alone_has_no_tickets() {
    for text in ["Secret,Product,Paid", "\u{feff}\"Secret\";\"Product\";\"Paid\"\r\n"] {
        assert_eq!(read(text).unwrap(), vec![]);
    }
}

#[test]
fn a_bad_record_costs_one_ticket() {
    let results = read_list(
        "a,VIP,1.00,,Yes,,Ada\r\n\
         b,VIP,1.00\r\n\
         c,VIP,1.00,,Yes,,Ada,more\r\n\
         ,VIP,1.00,,Yes,,Ada\r\n\
         e,,1.00,,Yes,,Ada\r\n\
         f,VIP,1.249,,Yes,,Ada\r\n\
         g,VIP,1.00,,Perhaps,,Ada\r\n\
         h,VIP,1.00,,Yes,soon,Ada\r\n\
         i,VIP,1.00,,Yes,,Ada\r\n",
    );
    let good: Vec<_> = results.iter().flatten().map(|row| (row.number, row.code.as_str())).collect();
    assert_eq!(good, [(2, "a"), (10, "i")]);
    let bad: Vec<_> =
        results.iter().filter_map(|result| result.as_ref().err()).map(|bad| (bad.row, bad.code.as_deref(), bad.detail.as_str())).collect();
    assert_eq!(
        bad,
        [
            (3, None, "the record has 3 fields where the heading has 7"),
            (4, None, "the record has 8 fields where the heading has 7"),
            (5, None, "the ticket has no code"),
            (6, Some("e"), "the ticket has no product"),
            (7, Some("f"), "the price \"1.249\" is not an amount such as 1249.00 or 1249,00"),
            (8, Some("g"), "\"Perhaps\" is neither yes nor no, so the record does not tell whether the ticket is paid"),
            (9, Some("h"), "\"soon\" is neither yes nor empty, so the record does not tell whether the ticket is blocked"),
        ]
    );
}

#[test]
fn an_unknown_status_is_named() {
    let results = read("Status,Product,Variation,Ticket secret,Blocked\npaused,VIP,,a,\npaid,VIP,Front,b,\n").unwrap();
    let rejected = results[0].as_ref().unwrap_err();
    assert_eq!((rejected.row, rejected.code.as_deref()), (2, Some("a")));
    assert_eq!(rejected.detail, "the status \"paused\" is not known");
    assert_eq!(results[1].as_ref().unwrap().ticket_type, "VIP – Front");
}

#[test]
fn cancelled_goes_before_blocked_and_blocked_before_unpaid() {
    let english = "Ticket secret,Status,Product,Variation,Blocked";
    let german = "Ticket-Code,Status,Produkt,Variante,Gesperrt";
    for (headings, word, blocked, status) in [
        (english, "canceled", "Yes", TicketStatus::Void),
        (german, "abgelaufen", "Ja", TicketStatus::Void),
        (german, "storniert (bezahlte Gebühr)", "", TicketStatus::Void),
        (english, "approval pending", "Yes", TicketStatus::Blocked),
        (german, "ausstehend", "Ja", TicketStatus::Blocked),
        (english, "paid", "Yes", TicketStatus::Blocked),
        (english, "pending (confirmed)", "Yes", TicketStatus::Blocked),
        (english, "pending", "", TicketStatus::Unpaid),
        (german, "Freigabe ausstehend", "", TicketStatus::Unpaid),
        (english, "pending (confirmed)", "", TicketStatus::Valid),
        (german, "ausstehend (bestätigt)", "", TicketStatus::Valid),
        (german, "bezahlt", "", TicketStatus::Valid),
    ] {
        let columns: Vec<_> = headings.split(',').collect();
        // The status and the product are before the code, the block after it.
        let order = [1, 2, 3, 0, 4];
        let headings = order.map(|column: usize| columns[column]).join(",");
        let text = format!("{headings}\n{word},VIP,,a,{blocked}\n");
        assert_eq!(one(read(text).unwrap()).unwrap().status, status, "{word} {blocked}");
    }
}

#[test]
fn a_check_in_list_without_paid_has_paid_orders_only() {
    let row = one(read("Secret,Product,Checked in,Status\na,VIP,,a question's answer\n").unwrap()).unwrap();
    assert_eq!(row.status, TicketStatus::Valid);
}

#[test]
fn questions_may_be_called_like_columns() {
    let headings = "Order code,Product,Price,Checked in,Checked out,Automatically checked in,Paid,Secret,Email,Phone number,\
        Paid,Secret,Blocked,Status,Valid until,Product,Company,Blocked,Valid from,Valid until,City";
    let text = format!("{headings}\nA,VIP,1.00,,,No,No,a,,,Yes,b,Yes,paid,soon,Cap,,,,2026-10-25 22:59,Jena\n");
    let row = one(read(text).unwrap()).unwrap();
    assert_eq!((row.code.as_str(), row.ticket_type.as_str(), row.status), ("a", "VIP", TicketStatus::Unpaid));
    assert_eq!(row.window.unwrap().until.unwrap().to_rfc3339(), "2026-10-25T22:59:59+00:00");
    // A list of paid orders only, and one without codes.
    let paid_only = headings.replacen("Paid,", "", 1);
    let row = one(read(format!("{paid_only}\nA,VIP,1.00,,,No,a,,,No,b,Yes,paid,soon,Cap,,,,,Jena\n")).unwrap()).unwrap();
    assert_eq!((row.code.as_str(), row.status), ("a", TicketStatus::Valid));
    let without_codes = paid_only.replacen("Secret,", "", 1);
    assert!(matches!(read(without_codes), Err(ImportError::NoCodes)));

    let text = "Order code,Position ID,Status,Product,Variation,Price,Attendee name,Ticket secret,Blocked,Valid from,Valid until,\
        Status,Product,Ticket secret,Blocked,Check-in lists,Sales channel,Check-in lists,Payment providers\n\
        A,1,pending,VIP,Front,1.00,Ada,a,,,,paid,Cap,b,Yes,no,Online,North door,Cash\n";
    let row = one(read(text).unwrap()).unwrap();
    assert_eq!((row.code.as_str(), row.ticket_type.as_str(), row.status), ("a", "VIP – Front", TicketStatus::Unpaid));
    assert_eq!(row.visit.unwrap().gate.as_deref(), Some("North door"));
}

#[test]
fn an_unreadable_validity_costs_the_ticket_and_an_unreadable_check_in_does_not() {
    let results = read("Secret,Product,Paid,Valid from\na,VIP,Yes,next week\nb,VIP,Yes,\n").unwrap();
    assert_eq!(results[0].as_ref().unwrap_err().detail, "the validity \"next week\" is not a date with a time");
    assert_eq!(results[1].as_ref().unwrap().window, Some(Window::default()));
    let row = one(read("Secret,Product,Checked in\na,VIP,this morning\n").unwrap()).unwrap();
    assert_eq!(row.visit, Some(Visit::default()));
    assert_eq!(row.window, None, "the file has no columns for it");
}

#[test]
fn an_exit_counts_when_it_is_the_last() {
    let list = |entered: &str, left: &str| {
        let text = format!("Secret,Product,Checked in,Checked out\na,VIP,{entered},{left}\n");
        one(read(text).unwrap()).unwrap().visit
    };
    assert_eq!(list("", ""), None);
    assert!(!list("2026-10-24 18:00", "").unwrap().is_over());
    assert!(list("2026-10-24 18:00", "2026-10-24 19:00").unwrap().is_over());
    assert!(list("2026-10-24 18:00", "2026-10-24 18:00").unwrap().is_over());
    assert!(!list("2026-10-24 20:00", "2026-10-24 19:00").unwrap().is_over());
}

#[test]
fn the_apostrophe_guard_is_taken_off_and_real_apostrophes_stay() {
    for (cell, name) in [
        ("'=SUM(A1)", "=SUM(A1)"),
        ("'|a\\|b", "|a|b"),
        ("'s-Heer", "'s-Heer"),
        ("a\\|b", "a\\|b"),
        ("-", "-"),
        (" Trailing Space ", "Trailing Space"),
        ("'- x ", "- x"),
    ] {
        let row = one(read_list(&format!("'=a+/=,VIP,,,Yes,,{cell}\n"))).unwrap();
        assert_eq!((row.code.as_str(), row.holder.as_deref()), ("=a+/=", Some(name)));
        assert_eq!(row.price, None);
    }
}

#[test]
fn codes_have_1_to_512_bytes_between_their_ends() {
    let longest = "x".repeat(CODE_BYTES);
    let row = one(read_list(&format!("\" \t{longest}\u{1d}\n\",VIP,,,Yes,,\n"))).unwrap();
    assert_eq!((row.code, row.holder), (longest.clone(), None));
    let rejected = one(read_list(&format!("{longest}x,VIP,,,Yes,,\n"))).unwrap_err();
    assert_eq!(rejected.detail, "the code is longer than 512 bytes");
    assert_eq!(one(read_list("a\0b,VIP,,,Yes,,\n")).unwrap_err().detail, "a field contains a NUL character");
}

#[test]
fn a_late_byte_that_is_not_utf8_costs_its_record() {
    let mut text = b"Secret,Product,Paid,Comment\n".to_vec();
    text.extend(b"a,VIP,Yes,\n".repeat(40_000));
    text.extend(b"b,V\xdfP,Yes,\nc,VIP,Yes,\xdf\n");
    let results = read(text).unwrap();
    assert_eq!(results[40_000].as_ref().unwrap_err().detail, "the record is not text in UTF-8");
    assert_eq!(results[40_001].as_ref().unwrap().code, "c");
}

#[test]
fn a_field_too_long_is_rejected_and_reading_goes_on() {
    let long = "x".repeat(IMPORT_FIELD_BYTES + 1);
    let results = read_list(&format!("a,VIP,,,Yes,,\"{long}\"\nb,VIP,,,Yes,,\n"));
    assert!(results[0].as_ref().unwrap_err().detail.starts_with("a field is longer than 65536 bytes"));
    assert_eq!(results[1].as_ref().unwrap().code, "b");
}

/// The rejected name is reported with the ticket's code, and the other tickets are read.
fn assert_name_limit(headings: &str, record: impl Fn(&str, &str) -> String, least_beside: usize) {
    let fits = "ß".repeat(NAME_CHARS - least_beside);
    let results = read(format!("{headings}\n{}\n{}\n", record("a", &format!(" {fits} ")), record("b", &format!("{fits}x")))).unwrap();
    assert_eq!(results[0].as_ref().unwrap().code, "a", "{headings}");
    let rejected = results[1].as_ref().unwrap_err();
    assert_eq!((rejected.row, rejected.code.as_deref()), (3, Some("b")), "{headings}");
    assert_eq!(rejected.detail, "a name is longer than 200 characters", "{headings}");
}

#[test]
fn names_have_at_most_as_many_characters_as_everywhere() {
    assert_name_limit("Secret,Product,Paid,Attendee name", |code, name| format!("{code},VIP,Yes,{name}"), 0);
    assert_name_limit("Secret,Product,Paid,Attendee name", |code, name| format!("{code},{name},Yes,Ada"), 0);
    // A product and its variation become one name, with " – " between them.
    let headings = "Status,Product,Variation,Ticket secret";
    assert_name_limit(headings, |code, name| format!("paid,VIP,{name},{code}"), "VIP – ".chars().count());
    assert_name_limit(headings, |code, name| format!("paid,{name},Front,{code}"), " – Front".chars().count());
}

//! Files that are refused whole, and input that fails or never ends.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use chrono_tz::Europe::Berlin;

use super::{Results, read, read_file};
use crate::event::import::{ImportError, Reader};
use crate::limits::{IMPORT_RECORD_BYTES, IMPORT_START_BYTES};

#[test]
fn a_list_without_codes_names_the_option() {
    let refused = read_file("pretix-checkinlist-nosecrets-comma.csv").unwrap_err();
    assert!(matches!(refused, ImportError::NoCodes), "{refused:?}");
    assert!(refused.to_string().contains("Include QR-code secret"));
}

#[test]
fn a_log_of_scans_is_refused() {
    let refused = read_file("pretix-checkinlog-comma.csv").unwrap_err();
    assert!(matches!(refused, ImportError::ScanLog), "{refused:?}");
}

#[test]
fn a_file_that_does_not_tell_who_paid_is_refused() {
    // Headings in two languages at once, or in words that pretix does not use.
    let dutch = read("Geheim,Product,Ingecheckt,Bezahlt\na,VIP,,Nee\n");
    assert!(dutch.is_ok(), "without \"Betaald\" before the code it has paid orders only: {dutch:?}");
    let unknown = read("Bestellnummer,Produkt,Eingecheckt,Bezahlt?,Secret\nA,VIP,,Nein,a\n");
    assert!(matches!(unknown, Err(ImportError::NoStatus)), "{unknown:?}");
    let orders = read("Ticket secret,Product,Blocked\na,VIP,\n");
    assert!(matches!(orders, Err(ImportError::NoProducts | ImportError::NoStatus)), "{orders:?}");
    let codes = read("Secret,Product,Variation\na,VIP,\n");
    assert!(matches!(codes, Err(ImportError::NoStatus)), "{codes:?}");
    let french = read("Secret,Ware,Paid\na,VIP,Yes\n");
    assert!(matches!(french, Err(ImportError::NoProducts)), "{french:?}");
}

#[test]
fn empty_files_have_no_headings() {
    for text in ["", "\u{feff}", "\r\n\r\n", ",,\n"] {
        let refused = read(text);
        assert!(matches!(refused, Err(ImportError::NoHeadings)), "{text:?} {refused:?}");
    }
}

#[test]
fn what_is_neither_text_nor_a_spreadsheet_is_refused() {
    for bytes in [&b"\x7fELF\x02\x01\x01\0\0"[..], b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", b"S\0e\0c\0"] {
        let refused = read(bytes);
        assert!(matches!(refused, Err(ImportError::NotText)), "{refused:?}");
    }
    let broken = read(b"PK\x03\x04\xff\xff");
    assert!(matches!(broken, Err(ImportError::Sheet(_))), "{broken:?}");
    let cut = read(b"\x1f\x8b\x08\0");
    assert!(matches!(cut, Err(ImportError::Io(_))), "{cut:?}");
}

#[test]
fn a_doubled_heading_is_not_guessed_at() {
    let refused = read("Secret,Product,Paid,Paid\na,VIP,Yes,No\n");
    assert!(matches!(&refused, Err(ImportError::DoubledHeading(heading)) if heading == "Paid"), "{refused:?}");
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("cable cut"))
    }
}

#[test]
fn a_failing_input_is_reported() {
    assert!(matches!(Reader::open(Broken, Berlin), Err(ImportError::Io(_))));
    // The input fails after the start was looked at.
    let mut text = "Secret,Product,Paid\n".to_owned() + &"a,VIP,Yes\n".repeat(40_000);
    text.push_str("b,VI");
    let results: Results = Reader::open(text.as_bytes().chain(Broken), Berlin).unwrap().collect();
    assert!(results.last().unwrap().as_ref().unwrap_err().detail.contains("cable cut"));
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
}

/// The same letter for ever, and how often it was asked for.
#[derive(Default)]
struct Endless {
    bytes_read: Rc<Cell<u64>>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b'x');
        let read = u64::try_from(buffer.len()).unwrap();
        self.bytes_read.set(self.bytes_read.get() + read);
        Ok(buffer.len())
    }
}

#[test]
fn an_open_quotation_mark_does_not_swallow_the_memory() {
    let endless = Endless::default();
    let bytes_read = Rc::clone(&endless.bytes_read);
    let start = "Secret,Product,Paid\na,VIP,Yes\nb,\"VIP,Yes\n".as_bytes();
    let mut reader = Reader::open(start.chain(endless), Berlin).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().code, "a");
    let rejected = reader.next().unwrap().unwrap_err();
    assert_eq!((rejected.row, rejected.code), (3, None));
    assert!(rejected.detail.contains("does not end within 1048576 bytes"));
    assert_eq!(reader.next(), None);
    assert!(bytes_read.get() <= IMPORT_RECORD_BYTES + IMPORT_START_BYTES);
    // Neither does a heading without end, nor blank lines for ever.
    assert!(matches!(Reader::open(io::repeat(b'x'), Berlin), Err(ImportError::NoHeadings)));
    let blank = "Secret,Product,Paid\n".as_bytes().chain(io::repeat(b'\n'));
    assert_eq!(Reader::open(blank, Berlin).unwrap().count(), 1);
}

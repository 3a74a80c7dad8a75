//! Files that are refused whole, and input that fails or never ends.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;

use super::{Results, path, read};
use crate::event::import::{ImportError, Reader};
use crate::limits::{IMPORT_RECORD_BYTES, IMPORT_START_BYTES};

#[test]
fn a_list_without_codes_names_the_option() {
    let refused = Reader::open(File::open(path("pretix-checkinlist-nosecrets-comma.csv")).unwrap()).unwrap_err();
    assert!(matches!(refused, ImportError::NoCodes), "{refused:?}");
    assert!(refused.to_string().contains("Include QR-code secret"));
}

#[test]
fn a_log_of_scans_is_refused() {
    let refused = Reader::open(File::open(path("pretix-checkinlog-comma.csv")).unwrap()).unwrap_err();
    assert!(matches!(refused, ImportError::ScanLog), "{refused:?}");
}

#[test]
fn a_file_that_does_not_tell_who_paid_is_refused() {
    // In French "Secret" and in Dutch "Product" read as in English, while "Paid" does not.
    let dutch = read("Secret,Product,Ingecheckt,Betaald\na,VIP,,Nee\n");
    assert!(matches!(dutch, Err(ImportError::NoStatus)), "{dutch:?}");
    let orders = read("Ticket secret,Product,Blocked\na,VIP,\n");
    assert!(matches!(orders, Err(ImportError::NoStatus)), "{orders:?}");
    let french = read("Secret,Produit,Paid\na,VIP,Yes\n");
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
fn other_encodings_and_spreadsheets_are_refused() {
    for text in [&b"Secret,Product,Paid\na,Stra\xdfe,Yes\n"[..], b"\xff\xfeS\0e\0", b"PK\x03\x04\xff\xff"] {
        let refused = read(text);
        assert!(matches!(refused, Err(ImportError::NotUtf8)), "{refused:?}");
    }
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
fn a_failing_input_is_told() {
    assert!(matches!(Reader::open(Broken), Err(ImportError::Io(_))));
    // The input fails after the start was looked at.
    let mut text = "Secret,Product,Paid\n".to_owned() + &"a,VIP,Yes\n".repeat(10_000);
    text.push_str("b,VI");
    let results: Results = Reader::open(text.as_bytes().chain(Broken)).unwrap().collect();
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
    let mut reader = Reader::open(start.chain(endless)).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().code, "a");
    let rejected = reader.next().unwrap().unwrap_err();
    assert_eq!((rejected.row, rejected.code), (3, None));
    assert!(rejected.detail.contains("does not end within 1048576 bytes"));
    assert_eq!(reader.next(), None);
    assert!(bytes_read.get() <= IMPORT_RECORD_BYTES + IMPORT_START_BYTES);
    // Neither does a heading without end, nor blank lines for ever.
    assert!(matches!(Reader::open(io::repeat(b'x')), Err(ImportError::NoHeadings)));
    let blank = "Secret,Product,Paid\n".as_bytes().chain(io::repeat(b'\n'));
    assert_eq!(Reader::open(blank).unwrap().count(), 1);
}

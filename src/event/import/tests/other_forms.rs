//! The same tickets in other encodings, packings and forms than the test data has them.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::*;
use crate::limits::IMPORT_JSON_PART_BYTES;

const LIST: &str =
    "Bestellnummer;Name Teilnehmer*in;Produkt;Eingecheckt;bezahlt;Secret;Gültig ab\r\nA;Jörg Weiß;Straße;;Ja;a;25.10.2026 09:00\r\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut to = GzEncoder::new(Vec::new(), Compression::fast());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

#[test]
fn text_is_read_in_every_encoding_that_spreadsheets_save() {
    let plain = read(LIST).unwrap();
    assert_eq!(plain[0].as_ref().unwrap().holder.as_deref(), Some("Jörg Weiß"));
    let utf16 = |to_bytes: fn(u16) -> [u8; 2]| LIST.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
    let little = [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat();
    let big = [b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat();
    let (windows, _, lossy) = encoding_rs::WINDOWS_1252.encode(LIST);
    assert!(!lossy);
    let marked = [b"\xef\xbb\xbf".to_vec(), LIST.as_bytes().to_vec()].concat();
    for bytes in [little, big, windows.into_owned(), marked, gzip(LIST.as_bytes())] {
        assert_eq!(read(&bytes).unwrap(), plain, "{bytes:x?}");
    }
}

#[test]
fn json_is_read_packed_or_not() {
    let packed = fs::read(path("pretix-json-json.json.gz")).unwrap();
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut plain).unwrap();
    assert_eq!(by_code(read(plain).unwrap()), tickets("pretix-json-json.json.gz"));
}

const ITEMS: &str = r#"[{"id": 1, "name": "VIP", "variations": [{"id": 7, "name": "Front"}]}]"#;

fn json(orders: &str) -> Result<Results, ImportError> {
    read(format!(r#" {{"event": {{"name": "x", "items": {ITEMS}, "questions": [1], "orders": [{orders}], "quotas": []}}}}"#))
}

#[test]
fn one_odd_order_costs_only_itself() {
    let position = |code: &str, more: &str| format!(r#"{{"secret": "{code}", "item": 1, "variation": null{more}}}"#);
    let results = json(&format!(
        r#"{{"status": "p", "positions": [{}, {}, {}, {}, {{"secret": 5}}]}}, {{"status": "x", "positions": [{}]}}, {{"positions": 1}},
           {{"status": "n", "positions": [{}]}}"#,
        position("'=a", r#", "variation": 7, "price": "12.50", "blocked": []"#).replacen(r#""variation": null, "#, "", 1),
        position("b", r#", "blocked": ["admin"]"#),
        position("c", "").replace("\"item\": 1", "\"item\": 2"),
        position("d", r#", "valid_until": "2026-10-25T22:59:59Z""#),
        position("e", ""),
        position("f", ""),
    ))
    .unwrap();
    let told: Vec<_> = results
        .iter()
        .map(|row| row.as_ref().map(|row| (row.code.as_str(), row.status)).map_err(|bad| (bad.row, bad.code.as_deref())))
        .collect();
    assert_eq!(
        told,
        [
            Ok(("'=a", TicketStatus::Valid)),
            Ok(("b", TicketStatus::Blocked)),
            Err((3, Some("c"))),
            Ok(("d", TicketStatus::Valid)),
            Err((5, None)),
            Err((6, Some("e"))),
            Err((7, None)),
            Ok(("f", TicketStatus::Unpaid)),
        ]
    );
    assert_eq!(results[0].as_ref().unwrap().ticket_type, "VIP – Front");
    assert_eq!(results[5].as_ref().unwrap_err().detail, "the status \"x\" is not known");
}

#[test]
fn other_json_and_broken_json_are_reported() {
    for text in ["{}", r#"{"event": {"items": []}}"#, r#"{"orders": []}"#] {
        assert!(matches!(read(text), Err(ImportError::NoOrders)), "{text}");
    }
    for text in ["{", r#"{"event": 5}"#, r#"{"event": {"items": 5}}"#, r#"{"event": {"orders": [}"#] {
        assert!(matches!(read(text), Err(ImportError::Json(_))), "{text}");
    }
    let cut =
        format!(r#"{{"event": {{"items": {ITEMS}, "orders": [{{"status": "p", "positions": [{{"secret": "a", "item": 1}}]}}, {{"sta"#);
    let results = read(cut).unwrap();
    assert_eq!(results[0].as_ref().unwrap().code, "a");
    assert!(results[1].as_ref().unwrap_err().detail.starts_with("the file could not be read any further"));
    assert_eq!(results.len(), 2);
}

#[test]
fn an_order_without_end_does_not_swallow_the_memory() {
    let endless = "x".repeat(usize::try_from(IMPORT_JSON_PART_BYTES).unwrap() + 1);
    let refused = read(format!(r#"{{"event": {{"name": "{endless}", "orders": []}}}}"#));
    assert!(matches!(refused, Err(ImportError::Json(_))));
    let results = json(&format!(r#"{{"status": "p", "positions": [{{"secret": "a", "item": 1}}]}}, {{"status": "{endless}"}}"#)).unwrap();
    assert_eq!((results.len(), results[1].is_err()), (2, true));
}

#[test]
fn what_is_packed_is_unpacked_only_so_far() {
    let refused = read(gzip(format!(r#"{{"event": {{"name": "{}"}}}}"#, " ".repeat(5_000_000)).as_bytes()));
    assert!(matches!(refused, Err(ImportError::Json(_))), "{refused:?}");
}

/// A workbook with these sheets; cells are XML, so that numbers and texts can be distinguished.
fn workbook(sheets: &[&[&[&str]]]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let mut put = |name: &str, text: &str| {
        zip.start_file(name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    };
    let mut list = String::new();
    let mut links = String::new();
    for (number, rows) in (1..).zip(sheets) {
        write!(list, r#"<sheet name="Sheet {number}" sheetId="{number}" r:id="rId{number}"/>"#).unwrap();
        write!(links, r#"<Relationship Id="rId{number}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet{number}.xml"/>"#).unwrap();
        let mut data = String::new();
        for (row, cells) in (1..).zip(*rows) {
            write!(data, r#"<row r="{row}">"#).unwrap();
            for (column, cell) in ('A'..).zip(*cells) {
                match cell.strip_prefix('#') {
                    Some(number) => write!(data, r#"<c r="{column}{row}"><v>{number}</v></c>"#).unwrap(),
                    None if cell.is_empty() => {}
                    None => write!(data, r#"<c r="{column}{row}" t="inlineStr"><is><t>{cell}</t></is></c>"#).unwrap(),
                }
            }
            data.push_str("</row>");
        }
        put(
            &format!("xl/worksheets/sheet{number}.xml"),
            &format!(
                r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{data}</sheetData></worksheet>"#
            ),
        );
    }
    put(
        "xl/workbook.xml",
        &format!(
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{list}</sheets></workbook>"#
        ),
    );
    put(
        "_rels/.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    );
    put(
        "xl/_rels/workbook.xml.rels",
        &format!(r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{links}</Relationships>"#),
    );
    zip.finish().unwrap().into_inner()
}

const HEADINGS: &[&str] = &["Secret", "Product", "Paid", "Valid until"];

#[test]
fn the_sheet_with_the_codes_is_taken() {
    let notes: &[&[&str]] = &[&["Notes"], &["Secret"]];
    let list: &[&[&str]] = &[&[], HEADINGS, &["4E004", "VIP", "Yes"], &["'=a", "VIP", "No", "2026-10-25 12:00"], &[]];
    let rows = read(workbook(&[&[], notes, list])).unwrap();
    let told: Vec<_> = rows.iter().map(|row| row.as_ref().unwrap()).map(|row| (row.number, row.code.as_str(), row.status)).collect();
    assert_eq!(told, [(3, "4E004", TicketStatus::Valid), (4, "'=a", TicketStatus::Unpaid)]);
    assert!(matches!(read(workbook(&[notes])), Err(ImportError::NoCodes)));
    assert!(matches!(read(workbook(&[&[&["Scan type", "Secret", "Product", "Result"]], notes])), Err(ImportError::ScanLog)));
}

#[test]
fn a_code_stays_what_it_is_or_is_not_taken() {
    let code = |cell: &str| {
        let rows: &[&[&str]] = &[HEADINGS, &[cell, "VIP", "Yes"]];
        read(workbook(&[rows])).unwrap().remove(0).map(|row| row.code).map_err(|bad| bad.detail)
    };
    for text in ["9007199254700041012", "004100222", "4E004"] {
        assert_eq!(code(text).unwrap(), text);
    }
    assert_eq!(code("#41002").unwrap(), "41002");
    for number in ["#9007199254700041012", "#1234567890123456", "#0.5"] {
        assert!(code(number).unwrap_err().contains("number"), "{number}");
    }
}

#[test]
fn a_workbook_that_unpacks_to_more_than_it_may_is_refused() {
    let rows: &[&[&str]] = &[HEADINGS, &["a", &" ".repeat(1 << 20), "Yes"]];
    let bomb = workbook(&[rows]);
    assert!(bomb.len() < 8_192, "{}", bomb.len());
    let refused = sheet::refuse_a_bomb(&mut Cursor::new(&bomb), 1 << 20);
    assert!(matches!(refused, Err(ImportError::TooLarge(1))), "{refused:?}");
    assert!(sheet::refuse_a_bomb(&mut Cursor::new(&bomb), 1 << 21).is_ok());
}

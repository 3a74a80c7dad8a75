//! What a file is, recognised by its first bytes and not by its name: a spreadsheet, JSON or CSV, and whether it is packed with gzip.

use std::{
    io::{self, BufReader, Cursor, Read, SeekFrom},
    ops::ControlFlow,
};

use chrono_tz::Tz;
use flate2::read::MultiGzDecoder;

use super::{ImportError, Reader, Rejected, Row, Sink, Source, json, sheet};
use crate::limits::{IMPORT_ROWS_MAX, IMPORT_UNPACKED_BYTES};

const ZIP: &[u8] = b"PK\x03\x04";
const GZIP: &[u8] = b"\x1f\x8b";

/// Reads the tickets of an export, in the order of the file, into the sink. `zone` is the event's.
///
/// # Errors
/// [`ImportError`] when nothing of this file can be imported.
pub fn read(source: &mut dyn Source, zone: Tz, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let mut rows = 0_u64;
    let mut bounded = |row: Result<Row, Rejected>| {
        rows += 1;
        if rows <= IMPORT_ROWS_MAX {
            return sink(row);
        }
        let number = row.map_or_else(|rejected| rejected.row, |row| row.number);
        let detail = format!("a file has at most {IMPORT_ROWS_MAX} tickets; this one and those after it were not read");
        let _ = sink(Err(Rejected { row: number, code: None, detail }));
        ControlFlow::Break(())
    };
    source.seek(SeekFrom::Start(0))?;
    let magic = first_bytes(source, 4)?;
    source.seek(SeekFrom::Start(0))?;
    if magic == ZIP {
        return sheet::read(source, zone, &mut bounded);
    }
    let input = BufReader::new(source);
    if magic.starts_with(GZIP) {
        return text(Bounded { input: MultiGzDecoder::new(input), left: IMPORT_UNPACKED_BYTES }, zone, &mut bounded);
    }
    text(input, zone, &mut bounded)
}

/// JSON begins with a brace; no heading of a CSV does.
fn text(mut input: impl Read, zone: Tz, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let mut start = first_bytes(&mut input, 64)?;
    let begins = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).trim_ascii_start();
    if begins.first() == Some(&b'{') {
        start = begins.to_vec();
        return json::read(Cursor::new(start).chain(input), sink);
    }
    for row in Reader::open(Cursor::new(start).chain(input), zone)? {
        if sink(row).is_break() {
            break;
        }
    }
    Ok(())
}

fn first_bytes(input: &mut (impl Read + ?Sized), count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Packed bytes that unpack to no more than so many: a small file can hold a thousand times its size.
struct Bounded<R> {
    input: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let Some(left) = self.left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX)) else {
            return Err(io::Error::other(ImportError::TooLarge(IMPORT_UNPACKED_BYTES >> 20)));
        };
        self.left = left;
        Ok(read)
    }
}

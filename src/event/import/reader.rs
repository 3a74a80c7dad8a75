//! From bytes to records: the separator, the limits, and where reading stops.

use std::io::{self, Chain, Cursor, Read, Take};
use std::str;

use chrono_tz::Tz;
use csv::ByteRecord;
use encoding_rs::{Encoding, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::headings::Layout;
use super::text::Guard;
use super::{ImportError, Rejected, Row, row, text};
use crate::limits::{IMPORT_RECORD_BYTES, IMPORT_START_BYTES};

/// The separators that pretix offers. The comma is last because the last of equals wins.
const SEPARATORS: [u8; 3] = [b'\t', b';', b','];

/// Reads the tickets of an export one by one, in the order of the file.
///
/// Reading ends early, with a [`Rejected`] that says so, when the input fails or when a record does not end within
/// [`IMPORT_RECORD_BYTES`]: where the next one begins is then unknown.
pub struct Reader<'r> {
    /// `Take` is the memory limit: it is filled up before each record, and csv holds at most one record.
    records: csv::Reader<Take<Begun<'r>>>,
    layout: Layout,
    zone: Tz,
    /// Reused from record to record.
    record: ByteRecord,
    /// The number of the record read last; the heading is 1.
    number: u64,
    stopped: bool,
}

/// An input whose first bytes have been examined.
type Begun<'r> = Chain<Cursor<Vec<u8>>, Box<dyn Read + 'r>>;

impl<'r> Reader<'r> {
    /// Looks at the start of the input, finds its encoding and its separator and reads its headings. `zone` is the event's.
    ///
    /// # Errors
    /// [`ImportError`] when nothing of this file can be imported. Text that is not UTF-8 is taken for UTF-16 if its byte order mark says
    /// so, and else for Windows-1252, if it shows in the first [`IMPORT_START_BYTES`]; later it costs the single record.
    pub fn open(input: impl Read + 'r, zone: Tz) -> Result<Self, ImportError> {
        let (start, input) = decoded(Box::new(input))?;
        let separator = separator_of(&start);
        let whole = begun(start, input).take(IMPORT_RECORD_BYTES);
        let mut records = splitter(separator).from_reader(whole);
        let mut record = ByteRecord::new();
        let found = records.read_byte_record(&mut record).map_err(io::Error::from)?;
        if !found || records.get_ref().limit() == 0 {
            return Err(ImportError::NoHeadings);
        }
        let layout = layout_of(&record, Guard::Csv)?;
        Ok(Self { records, layout, zone, record, number: 1, stopped: false })
    }

    fn stop(&mut self, detail: String) -> Rejected {
        self.stopped = true;
        Rejected { row: self.number, code: None, detail }
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<Row, Rejected>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        self.records.get_mut().set_limit(IMPORT_RECORD_BYTES);
        let found = self.records.read_byte_record(&mut self.record);
        self.number = self.number.saturating_add(1);
        // Asked first: a used-up limit looks like the end of the file to csv.
        if self.records.get_ref().limit() == 0 {
            return Some(Err(self.stop(format!(
                "the record does not end within {IMPORT_RECORD_BYTES} bytes, probably because a quotation mark is not \
                 closed; nothing after it was read"
            ))));
        }
        match found {
            Ok(true) => Some(row::read(&self.layout, &self.record, self.number, self.zone)),
            Ok(false) => {
                self.stopped = true;
                None
            }
            Err(error) => Some(Err(self.stop(format!("the file could not be read any further: {error}")))),
        }
    }
}

/// How records are split. Flexible, because a record of the wrong width is rejected by us and not an error of the file.
/// A byte order mark is skipped by csv itself.
fn splitter(separator: u8) -> csv::ReaderBuilder {
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(separator).has_headers(false).flexible(true);
    builder
}

/// The separator that cuts the heading line into the most pieces, quotation marks respected.
fn separator_of(start: &[u8]) -> u8 {
    let pieces = |separator: &u8| {
        let mut record = ByteRecord::new();
        match splitter(*separator).from_reader(start).read_byte_record(&mut record) {
            Ok(_) => record.len(),
            Err(_) => 0,
        }
    };
    SEPARATORS.into_iter().max_by_key(pieces).unwrap_or(b',')
}

/// The layout that a heading line describes.
pub(super) fn layout_of(record: &ByteRecord, guard: Guard) -> Result<Layout, ImportError> {
    let cells: Result<Vec<&str>, _> = record.iter().map(str::from_utf8).collect();
    let headings: Vec<&str> = cells.map_err(|_| ImportError::NotText)?.into_iter().map(text::trimmed).collect();
    if headings.iter().all(|heading| heading.is_empty()) {
        return Err(ImportError::NoHeadings);
    }
    Layout::of(&headings, guard)
}

/// The input as UTF-8, and its start.
fn decoded<'r>(mut input: Box<dyn Read + 'r>) -> Result<(Vec<u8>, Box<dyn Read + 'r>), ImportError> {
    let start = start_of(&mut input)?;
    let (start, input) = match encoding_of(&start) {
        None => (start, input),
        Some(encoding) => {
            let mut as_utf8: Box<dyn Read + 'r> =
                Box::new(DecodeReaderBytesBuilder::new().encoding(Some(encoding)).build(begun(start, input)));
            (start_of(&mut as_utf8)?, as_utf8)
        }
    };
    // Old Excel files, and text in 16 bits without a mark, have zeros where the headings would be.
    if start.split(|byte| *byte == b'\n').next().is_some_and(|headings| headings.contains(&0)) {
        return Err(ImportError::NotText);
    }
    Ok((start, input))
}

/// None is UTF-8. A character cut in two by the end of what we looked at is no mistake.
fn encoding_of(start: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(start) {
        return Some(encoding).filter(|encoding| *encoding != encoding_rs::UTF_8);
    }
    str::from_utf8(start).is_err_and(|error| error.error_len().is_some()).then_some(WINDOWS_1252)
}

fn start_of(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    input.by_ref().take(IMPORT_START_BYTES).read_to_end(&mut start)?;
    Ok(start)
}

fn begun<'r>(start: Vec<u8>, rest: Box<dyn Read + 'r>) -> Begun<'r> {
    Cursor::new(start).chain(rest)
}

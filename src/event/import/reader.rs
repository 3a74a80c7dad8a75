//! From bytes to records: the separator, the limits, and where reading stops.

use std::io::{self, Chain, Cursor, Read, Take};
use std::str;

use csv::ByteRecord;

use super::headings::Layout;
use super::{ImportError, Rejected, Row, row, text};
use crate::limits::{IMPORT_RECORD_BYTES, IMPORT_START_BYTES};

/// The separators that pretix offers. The comma stands last because the last of equals wins.
const SEPARATORS: [u8; 3] = [b'\t', b';', b','];

/// Reads the tickets of an export one by one, in the order of the file.
///
/// Reading ends early, with a [`Rejected`] that says so, when the input fails or when a record does not end within
/// [`IMPORT_RECORD_BYTES`]: where the next one begins is then anybody's guess.
#[derive(Debug)]
pub struct Reader<R> {
    /// `Take` is the memory limit: it is filled up before each record, and csv holds at most one record.
    records: csv::Reader<Take<Chain<Cursor<Vec<u8>>, R>>>,
    layout: Layout,
    /// Reused from record to record.
    record: ByteRecord,
    /// The number of the record read last; the heading is 1.
    number: u64,
    stopped: bool,
}

impl<R: Read> Reader<R> {
    /// Looks at the start of the input, finds its separator and reads its headings.
    ///
    /// # Errors
    /// [`ImportError`] when nothing of this file can be imported. That it is not UTF-8 is found here if it shows in
    /// the first [`IMPORT_START_BYTES`]; later it costs the single record.
    pub fn open(mut input: R) -> Result<Self, ImportError> {
        let mut start = Vec::new();
        input.by_ref().take(IMPORT_START_BYTES).read_to_end(&mut start)?;
        check_utf8(&start)?;
        let separator = separator_of(&start);

        let whole = Cursor::new(start).chain(input).take(IMPORT_RECORD_BYTES);
        let mut records = splitter(separator).from_reader(whole);
        let mut record = ByteRecord::new();
        let found = records.read_byte_record(&mut record).map_err(io::Error::from)?;
        if !found || records.get_ref().limit() == 0 {
            return Err(ImportError::NoHeadings);
        }
        let layout = layout_of(&record)?;
        Ok(Self { records, layout, record, number: 1, stopped: false })
    }

    fn stop(&mut self, detail: String) -> Rejected {
        self.stopped = true;
        Rejected { row: self.number, code: None, detail }
    }
}

impl<R: Read> Iterator for Reader<R> {
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
            Ok(true) => Some(row::read(&self.layout, &self.record, self.number)),
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

fn layout_of(record: &ByteRecord) -> Result<Layout, ImportError> {
    let cells: Result<Vec<&str>, _> = record.iter().map(str::from_utf8).collect();
    let headings: Vec<&str> = cells.map_err(|_| ImportError::NotUtf8)?.into_iter().map(text::trimmed).collect();
    if headings.iter().all(|heading| heading.is_empty()) {
        return Err(ImportError::NoHeadings);
    }
    Layout::of(&headings)
}

/// A character cut in two by the end of what we looked at is no mistake.
fn check_utf8(start: &[u8]) -> Result<(), ImportError> {
    match str::from_utf8(start) {
        Err(error) if error.error_len().is_some() => Err(ImportError::NotUtf8),
        Ok(_) | Err(_) => Ok(()),
    }
}

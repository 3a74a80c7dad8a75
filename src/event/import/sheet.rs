//! Excel files: the first sheet that lists tickets with their codes, read row by row.

use std::{
    io::{self, Read, SeekFrom},
    ops::ControlFlow,
};

use calamine::{Cell, DataRef, Reader as _, Xlsx, XlsxCellReader, XlsxError};
use chrono_tz::Tz;
use csv::ByteRecord;
use zip::ZipArchive;

use super::headings::Layout;
use super::text::{Fault, Guard};
use super::{ImportError, Rejected, Sink, Source, reader, row};
use crate::limits::{IMPORT_COLUMNS_MAX, IMPORT_SHEET_BYTES};

/// The least whole number that a spreadsheet may have rounded: it keeps fifteen digits.
const ROUNDED: f64 = 1e15;

/// Reads the tickets of a workbook.
pub(super) fn read(source: &mut dyn Source, zone: Tz, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    refuse_a_bomb(source, IMPORT_SHEET_BYTES)?;
    source.seek(SeekFrom::Start(0))?;
    let mut ledger = Xlsx::new(io::BufReader::new(source)).map_err(broken)?;
    let mut refused = ImportError::NoCodes;
    for name in ledger.sheet_names() {
        let mut rows = Rows::open(ledger.worksheet_cells_reader(&name).map_err(broken)?);
        let Some((_, headings)) = rows.next().map_err(broken)? else { continue };
        match reader::layout_of(&headings.into_record(0), Guard::None) {
            Ok(layout) => return tickets(rows, &layout, zone, sink),
            // A sheet beside the one with the tickets has no codes; what is wrong with the one that has them is the better reason.
            Err(ImportError::NoCodes | ImportError::NoHeadings) => {}
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn tickets<R: Read + io::Seek>(mut rows: Rows<'_, R>, layout: &Layout, zone: Tz, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    loop {
        let taken = match rows.next() {
            Ok(None) => return Ok(()),
            Ok(Some((number, cells))) => {
                let inexact = cells.inexact.contains(&layout.code);
                let record = cells.into_record(layout.width);
                if inexact {
                    sink(Err(Rejected { row: number, code: None, detail: Fault::InexactCode.to_string() }))
                } else {
                    sink(row::read(layout, &record, number, zone))
                }
            }
            Err(error) => {
                let detail = format!("the file could not be read any further: {error}");
                let _ = sink(Err(Rejected { row: rows.number + 1, code: None, detail }));
                ControlFlow::Break(())
            }
        };
        if taken.is_break() {
            return Ok(());
        }
    }
}

fn broken(error: XlsxError) -> ImportError {
    ImportError::Sheet(error.to_string())
}

/// A workbook is an archive, and what its head says of its sizes need not be true: it is unpacked once into nothing, and counted.
pub(super) fn refuse_a_bomb(source: &mut dyn Source, most: u64) -> Result<(), ImportError> {
    let unreadable = |error: zip::result::ZipError| ImportError::Sheet(error.to_string());
    let mut archive = ZipArchive::new(io::BufReader::new(source)).map_err(unreadable)?;
    let mut left = most;
    for entry in 0..archive.len() {
        let mut entry = archive.by_index(entry).map_err(unreadable)?.take(left + 1);
        let unpacked = io::copy(&mut entry, &mut io::sink()).map_err(|error| ImportError::Sheet(error.to_string()))?;
        left = left.checked_sub(unpacked).ok_or(ImportError::TooLarge(most >> 20))?;
    }
    Ok(())
}

/// The rows of a sheet that are not empty.
struct Rows<'b, R: Read + io::Seek> {
    cells: XlsxCellReader<'b, R>,
    /// The first cell of the next row.
    next: Option<Cell<DataRef<'b>>>,
    /// Nothing may be asked for after the last cell.
    ended: bool,
    number: u64,
}

/// The cells of a row as text.
#[derive(Default)]
struct Cells {
    texts: Vec<String>,
    /// Columns whose number may not be what was typed in.
    inexact: Vec<usize>,
}

impl Cells {
    /// A record of at least so many cells: a spreadsheet leaves out the empty ones at the end.
    fn into_record(mut self, width: usize) -> ByteRecord {
        let used = self.texts.iter().rposition(|text| !text.is_empty()).map_or(0, |last| last + 1);
        self.texts.resize(used.max(width), String::new());
        ByteRecord::from(self.texts)
    }

    fn put(&mut self, column: usize, value: &DataRef<'_>) {
        if self.texts.len() <= column {
            self.texts.resize(column + 1, String::new());
        }
        if let (Some(cell), Some((text, exact))) = (self.texts.get_mut(column), as_text(value)) {
            *cell = text;
            if !exact {
                self.inexact.push(column);
            }
        }
    }
}

/// The text of a cell, and whether a number in it is surely the one that was written.
fn as_text(value: &DataRef<'_>) -> Option<(String, bool)> {
    Some(match value {
        DataRef::Empty | DataRef::Error(_) => return None,
        DataRef::String(text) => (text.clone(), true),
        DataRef::SharedString(text) => ((*text).to_owned(), true),
        DataRef::Bool(value) => (if *value { "TRUE" } else { "FALSE" }.to_owned(), true),
        DataRef::Int(number) => (number.to_string(), number.unsigned_abs() < 1_000_000_000_000_000),
        DataRef::Float(number) => (number.to_string(), number.fract() == 0.0 && number.abs() < ROUNDED),
        DataRef::DateTime(time) => (time.as_datetime().map_or_else(|| time.as_f64().to_string(), |time| time.to_string()), false),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => (text.clone(), false),
    })
}

impl<'b, R: Read + io::Seek> Rows<'b, R> {
    fn open(cells: XlsxCellReader<'b, R>) -> Self {
        Self { cells, next: None, ended: false, number: 0 }
    }

    /// The next row with its number, from 1.
    fn next(&mut self) -> Result<Option<(u64, Cells)>, XlsxError> {
        loop {
            let first = match self.next.take() {
                Some(cell) => Some(cell),
                None => self.cell()?,
            };
            let Some(first) = first else { return Ok(None) };
            let row = first.get_position().0;
            let mut cells = Cells::default();
            let mut cell = Some(first);
            while let Some(found) = cell {
                let (of, column) = found.get_position();
                if of != row {
                    self.next = Some(found);
                    break;
                }
                if let Some(column) = usize::try_from(column).ok().filter(|column| *column < IMPORT_COLUMNS_MAX) {
                    cells.put(column, found.get_value());
                }
                cell = self.cell()?;
            }
            self.number = u64::from(row) + 1;
            if cells.texts.iter().any(|text| !text.trim().is_empty()) {
                return Ok(Some((self.number, cells)));
            }
        }
    }

    fn cell(&mut self) -> Result<Option<Cell<DataRef<'b>>>, XlsxError> {
        let cell = if self.ended { None } else { self.cells.next_cell()? };
        self.ended = cell.is_none();
        Ok(cell)
    }
}

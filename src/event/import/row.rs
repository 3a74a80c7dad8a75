//! From one record to one ticket.

use std::str;

use csv::ByteRecord;

use chrono_tz::Tz;

use super::headings::{Layout, Standing, Visits, Windows};
use super::text::{self, Fault};
use super::time::{self, Edge};
use super::{Rejected, Row, Visit, Window};
use crate::{
    clock::Moment,
    event::TicketStatus,
    limits::{IMPORT_FIELD_BYTES, NAME_CHARS},
};

/// Reads one record, or says in a sentence why it is no ticket.
pub(super) fn read(layout: &Layout, record: &ByteRecord, number: u64, zone: Tz) -> Result<Row, Rejected> {
    let reject = |code: Option<&str>, fault: Fault| Rejected { row: number, code: code.map(str::to_owned), detail: fault.to_string() };
    let code = code(layout, record).map_err(|fault| reject(None, fault))?;
    ticket(layout, record, number, &code, zone).map_err(|fault| reject(Some(&code), fault))
}

/// The code comes first, so that every later fault can name the ticket. Where a cell is missing or runs on, the
/// columns are shifted and no cell can be trusted to be the code.
fn code(layout: &Layout, record: &ByteRecord) -> Result<String, Fault> {
    if record.len() != layout.width {
        return Err(Fault::Width { found: record.len(), expected: layout.width });
    }
    if record.iter().any(|cell| cell.len() > IMPORT_FIELD_BYTES) {
        return Err(Fault::LongField);
    }
    text::code(cell(record, layout.code)?, layout.guard)
}

fn ticket(layout: &Layout, record: &ByteRecord, number: u64, code: &str, zone: Tz) -> Result<Row, Fault> {
    Ok(Row {
        number,
        code: code.to_owned(),
        ticket_type: ticket_type(layout, record)?,
        holder: text::name(optional(record, layout.holder)?, layout.guard)?,
        status: status(layout, record)?,
        price: text::price(optional(record, layout.price)?)?,
        window: window(layout, record, zone)?,
        visit: visit(layout, record, zone)?,
    })
}

/// The name that the check-in list has in one column is put together from two elsewhere, en dash and all, so that
/// both exports of one event lead to the same ticket types.
fn ticket_type(layout: &Layout, record: &ByteRecord) -> Result<String, Fault> {
    let product = text::name(cell(record, layout.product)?, layout.guard)?.ok_or(Fault::NoProduct)?;
    let variation = text::name(optional(record, layout.variation)?, layout.guard)?;
    type_name(product, variation)
}

/// A product and its variation as one name.
pub(super) fn type_name(product: String, variation: Option<String>) -> Result<String, Fault> {
    match variation {
        Some(variation) => text::fit(format!("{product} – {variation}")),
        None => Ok(product),
    }
}

/// Where two reasons apply, the first of this order counts, as in pretix: void, blocked, unpaid.
fn status(layout: &Layout, record: &ByteRecord) -> Result<TicketStatus, Fault> {
    let standing = match layout.standing {
        Standing::Status(column) => text::status(cell(record, column)?, layout.language)?,
        Standing::Paid(column) => text::paid(cell(record, column)?, layout.language)?,
        Standing::AllPaid => TicketStatus::Valid,
    };
    let blocked = text::blocked(optional(record, layout.blocked)?, layout.language)?;
    Ok(with_block(standing, blocked))
}

/// A block counts unless the ticket is void anyhow.
pub(super) fn with_block(standing: TicketStatus, blocked: Option<TicketStatus>) -> TicketStatus {
    match standing {
        TicketStatus::Void | TicketStatus::Refunded => standing,
        TicketStatus::Valid | TicketStatus::Unpaid | TicketStatus::Blocked => blocked.unwrap_or(standing),
    }
}

/// The ticket's own window, if the file has columns for it.
fn window(layout: &Layout, record: &ByteRecord, zone: Tz) -> Result<Option<Window>, Fault> {
    if layout.valid_from.is_none() && layout.valid_until.is_none() {
        return Ok(None);
    }
    let from = end(layout, optional(record, layout.valid_from)?, zone, Edge::Begin)?;
    let until = end(layout, optional(record, layout.valid_until)?, zone, Edge::End)?;
    Ok(Some(Window { from, until: until.map(|until| time::to_the_end(until, zone)) }))
}

/// One end of a window. A time that cannot be read is an error: without it the ticket would be valid at any time.
fn end(layout: &Layout, written: &str, zone: Tz, edge: Edge) -> Result<Option<Moment>, Fault> {
    let written = text::trimmed(written);
    if written.is_empty() {
        return Ok(None);
    }
    let naive = time::parse(written, layout.language.dates).ok_or_else(|| Fault::UnknownTime(text::quoted(written)))?;
    Ok(Some(match layout.windows {
        Windows::Local => time::moment(naive, zone, edge),
        Windows::Utc => naive.and_utc(),
    }))
}

/// The earlier check-ins, if there were any. What counts is that there was one; when it was may be unreadable.
fn visit(layout: &Layout, record: &ByteRecord, zone: Tz) -> Result<Option<Visit>, Fault> {
    let at = |column| -> Result<(bool, Option<Moment>), Fault> {
        let written = text::trimmed(optional(record, column)?);
        let naive = time::parse(written, layout.language.dates);
        Ok((!written.is_empty(), naive.map(|naive| time::moment(naive, zone, Edge::Begin))))
    };
    Ok(match layout.visits {
        Visits::Untold => None,
        Visits::Lists(column) => text::list_names(cell(record, column)?, layout.guard)
            .map(|names| Visit { gate: Some(names).filter(|names| names.chars().count() <= NAME_CHARS), ..Visit::default() }),
        Visits::Times { entered, left } => {
            let (has_entered, entered_at) = at(Some(entered))?;
            let (has_left, left_at) = at(left)?;
            has_entered.then_some(Visit { gate: None, entered_at, has_left, left_at })
        }
    })
}

/// A column that the file does not have reads like an empty cell.
fn optional(record: &ByteRecord, column: Option<usize>) -> Result<&str, Fault> {
    column.map_or(Ok(""), |column| cell(record, column))
}

/// Only cells that we need are looked at: a broken character in a comment costs no ticket.
fn cell(record: &ByteRecord, column: usize) -> Result<&str, Fault> {
    let bytes = record.get(column).unwrap_or_default();
    str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
}

//! From one record to one ticket.

use std::str;

use csv::ByteRecord;

use super::headings::{Layout, Standing};
use super::text::{self, Fault};
use super::{Rejected, Row};
use crate::{event::TicketStatus, limits::IMPORT_FIELD_BYTES};

/// Reads one record, or says in a sentence why it is no ticket.
pub(super) fn read(layout: &Layout, record: &ByteRecord, number: u64) -> Result<Row, Rejected> {
    let reject = |code: Option<&str>, fault: Fault| Rejected { row: number, code: code.map(str::to_owned), detail: fault.to_string() };
    let code = code(layout, record).map_err(|fault| reject(None, fault))?;
    ticket(layout, record, number, &code).map_err(|fault| reject(Some(&code), fault))
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
    text::code(cell(record, layout.code)?)
}

fn ticket(layout: &Layout, record: &ByteRecord, number: u64, code: &str) -> Result<Row, Fault> {
    Ok(Row {
        number,
        code: code.to_owned(),
        ticket_type: ticket_type(layout, record)?,
        holder: text::name(optional(record, layout.holder)?)?,
        status: status(layout, record)?,
        price: text::price(optional(record, layout.price)?)?,
    })
}

/// The name that the check-in list has in one column is put together from two elsewhere, en dash and all, so that
/// both exports of one event lead to the same ticket types.
fn ticket_type(layout: &Layout, record: &ByteRecord) -> Result<String, Fault> {
    let product = text::name(cell(record, layout.product)?)?.ok_or(Fault::NoProduct)?;
    let variation = text::name(optional(record, layout.variation)?)?;
    match variation {
        Some(variation) => text::fit(format!("{product} – {variation}")),
        None => Ok(product),
    }
}

/// Where two reasons apply, the first of this order counts, as in pretix: void, blocked, unpaid.
fn status(layout: &Layout, record: &ByteRecord) -> Result<TicketStatus, Fault> {
    let standing = match layout.standing {
        Standing::Status(column) => text::status(cell(record, column)?)?,
        Standing::Paid(column) => text::paid(cell(record, column)?)?,
        Standing::AllPaid => TicketStatus::Valid,
    };
    let blocked = text::blocked(optional(record, layout.blocked)?)?;
    Ok(match standing {
        TicketStatus::Void | TicketStatus::Refunded => standing,
        TicketStatus::Valid | TicketStatus::Unpaid | TicketStatus::Blocked => blocked.unwrap_or(standing),
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

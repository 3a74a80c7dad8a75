//! Tickets out of another system's export: CSV as pretix writes it.
//!
//! [`Reader`] turns a stream of bytes into one [`Row`] a ticket and knows nothing of the book, the clock or the
//! network. It promises three things:
//!
//! * **An export is read as it is**: with commas, semicolons or tabs, any quoting, with or without a byte order mark,
//!   in English or German, with whatever columns an organiser's questions add.
//! * **A file that cannot tell who may enter is refused whole** ([`ImportError`]): one without codes, one without the
//!   state of its tickets, a log of scans. A heading that we do not know must never turn unpaid tickets into valid ones.
//! * **A bad record costs one ticket, not the file**: it becomes a [`Rejected`] with a sentence for the organiser, and
//!   reading goes on. Memory stays bounded whatever the file holds.
//!
//! The walk of a file: `reader` splits records, `headings` finds the columns, `row` reads one record, `text` reads one
//! cell. The rules come from real exports of pretix 2026.8.0 (`tests/data`). Windows of validity and earlier
//! check-ins are not read yet; they would be further columns of the `headings` layout and further fields of [`Row`].

mod headings;
mod reader;
mod row;
pub mod store;
#[cfg(test)]
mod tests;
mod text;

pub use reader::Reader;

use std::io;

use rust_decimal::Decimal;

use crate::event::TicketStatus;

/// One ticket as another system's export tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The number of the CSV record, the heading being 1. Not a line number: cells contain line breaks.
    pub number: u64,
    /// What the QR code contains: 1 to [`CODE_BYTES`](crate::limits::CODE_BYTES) bytes, case and inner spaces as they were.
    pub code: String,
    /// `Product – Variation`, or the product alone where it has no variations: a name like those of the catalogue.
    pub ticket_type: String,
    /// The attendee's name, if the export gives one.
    pub holder: Option<String>,
    /// The state in which the other system left the ticket.
    pub status: TicketStatus,
    /// The price paid or due, in the event's currency; the export does not name it.
    pub price: Option<Decimal>,
}

/// A record that is no ticket for us, and why. It is data, not a failure: the other records are read all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The number of the CSV record, the heading being 1.
    pub row: u64,
    /// The ticket's code, where it could be read.
    pub code: Option<String>,
    /// One sentence for the organiser.
    pub detail: String,
}

/// Why nothing at all of a file can be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file could not be read.
    #[error("the file could not be read")]
    Io(#[from] io::Error),
    /// A spreadsheet, an archive, or text in another encoding.
    #[error("the file is not text in UTF-8: export it as CSV, and do not save it from a spreadsheet program")]
    NotUtf8,
    /// Nothing in it, or a first record that never ends.
    #[error("the file has no heading line")]
    NoHeadings,
    /// Neither of the headings under which codes are exported.
    #[error(
        "the file has no column with ticket codes (\"Secret\" or \"Ticket secret\"): export the check-in list again \
         with pretix' option \"Include QR-code secret\" switched on, or export the order data's sheet \"Order positions\""
    )]
    NoCodes,
    /// Codes repeat in a log and unknown ones occur: importing it would make tickets of them.
    #[error("the file is a log of scans (check-in log), not a list of tickets: export the check-in list or the order positions")]
    ScanLog,
    /// Without a ticket type there is nothing to sell, count or admit.
    #[error("the file has no column with products (\"Product\"), or its headings are in a language other than English or German")]
    NoProducts,
    /// Nothing tells a paid ticket from an unpaid or cancelled one.
    #[error(
        "the file does not tell which tickets are paid (\"Status\", or \"Paid\" in a check-in list), or its headings \
         are in a language other than English or German"
    )]
    NoStatus,
    /// Two columns with one heading, usually because a question to the attendees has the same words.
    #[error("the heading \"{0}\" occurs twice: rename or remove the column that is not pretix' own")]
    DoubledHeading(String),
}

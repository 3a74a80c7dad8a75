//! Tickets out of another system's export: CSV, Excel files and JSON as pretix writes them.
//!
//! [`read`] turns a file into one [`Row`] a ticket and knows nothing of the ledger, the clock or the network. It promises three things:
//!
//! * **An export is read as it is**: with commas, semicolons or tabs, any quoting, with or without a byte order mark, in any of pretix'
//!   languages, with any columns that an organiser's questions add; packed with gzip or not.
//! * **A file that does not show which tickets are valid is refused whole** ([`ImportError`]): one without codes, one without the
//!   state of its tickets, a log of scans. An unknown heading must never turn unpaid tickets into valid ones.
//! * **A bad record costs one ticket, not the file**: it becomes a [`Rejected`] with a sentence for the organiser, and
//!   reading goes on. Memory stays bounded for any file.
//!
//! The way of a file: `source` recognises what it is; `reader` splits CSV into records and `sheet` a spreadsheet; `headings` finds the columns
//! (in the words of `languages`), `row` reads one record, `text` and `time` read one cell. `json` reads what has no columns. [`store`]
//! brings it all into the ledger. The rules come from real exports of pretix 2026.8.0 (`tests/data`).

mod headings;
mod json;
mod languages;
mod reader;
pub mod report;
mod row;
mod sheet;
mod source;
pub mod store;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub use reader::Reader;
pub use source::read;

use std::{
    io::{self, Read, Seek},
    ops::ControlFlow,
};

use rust_decimal::Decimal;

pub use crate::event::Window;
use crate::{clock::Moment, event::TicketStatus};

/// A file, wherever it lies.
pub trait Source: Read + Seek + Send {}

impl<S: Read + Seek + Send> Source for S {}

/// What takes the tickets one by one, and may say that it has enough.
pub type Sink<'s> = dyn FnMut(Result<Row, Rejected>) -> ControlFlow<()> + 's;

/// One ticket of another system's export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The number of the record, the heading being 1. Not a line number: cells contain line breaks. In JSON, the number of the ticket.
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
    /// When this ticket is admitted, if the export has it.
    pub window: Option<Window>,
    /// That it was let in already.
    pub visit: Option<Visit>,
}

/// What an export has of the earlier check-ins of a ticket: the last entry and the last exit, not how many there were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visit {
    /// The check-in list, or lists, if the export has them.
    pub gate: Option<String>,
    /// When it last came in, if the export has it.
    pub entered_at: Option<Moment>,
    /// Whether it ever went out.
    pub has_left: bool,
    /// When it last went out, if the export has it.
    pub left_at: Option<Moment>,
}

impl Visit {
    /// Whether it has gone out and not come in again. Of an entry and an exit within one minute the exit counts as the later one, as it
    /// does in pretix' own lists of who is present.
    pub fn is_over(&self) -> bool {
        self.has_left && self.entered_at.zip(self.left_at).is_some_and(|(entered, left)| left >= entered)
    }
}

/// A record that is no ticket for us, and why. It is data, not a failure: the other records are read all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The number of the record, the heading being 1.
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
    /// Neither text nor a spreadsheet.
    #[error("the file is neither text nor an Excel file (.xlsx): export it as CSV, Excel or JSON")]
    NotText,
    /// A spreadsheet that is broken.
    #[error("the Excel file could not be read: {0}")]
    Sheet(String),
    /// JSON that is broken before its first order.
    #[error("the JSON could not be read: {0}")]
    Json(String),
    /// JSON of another kind.
    #[error("the JSON has no orders with tickets: export pretix' \"Order data (JSON)\"")]
    NoOrders,
    /// Unpacked it is larger than anybody's event.
    #[error("unpacked, the file is larger than {0} MiB")]
    TooLarge(u64),
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
    #[error("the file has no column with products (\"Product\"), or its headings are in a language that is not known here")]
    NoProducts,
    /// Nothing distinguishes a paid ticket from an unpaid or cancelled one.
    #[error(
        "the file does not tell which tickets are paid (\"Status\", or \"Paid\" in a check-in list), or its headings \
         are in a language that is not known here"
    )]
    NoStatus,
    /// Two columns with one heading, usually because a question to the attendees has the same words.
    #[error("the heading \"{0}\" occurs twice: rename or remove the column that is not pretix' own")]
    DoubledHeading(String),
}

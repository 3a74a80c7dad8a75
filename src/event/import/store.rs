//! From an export into the book: ticket types matched by name or made, tickets upserted by code, in short chunks beside an open door.

use std::{collections::BTreeMap, io::Read};

use rust_decimal::Decimal;
use serde::Serialize;

use super::{ImportError, Reader, Row};
use crate::{
    clock::Clock,
    event::{
        EventError, TicketStatus, printable,
        upload::{Intake, RejectedRow, TicketBody},
    },
    ids::EventId,
    ledger::{
        Book, LedgerError,
        change::Change,
        rows::{EventFacts, TicketType},
    },
    limits,
    money::Tender,
};

/// What became of an import.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Records in the file.
    pub rows: u64,
    /// Tickets that are new.
    pub created: i64,
    /// Tickets that have changed.
    pub updated: i64,
    /// Tickets that stood so already.
    pub unchanged: i64,
    /// Tickets by the state that they have now.
    pub by_status: BTreeMap<&'static str, u64>,
    /// Ticket types that were made. Their quota is 0: none is sold at the door before somebody sets one.
    pub ticket_types_created: Vec<String>,
    /// Records that were not taken.
    pub rejected: Vec<RejectedRow>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file.
    #[error(transparent)]
    File(#[from] ImportError),
    /// There is no such event.
    #[error("there is no event with this id in the book")]
    NoEvent,
    /// The event takes no more.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The book.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Imports an export. `open` opens it anew: it is read once for its ticket types and once for its tickets.
pub async fn import<R: Read>(
    book: &Book,
    clock: Clock,
    event: EventId,
    open: impl Fn() -> std::io::Result<R>,
) -> Result<Report, StoreError> {
    let types = Types::read(Reader::open(open().map_err(ImportError::Io)?)?);
    let made = make_types(book, clock, event, &types).await?;
    let facts = book.event(event).await?.ok_or(StoreError::NoEvent)?;

    let mut intake = Intake::new(&facts, clock);
    let mut rows = 0;
    for record in Reader::open(open().map_err(ImportError::Io)?)? {
        rows += 1;
        let full = match record {
            Err(rejected) => {
                intake.reject(rejected.row, rejected.code, rejected.detail);
                false
            }
            Ok(row) => intake.take(row.number, &body(row)),
        };
        if full {
            intake.store(book, Vec::new()).await?;
        }
    }
    intake.store(book, Vec::new()).await?;
    let uploaded = intake.uploaded;
    Ok(Report {
        rows,
        created: uploaded.created,
        updated: uploaded.updated,
        unchanged: uploaded.unchanged,
        by_status: intake.by_status,
        ticket_types_created: made,
        rejected: uploaded.rejected,
    })
}

fn body(row: Row) -> TicketBody {
    TicketBody { code: row.code, ticket_type: printable(&row.ticket_type), holder: row.holder, status: row.status, entries_allowed: None }
}

/// The ticket types of an export, and how often each price occurs.
struct Types(BTreeMap<String, BTreeMap<Decimal, u64>>);

impl Types {
    fn read<R: Read>(reader: Reader<R>) -> Self {
        let mut types: BTreeMap<String, BTreeMap<Decimal, u64>> = BTreeMap::new();
        for row in reader.flatten() {
            let prices = types.entry(printable(&row.ticket_type)).or_default();
            if let Some(price) = row.price.filter(|_| row.status != TicketStatus::Void) {
                *prices.entry(price).or_default() += 1;
            }
        }
        Self(types)
    }

    /// The price that occurs most often; of several, the highest.
    fn price(prices: &BTreeMap<Decimal, u64>, tender: Tender) -> i64 {
        let usual = prices.iter().max_by_key(|(price, times)| (**times, **price)).map(|(price, _)| *price).unwrap_or_default();
        tender.lenient(usual).map_or(0, |money| money.minor())
    }
}

/// Makes the ticket types that the event does not have, and names them.
async fn make_types(book: &Book, clock: Clock, event: EventId, types: &Types) -> Result<Vec<String>, StoreError> {
    let organisation = book.event(event).await?.ok_or(StoreError::NoEvent)?.event.organisation_id;
    book.change(organisation, || async {
        let now = clock.now();
        let facts = book.event(event).await?.ok_or(StoreError::NoEvent)?;
        let tender = Tender::parse(&facts.event.currency).map_err(|_| LedgerError::Broken)?;
        let lacking: Vec<_> = types.0.iter().filter(|(name, _)| !facts.types.iter().any(|t| t.name == **name)).collect();
        let mut change = Change::new(organisation, now, Vec::new());
        if !lacking.is_empty() {
            let mut image = facts.event.clone();
            image.version += 1;
            change.images.events.push(image);
        }
        let room = limits::TICKET_TYPES.saturating_sub(facts.types.len());
        for (name, prices) in lacking.iter().take(room) {
            change.images.ticket_types.push(made(clock, &facts, name, Types::price(prices, tender)));
        }
        let names = change.images.ticket_types.iter().map(|t| t.name.clone()).collect();
        Ok((change, names))
    })
    .await
}

fn made(clock: Clock, facts: &EventFacts, name: &str, price_minor: i64) -> TicketType {
    TicketType {
        id: clock.id(),
        organisation_id: facts.event.organisation_id,
        event_id: facts.event.id,
        name: name.to_owned(),
        price_minor,
        quota: Some(0),
        entries_allowed: 1,
        reentry: false,
        gates: Vec::new(),
        valid_from: None,
        valid_until: None,
        taken: 0,
        created_at: clock.now(),
    }
}

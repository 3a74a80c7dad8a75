//! From an export into the ledger: ticket types matched by name or made, tickets upserted by code, in short chunks beside an open door.
//!
//! The file is read twice, each time as a stream on a thread that may wait: once for its ticket types and the number of its rows, once
//! for its tickets. Between the thread and the ledger there are a few chunks at most, so memory does not grow with the file.

use std::{collections::BTreeMap, ops::ControlFlow};

use chrono_tz::Tz;
use rust_decimal::Decimal;
use tokio::{sync::mpsc, task::spawn_blocking};
use uuid::Uuid;

use super::{
    ImportError, Rejected, Row, Source, Window,
    report::{ImportedType, Report},
    source,
};
use crate::{
    authorise::StaffSession,
    clock::{self, Clock},
    event::{
        EventError, TicketStatus, catalogue, printable,
        upload::{ChunkedUpload, Imported, NO_OBSERVER, RowObserver, TicketBody, UploadedBy},
    },
    ids::{EventId, ScanId, TicketTypeId},
    ledger::{
        Carried, Ledger, LedgerError,
        change::Change,
        rows::{EventFacts, TicketType},
    },
    limits,
    money::Currency,
};

/// Why nothing was imported, or no more.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file.
    #[error(transparent)]
    File(#[from] ImportError),
    /// There is no such event.
    #[error("there is no event with this id in the ledger")]
    NoEvent,
    /// The event takes no more.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// How far an import has come: rows done, of how many. None while they are being counted.
pub type Progress<'p> = dyn Fn(u64, Option<u64>) + Send + Sync + 'p;

/// An import to be made.
pub struct Import<'i> {
    /// Into which ledger.
    pub ledger: &'i Ledger,
    /// The time.
    pub clock: Clock,
    /// Into which event.
    pub event: EventId,
    /// By whose right.
    pub backing: UploadedBy<'i>,
    /// Whether to write nothing and report what would be done.
    pub dry_run: bool,
    /// Called with the progress.
    pub progress: &'i Progress<'i>,
    /// Called for each row.
    pub observer: &'i RowObserver<'i>,
}

impl<'i> Import<'i> {
    /// The import that an operator makes at the ledger itself.
    pub fn by_operator(ledger: &'i Ledger, clock: Clock, event: EventId) -> Self {
        Self { ledger, clock, event, backing: UploadedBy::Operator, dry_run: false, progress: &|_, _| {}, observer: NO_OBSERVER }
    }

    /// The import that a member of the back office makes.
    pub fn by_staff(ledger: &'i Ledger, clock: Clock, event: EventId, staff: StaffSession<'i>, dry_run: bool) -> Self {
        Self { ledger, clock, event, backing: UploadedBy::StaffSession(staff), dry_run, progress: &|_, _| {}, observer: NO_OBSERVER }
    }
}

impl Import<'_> {
    /// Makes the import.
    ///
    /// # Errors
    /// [`StoreError::File`] before anything is written, when nothing of the file can be imported. Any other error may come between two
    /// chunks: what was stored stays, and the same import made again goes on from there.
    pub async fn make<S: Source + 'static>(&self, source: S) -> Result<Report, StoreError> {
        let zone = zone_of(&self.facts().await?);
        let (source, survey) = survey(source, zone).await?;
        let (facts, made) = self.with_types(&survey).await?;

        let mut upload = if self.dry_run { ChunkedUpload::dry_run(&facts, self.clock) } else { ChunkedUpload::new(&facts, self.clock) };
        upload.observer = self.observer;
        let mut report = Report::new(self.dry_run, survey.rows);
        let mut rows = rows_of(source, zone);
        let mut done = 0_u64;
        while let Some(batch) = rows.recv().await {
            done += u64::try_from(batch.len()).unwrap_or(0);
            for row in batch {
                self.take(row, &facts, &mut upload, &mut report).await?;
            }
            (self.progress)(done, Some(survey.rows));
        }
        self.store(&mut upload).await?;
        report.ticket_types = types_of(&facts, &made, &upload, self.dry_run);
        report.finish(upload);
        Ok(report)
    }

    async fn take(
        &self,
        row: Result<Row, Rejected>,
        facts: &EventFacts,
        upload: &mut ChunkedUpload<'_>,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let full = match row {
            Err(rejected) => {
                upload.reject(rejected.row, rejected.code, rejected.detail);
                false
            }
            Ok(mut row) => {
                report.note(&row);
                if row.window.is_some_and(|window| !window.touches(facts.event.starts_at, facts.event.ends_at)) {
                    row.window = Some(Window::default());
                    report.windows_left_out += 1;
                }
                let (number, imported) = (row.number, imported(&row, self.event));
                upload.take_imported(number, &body(row), imported)
            }
        };
        if full { self.store(upload).await } else { Ok(()) }
    }

    async fn store(&self, upload: &mut ChunkedUpload<'_>) -> Result<(), StoreError> {
        Ok(upload.store(self.ledger, &self.backing).await?)
    }

    async fn facts(&self) -> Result<EventFacts, StoreError> {
        match &self.backing {
            UploadedBy::Operator => self.ledger.event(self.event).await?.ok_or(StoreError::NoEvent),
            UploadedBy::StaffSession(staff) => Ok(catalogue::manageable(self.ledger, *staff, self.event).await?.1),
        }
    }

    /// The event with all ticket types of the file, and those of them that were made. Their quota is 0: none is sold at the door before
    /// an organiser sets one.
    async fn with_types(&self, survey: &Survey) -> Result<(EventFacts, Vec<TicketTypeId>), StoreError> {
        let organisation = self.facts().await?.event.organisation_id;
        if self.dry_run {
            let mut facts = self.facts().await?;
            let made = self.lacking(&facts, survey)?;
            let ids = made.iter().map(|t| t.id).collect();
            facts.types.extend(made);
            return Ok((facts, ids));
        }
        let made = self
            .ledger
            .change(organisation, || async {
                let guards = self.backing.guards().await?;
                let facts = self.facts().await?;
                let made = self.lacking(&facts, survey)?;
                let ids: Vec<TicketTypeId> = made.iter().map(|t| t.id).collect();
                let mut change = Change::new(organisation, self.clock.now(), guards);
                if !made.is_empty() {
                    let mut image = facts.event.clone();
                    image.version += 1;
                    change.images.events.push(image);
                    change.images.ticket_types.extend(made);
                }
                Ok::<_, StoreError>((change, ids))
            })
            .await?;
        Ok((self.facts().await?, made))
    }

    fn lacking(&self, facts: &EventFacts, survey: &Survey) -> Result<Vec<TicketType>, StoreError> {
        let currency = Currency::parse(&facts.event.currency).map_err(|_| LedgerError::Broken)?;
        let room = limits::TICKET_TYPES_MAX.saturating_sub(facts.types.len());
        let lacking = survey.types.iter().filter(|(name, _)| !facts.types.iter().any(|t| t.name == **name));
        Ok(lacking.take(room).map(|(name, prices)| made(self.clock, facts, name, usual_price(prices, currency))).collect())
    }
}

/// The movements' ids follow from the ticket, so that carrying them over again adds nothing.
fn imported(row: &Row, event: EventId) -> Imported {
    let id = |movement: &str| ScanId(Uuid::new_v5(&event.0, format!("{movement} {}", row.code).as_bytes()));
    let visit = row.visit.as_ref().map(|visit| Carried {
        code: row.code.clone(),
        entry_id: id("entry"),
        exit_id: id("exit"),
        is_over: visit.is_over(),
        gate: visit.gate.clone(),
        entered_at: visit.entered_at,
        left_at: visit.left_at,
    });
    Imported { keeps_holder: true, window: row.window, visit }
}

fn body(row: Row) -> TicketBody {
    TicketBody { code: row.code, ticket_type: printable(&row.ticket_type), holder: row.holder, status: row.status, entries_allowed: None }
}

/// Event times are written in the event's own zone; one that the catalogue has let in is known.
fn zone_of(facts: &EventFacts) -> Tz {
    facts.event.timezone.parse().unwrap_or(Tz::UTC)
}

/// What the first reading of a file finds: its rows, its ticket types, and how often each price occurs.
#[derive(Default)]
struct Survey {
    rows: u64,
    types: BTreeMap<String, BTreeMap<Decimal, u64>>,
}

impl Survey {
    fn note(&mut self, row: Result<Row, Rejected>) -> ControlFlow<()> {
        self.rows += 1;
        let Ok(row) = row else { return ControlFlow::Continue(()) };
        let name = printable(&row.ticket_type);
        // No event has so many types or prices; a file that says otherwise does not get the memory for them.
        if self.types.len() < limits::TICKET_TYPES_MAX || self.types.contains_key(&name) {
            let prices = self.types.entry(name).or_default();
            if let Some(price) = row.price.filter(|_| row.status != TicketStatus::Void && prices.len() < limits::IMPORT_PRICES_MAX) {
                *prices.entry(price).or_default() += 1;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The price that occurs most often; of several, the highest.
fn usual_price(prices: &BTreeMap<Decimal, u64>, currency: Currency) -> i64 {
    let usual = prices.iter().max_by_key(|(price, times)| (**times, **price)).map(|(price, _)| *price).unwrap_or_default();
    currency.lenient(usual).map_or(0, |money| money.minor())
}

async fn survey<S: Source + 'static>(mut source: S, zone: Tz) -> Result<(S, Survey), ImportError> {
    let surveyed = spawn_blocking(move || {
        let mut survey = Survey::default();
        source::read(&mut source, zone, &mut |row| survey.note(row))?;
        Ok((source, survey))
    });
    surveyed.await.unwrap_or_else(|_| Err(ImportError::Io(std::io::Error::other("the reader of the file failed"))))
}

/// The rows of a file, in batches. Reading waits while no batch is taken, and ends when the receiver is gone. An error that stops the reading
/// has been reported by the first reading.
fn rows_of<S: Source + 'static>(mut source: S, zone: Tz) -> mpsc::Receiver<Vec<Result<Row, Rejected>>> {
    let (to, rows) = mpsc::channel(limits::IMPORT_BATCHES_MAX);
    spawn_blocking(move || {
        let mut batch = Vec::with_capacity(limits::UPLOAD_CHUNK_ROWS);
        let read = source::read(&mut source, zone, &mut |row| {
            batch.push(row);
            if batch.len() < limits::UPLOAD_CHUNK_ROWS {
                return ControlFlow::Continue(());
            }
            match to.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(limits::UPLOAD_CHUNK_ROWS))) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        if let Err(error) = read {
            let detail = format!("the file could not be read a second time: {error}");
            batch.push(Err(Rejected { row: 0, code: None, detail }));
        }
        let _ = to.blocking_send(batch);
    });
    rows
}

fn types_of(facts: &EventFacts, made: &[TicketTypeId], upload: &ChunkedUpload<'_>, dry_run: bool) -> Vec<ImportedType> {
    let named = facts.types.iter().filter_map(|t| {
        let tickets = *upload.by_type.get(&t.id)?;
        let created = made.contains(&t.id);
        Some(ImportedType { id: Some(t.id).filter(|_| !(created && dry_run)), name: t.name.clone(), created, tickets })
    });
    named.collect()
}

fn made(clock: Clock, facts: &EventFacts, name: &str, price_minor: i64) -> TicketType {
    TicketType {
        id: clock::new_id(),
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
        held: 0,
        created_at: clock.now(),
    }
}

//! Tickets uploaded over the API: JSON or CSV, upserted by code, safe to repeat. A bad row is reported and costs only itself.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{EventError, TicketStatus, Window, catalogue::manageable, printable, trim_code};
use crate::{
    authorise::{self, ImportPermit, StaffSession},
    clock::{self, Clock},
    faults::{Faults, Whole},
    ids::{EventId, OrganisationId, TicketTypeId},
    ledger::{
        Carried, CarryOver, KnownTicket, Ledger, LedgerError, UploadChunk, UploadCount, UploadTicket,
        change::Guard,
        entry::Entry,
        kinds::Permission,
        rows::{EventFacts, TicketType},
    },
    limits,
};

/// Tickets as JSON.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ticket_upload)]
pub struct UploadBody {
    /// Up to 1,000 tickets.
    #[schema(max_items = 1000)]
    pub tickets: Vec<TicketBody>,
}

/// A ticket of an upload.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ticket_upload_row)]
pub struct TicketBody {
    /// What its bar code holds; 1 to 512 bytes.
    pub code: String,
    /// The id or the name of a ticket type of the event.
    #[serde(rename = "type")]
    pub ticket_type: String,
    /// Whose it is.
    pub holder: Option<String>,
    /// Its state.
    pub status: TicketStatus,
    /// Entries that it allows; as its type says if absent.
    pub entries_allowed: Option<Whole>,
}

/// What became of an upload.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = upload_result)]
pub struct Uploaded {
    /// Tickets that are new.
    pub created: i64,
    /// Tickets that have changed.
    pub updated: i64,
    /// Tickets that stood so already.
    pub unchanged: i64,
    /// Rows that were not taken.
    pub rejected: Vec<RejectedRow>,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = rejected_row)]
pub struct RejectedRow {
    /// Which: from 1 in JSON; in CSV the heading is row 1.
    pub row: u64,
    /// Its code, as far as it could be read.
    pub code: Option<String>,
    /// Why.
    pub detail: String,
}

/// Tickets that are to be stored, gathered into chunks. A code that occurs twice is taken once.
pub struct ChunkedUpload<'f> {
    facts: &'f EventFacts,
    clock: Clock,
    /// The codes so far, each as half of its SHA-256: of a million tickets, two that share that do not exist.
    seen: HashSet<[u8; 16]>,
    chunk: Vec<UploadTicket>,
    /// Earlier check-ins of the tickets of the chunk.
    visits: Vec<Carried>,
    /// Whether tickets are only compared with the ledger.
    dry_run: bool,
    /// What has become of the rows so far.
    pub uploaded: Uploaded,
    /// The tickets that were taken, by the state that they have now.
    pub by_status: BTreeMap<&'static str, u64>,
    /// The tickets that were taken, by their type.
    pub by_type: HashMap<TicketTypeId, u64>,
    /// The rows that were not taken, more than are named.
    pub rejected_total: u64,
    /// Movements that were carried over.
    pub carried_over: u64,
    /// Called for each row.
    pub observer: &'f RowObserver<'f>,
}

/// Gets each row's number and code, and the state of a ticket that was accepted, or why the row was not.
pub type RowObserver<'w> = dyn Fn(u64, Option<&str>, Result<TicketStatus, &str>) + Send + Sync + 'w;

/// An observer that does nothing.
pub const NO_OBSERVER: &RowObserver<'static> = &|_, _, _| {};

/// What an import states of a ticket beyond what an upload does.
#[derive(Default)]
pub struct Imported {
    /// Whether the ticket keeps its name if the row has none.
    pub keeps_holder: bool,
    /// Its own window, if the export has it.
    pub window: Option<Window>,
    /// Its earlier check-ins.
    pub visit: Option<Carried>,
}

/// By whose right tickets are stored.
#[derive(Clone, Copy)]
pub enum UploadedBy<'g> {
    /// An operator at the ledger itself.
    Operator,
    /// A member in the back office. Each chunk is stored only if the member still has the right: a member who loses it stores no more.
    StaffSession(StaffSession<'g>),
}

impl UploadedBy<'_> {
    /// The versions that it rests on now.
    pub async fn guards(&self) -> Result<Vec<Guard>, EventError> {
        match self {
            Self::Operator => Ok(Vec::new()),
            Self::StaffSession(staff) => Ok(staff.mandate(Permission::EventsManage).await?.guards()),
        }
    }

    /// The right to import into an event of this organisation now.
    async fn permit(&self, organisation: OrganisationId) -> Result<ImportPermit, EventError> {
        match self {
            Self::Operator => Ok(authorise::import_by_operator(organisation)),
            Self::StaffSession(staff) => Ok(authorise::to_import(&staff.caller().await?)?),
        }
    }

    /// Stores tickets with their earlier admissions, again while the permit is given on something that changes.
    async fn store_tickets(
        &self,
        ledger: &Ledger,
        organisation: OrganisationId,
        tickets: &[UploadTicket],
        earlier: &CarryOver,
    ) -> Result<UploadCount, EventError> {
        for _ in 0..limits::CHANGE_TRIES_MAX {
            let carried = Entry::new(self.permit(organisation).await?, earlier.clone());
            match ledger.store_tickets(&UploadChunk { tickets, carried }).await {
                Err(LedgerError::Moved) => {}
                stored => return Ok(stored?),
            }
        }
        Err(LedgerError::Busy.into())
    }

    /// Carries earlier check-ins over, again while the permit is given on something that changes.
    async fn carry_over(&self, ledger: &Ledger, organisation: OrganisationId, earlier: &CarryOver) -> Result<u64, EventError> {
        for _ in 0..limits::CHANGE_TRIES_MAX {
            match ledger.carry_over(&Entry::new(self.permit(organisation).await?, earlier.clone())).await {
                Err(LedgerError::Moved) => {}
                written => return Ok(written?),
            }
        }
        Err(LedgerError::Busy.into())
    }
}

impl<'f> ChunkedUpload<'f> {
    /// An upload for this event.
    pub fn new(facts: &'f EventFacts, clock: Clock) -> Self {
        Self {
            facts,
            clock,
            seen: HashSet::new(),
            chunk: Vec::new(),
            visits: Vec::new(),
            carried_over: 0,
            dry_run: false,
            uploaded: Uploaded::default(),
            by_status: BTreeMap::new(),
            by_type: HashMap::new(),
            rejected_total: 0,
            observer: NO_OBSERVER,
        }
    }

    /// An upload that writes nothing and counts what would be written.
    pub fn dry_run(facts: &'f EventFacts, clock: Clock) -> Self {
        Self { dry_run: true, ..Self::new(facts, clock) }
    }

    /// Notes that a row was not taken.
    pub fn reject(&mut self, row: u64, code: Option<String>, detail: impl Into<String>) {
        let detail = detail.into();
        (self.observer)(row, code.as_deref(), Err(&detail));
        self.rejected_total += 1;
        if self.uploaded.rejected.len() < limits::REJECTED_NAMED_MAX {
            self.uploaded.rejected.push(RejectedRow { row, code, detail });
        }
    }

    /// Takes a row. Answers whether a chunk is full.
    pub fn take(&mut self, row: u64, body: &TicketBody) -> bool {
        self.take_imported(row, body, Imported::default())
    }

    /// Accepts a row of an import, which may state more of a ticket than an upload, or less.
    pub fn take_imported(&mut self, row: u64, body: &TicketBody, imported: Imported) -> bool {
        match self.parse(body, &imported) {
            Ok(ticket) => {
                (self.observer)(row, Some(&ticket.code), Ok(ticket.status));
                self.visits.extend(imported.visit);
                *self.by_status.entry(ticket.status.as_str()).or_default() += 1;
                *self.by_type.entry(ticket.ticket_type_id).or_default() += 1;
                self.chunk.push(ticket);
            }
            Err(detail) => self.reject(row, Some(body.code.clone()), detail),
        }
        self.chunk.len() >= limits::UPLOAD_CHUNK_ROWS
    }

    fn parse(&mut self, body: &TicketBody, imported: &Imported) -> Result<UploadTicket, String> {
        let code = trim_code(&body.code);
        if code.is_empty() || code.len() > limits::CODE_BYTES || code.contains('\0') {
            return Err(format!("the code must have 1 to {} bytes and no NUL", limits::CODE_BYTES));
        }
        let ticket_type =
            self.ticket_type(&body.ticket_type).ok_or_else(|| format!("“{}” is not a ticket type of this event", body.ticket_type))?;
        let mut faults = Faults::default();
        let holder = body.holder.as_deref().map(printable).filter(|holder| !holder.is_empty());
        let holder = faults.name_if_any("holder", holder.as_deref());
        let entries = body.entries_allowed.map(|n| faults.count("entries_allowed", n, 1, limits::ENTRIES_ALLOWED_MAX));
        if let Some(fault) = faults.into_vec().into_iter().next() {
            return Err(format!("{} {}", fault.pointer, fault.detail));
        }
        if !self.seen.insert(digest(code)) {
            return Err("the code stands in this upload before".to_owned());
        }
        Ok(UploadTicket {
            id: clock::new_id(),
            code: code.to_owned(),
            ticket_type_id: ticket_type.id,
            keeps_holder: imported.keeps_holder && holder.is_none(),
            holder,
            status: body.status,
            entries_allowed: entries.unwrap_or(ticket_type.entries_allowed),
            sets_window: imported.window.is_some(),
            valid_from: imported.window.and_then(|window| window.from),
            valid_until: imported.window.and_then(|window| window.until),
        })
    }

    fn ticket_type(&self, named: &str) -> Option<&'f TicketType> {
        let id = named.parse::<uuid::Uuid>().ok();
        self.facts.types.iter().find(|t| t.name == named || Some(t.id.0) == id)
    }

    /// Stores the tickets gathered so far.
    pub async fn store(&mut self, ledger: &Ledger, backing: &UploadedBy<'_>) -> Result<(), EventError> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let event = &self.facts.event;
        let tickets = std::mem::take(&mut self.chunk);
        if self.dry_run {
            return Ok(self.compare(ledger, &tickets).await?);
        }
        let given = i64::try_from(tickets.len()).unwrap_or(i64::MAX);
        let (organisation, at) = (event.organisation_id, self.clock.now());
        let visits = std::mem::take(&mut self.visits);
        // A ticket that has been used elsewhere comes with its entry, in one step: no phone finds it unused in between.
        let entries = visits.iter().map(|visit| Carried { is_over: false, ..visit.clone() }).collect();
        let entries = CarryOver { event: event.id, visits: entries, at };
        let UploadCount { created, updated, carried, .. } = backing.store_tickets(ledger, organisation, &tickets, &entries).await?;
        self.uploaded.created += created;
        self.uploaded.updated += updated;
        self.uploaded.unchanged += given - created - updated;
        self.carried_over += carried.unsigned_abs();
        if visits.iter().any(|visit| visit.is_over) {
            let exits = CarryOver { event: event.id, visits, at };
            self.carried_over += backing.carry_over(ledger, organisation, &exits).await?;
        }
        Ok(())
    }
}

impl ChunkedUpload<'_> {
    async fn compare(&mut self, ledger: &Ledger, tickets: &[UploadTicket]) -> Result<(), LedgerError> {
        let codes: Vec<&str> = tickets.iter().map(|ticket| ticket.code.as_str()).collect();
        let known = ledger.tickets_by_code(self.facts.event.id, &codes).await?;
        let known: HashMap<&str, &KnownTicket> = known.iter().map(|known| (known.ticket.code.as_str(), known)).collect();
        for ticket in tickets {
            match known.get(ticket.code.as_str()) {
                None => self.uploaded.created += 1,
                Some(known) if ticket.changes(&known.ticket) => self.uploaded.updated += 1,
                Some(_) => self.uploaded.unchanged += 1,
            }
        }
        for visit in std::mem::take(&mut self.visits) {
            self.carried_over += visit.adds(known.get(visit.code.as_str()).copied());
        }
        Ok(())
    }
}

fn digest(code: &str) -> [u8; 16] {
    let digest = Sha256::digest(code.as_bytes());
    digest.first_chunk().copied().unwrap_or_default()
}

/// Takes an upload as JSON.
pub async fn json(
    ledger: &Ledger,
    clock: Clock,
    staff: StaffSession<'_>,
    event: EventId,
    body: UploadBody,
) -> Result<Uploaded, EventError> {
    let (_, facts) = manageable(ledger, staff, event).await?;
    if body.tickets.len() > limits::UPLOAD_TICKETS_MAX {
        return Err(EventError::Invalid(Faults::one("/tickets", format!("must have at most {} tickets", limits::UPLOAD_TICKETS_MAX))));
    }
    let mut upload = ChunkedUpload::new(&facts, clock);
    for (row, ticket) in (1_u64..).zip(&body.tickets) {
        if upload.take(row, ticket) {
            upload.store(ledger, &UploadedBy::StaffSession(staff)).await?;
        }
    }
    upload.store(ledger, &UploadedBy::StaffSession(staff)).await?;
    Ok(upload.uploaded)
}

/// Takes an upload as CSV with a heading line.
pub async fn csv(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, event: EventId, bytes: &[u8]) -> Result<Uploaded, EventError> {
    let (_, facts) = manageable(ledger, staff, event).await?;
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    check_headings(reader.headers()).map_err(EventError::Invalid)?;
    let mut upload = ChunkedUpload::new(&facts, clock);
    for (row, record) in (2_u64..).zip(reader.deserialize::<CsvRow>()) {
        if row > u64::try_from(limits::UPLOAD_ROWS_MAX).unwrap_or(u64::MAX) {
            upload.reject(
                row,
                None,
                format!("an upload has at most {} rows; this one and those after it were not read", limits::UPLOAD_ROWS_MAX),
            );
            break;
        }
        let parsed = match record {
            Ok(record) => {
                let code = record.code.clone();
                record.into_body().map_err(|detail| (Some(code), detail))
            }
            Err(error) => Err((None, error.to_string())),
        };
        let full = match parsed {
            Ok(ticket) => upload.take(row, &ticket),
            Err((code, detail)) => {
                upload.reject(row, code, detail);
                false
            }
        };
        if full {
            upload.store(ledger, &UploadedBy::StaffSession(staff)).await?;
        }
    }
    upload.store(ledger, &UploadedBy::StaffSession(staff)).await?;
    Ok(upload.uploaded)
}

const HEADINGS: [&str; 5] = ["code", "type", "holder", "status", "entries_allowed"];

fn check_headings(found: Result<&csv::StringRecord, csv::Error>) -> Result<(), Faults> {
    let found = found.map_err(|error| Faults::one("", error.to_string()))?;
    if let Some(unknown) = found.iter().find(|heading| !HEADINGS.contains(heading)) {
        return Err(Faults::one("", format!("the heading “{unknown}” is not one of {}", HEADINGS.join(", "))));
    }
    for needed in ["code", "type", "status"] {
        if !found.iter().any(|heading| heading == needed) {
            return Err(Faults::one("", format!("the heading “{needed}” is missing")));
        }
    }
    Ok(())
}

/// A row as CSV has it: an empty cell is an absent value.
#[derive(Deserialize)]
struct CsvRow {
    code: String,
    #[serde(rename = "type")]
    ticket_type: String,
    #[serde(default)]
    holder: Option<String>,
    status: String,
    #[serde(default)]
    entries_allowed: Option<String>,
}

impl CsvRow {
    fn into_body(self) -> Result<TicketBody, String> {
        let entries_allowed = match self.entries_allowed.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(text) => Some(Whole(text.parse().map_err(|_| format!("“{text}” is not a number of entries"))?)),
        };
        let status = self.status.trim().parse().map_err(|error: crate::string_enum::UnknownWord| error.to_string())?;
        Ok(TicketBody { code: self.code, ticket_type: self.ticket_type, holder: self.holder, status, entries_allowed })
    }
}

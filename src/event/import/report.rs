//! What became of an import, for people and for machines.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::Row;
use crate::{
    event::upload::{ChunkedUpload, RejectedRow},
    ids::TicketTypeId,
};

/// What became of an import.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = import_report)]
pub struct Report {
    /// Whether nothing was written: the numbers tell what would be done.
    pub dry_run: bool,
    /// Records in the file.
    #[schema(example = 1454)]
    pub rows: u64,
    /// Tickets that are new.
    #[schema(example = 1400)]
    pub created: i64,
    /// Tickets that have changed.
    #[schema(example = 50)]
    pub updated: i64,
    /// Tickets that stood so already.
    #[schema(example = 4)]
    pub unchanged: i64,
    /// Tickets of the file, by the state that they have now.
    #[schema(example = json!({"valid": 1324, "unpaid": 109, "blocked": 21}))]
    pub by_status: BTreeMap<&'static str, u64>,
    /// Ticket types of the file.
    pub ticket_types: Vec<ImportedType>,
    /// Earlier check-ins.
    pub check_ins: CheckIns,
    /// Tickets whose own window of validity lies wholly outside of the event's time. It belongs to another run of the event and was
    /// left out: they are admitted as their type says.
    pub windows_left_out: u64,
    /// Records that were not taken, the first ten thousand.
    pub rejected: Vec<RejectedRow>,
    /// How many records were not taken.
    #[schema(example = 0)]
    pub rejected_total: u64,
}

/// A ticket type of an imported file.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = imported_ticket_type)]
pub struct ImportedType {
    /// Its id; null while it only would be made.
    pub id: Option<TicketTypeId>,
    /// Its name.
    #[schema(example = "Regular, weekend – Early bird")]
    pub name: String,
    /// Whether the event did not have it. Its quota is 0: none is sold at the door before somebody sets one.
    pub created: bool,
    /// Tickets of the file that are of this type.
    #[schema(example = 208)]
    pub tickets: u64,
}

/// Earlier check-ins that an imported file tells of.
#[derive(Clone, Copy, Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = imported_check_ins)]
pub struct CheckIns {
    /// Tickets that were let in.
    #[schema(example = 609)]
    pub used: u64,
    /// Those of them that went out at least once.
    #[schema(example = 203)]
    pub left: u64,
    /// Those that are inside: let in, and not gone since.
    #[schema(example = 499)]
    pub inside: u64,
    /// Movements that were carried over into the ledger. A ticket that was scanned here already keeps its own.
    #[schema(example = 719)]
    pub carried_over: u64,
}

impl Report {
    /// A report on so many rows, of which none is done.
    pub(super) fn new(dry_run: bool, rows: u64) -> Self {
        Self { dry_run, rows, ..Self::default() }
    }

    /// Counts what a row has of earlier check-ins.
    pub(super) fn note(&mut self, row: &Row) {
        if let Some(visit) = &row.visit {
            self.check_ins.used += 1;
            self.check_ins.left += u64::from(visit.has_left);
            self.check_ins.inside += u64::from(!visit.is_over());
        }
    }

    /// Takes over what became of the tickets.
    pub(super) fn finish(&mut self, upload: ChunkedUpload<'_>) {
        self.created = upload.uploaded.created;
        self.updated = upload.uploaded.updated;
        self.unchanged = upload.uploaded.unchanged;
        self.check_ins.carried_over = upload.carried_over;
        self.by_status = upload.by_status;
        self.rejected = upload.uploaded.rejected;
        self.rejected_total = upload.rejected_total;
    }

    /// Tickets that were taken.
    pub fn taken(&self) -> i64 {
        self.created + self.updated + self.unchanged
    }
}

impl fmt::Display for Report {
    /// What a person wants to know, in a few lines.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, created, updated, unchanged, rejected_total, .. } = self;
        if self.dry_run {
            writeln!(to, "dry run: nothing was written")?;
        }
        writeln!(to, "{rows} rows: {created} tickets created, {updated} updated, {unchanged} unchanged, {rejected_total} rows not taken")?;
        let states: Vec<String> = self.by_status.iter().map(|(status, tickets)| format!("{tickets} {status}")).collect();
        if !states.is_empty() {
            writeln!(to, "by status: {}", states.join(", "))?;
        }
        for ticket_type in &self.ticket_types {
            let made = if ticket_type.created { "  (new; its quota is 0)" } else { "" };
            writeln!(to, "{:>9}  {}{made}", ticket_type.tickets, ticket_type.name)?;
        }
        let CheckIns { used, left, inside, carried_over } = self.check_ins;
        if used > 0 {
            writeln!(
                to,
                "earlier check-ins: {used} tickets let in, {left} of them went out, {inside} are inside; {carried_over} movements carried over"
            )?;
        }
        if self.windows_left_out > 0 {
            let left_out = self.windows_left_out;
            writeln!(to, "warning: {left_out} tickets have a validity outside of this event's time; it was left out")?;
        }
        Ok(())
    }
}

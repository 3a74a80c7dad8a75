//! What takes a scan back becomes an entry in the ledger, or nothing: the permit is used up either way.

use tokio::time::Instant;

use super::{decide::Back, facts::Facts};
use crate::{
    attempt::Sources,
    authorise::Permit,
    ledger::{
        LedgerError,
        entry::{ScanEntry, ScanOutcome},
        rows::{Movement, RecordedScan, Reversal},
    },
};

/// A reversal that is in the ledger.
#[derive(Debug)]
#[must_use = "it is on disk, and now it may be told"]
pub struct Receipt {
    reversal: Reversal,
}

impl Receipt {
    /// The reversal.
    pub fn reversal(&self) -> Reversal {
        self.reversal
    }
}

/// Writes the reversal. None: what it rests on has moved, or another has taken the scan back. Look again.
pub async fn commit(
    sources: &Sources,
    permit: Permit,
    facts: &Facts,
    recorded: &RecordedScan,
    back: Back,
    deadline: Instant,
) -> Result<Option<Receipt>, LedgerError> {
    let entry = ScanEntry {
        decided_on: permit.decided_on(),
        id: sources.authenticator.clock.id(),
        ticket: recorded.ticket_id,
        direction: back.direction,
        uses: back.uses,
        allowed: recorded.entries_allowed,
        gate: recorded.gate.clone(),
        scanned_at: None,
        fingerprint: format!("takes back {}", recorded.id),
        undoes: Some(recorded.id),
    };
    let ScanOutcome::Recorded { seq, used, inside, recorded_at } =
        sources.ledger.commit_scan(permit.organisation(), entry, deadline).await?
    else {
        return Ok(None);
    };
    let device = permit.device();
    let movement = Movement {
        seq,
        direction: back.direction,
        used,
        inside,
        gate: recorded.gate.clone(),
        recorded_at,
        device_id: Some(device.id),
        device_name: Some(device.name.clone()),
    };
    sources.warm.moved(permit.decided_on().event.0, &facts.code, &movement);
    Ok(Some(Receipt { reversal: Reversal { seq, direction: back.direction, used, recorded_at } }))
}

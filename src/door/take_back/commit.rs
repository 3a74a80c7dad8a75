//! A scan that is taken back becomes an entry of the ledger: the permit is used up, for any outcome.

use tokio::time::Instant;

use super::{decide::Back, facts::Facts};
use crate::{
    attempt::Sources,
    authorise::Permit,
    clock,
    ledger::{
        LedgerError,
        entry::{Entry, Outcome},
        rows::{Movement, RecordedScan, Reversal},
        scan::{Scan, ScanRecorded},
    },
};

/// A reversal that is on disk.
#[derive(Debug)]
#[must_use = "it is on disk, and now it may be answered"]
pub struct Receipt {
    reversal: Reversal,
}

impl Receipt {
    pub fn reversal(&self) -> Reversal {
        self.reversal
    }
}

/// Writes the reversal.
pub async fn commit(
    sources: &Sources,
    permit: Permit<Scan>,
    facts: &Facts,
    recorded: &RecordedScan,
    back: Back,
    deadline: Instant,
) -> Result<Outcome<Receipt>, LedgerError> {
    let event = permit.decided_on().event.0;
    let (device_id, device_name) = permit.device().map(|device| (device.id, device.name.clone())).unzip();
    let gate = recorded.gate.clone();
    let direction = back.direction;
    let scan = Scan {
        id: clock::new_id(),
        ticket: recorded.ticket_id,
        direction,
        uses: back.uses,
        allowed: recorded.entries_allowed,
        gate: gate.clone(),
        scanned_at: None,
        fingerprint: format!("takes back {}", recorded.id),
        undoes: Some(recorded.id),
    };
    let outcome = sources.ledger.commit_scan(Entry::new(permit, scan), deadline).await?;
    Ok(outcome.map(|ScanRecorded { seq, used, inside, recorded_at }| {
        let movement = Movement { seq, direction, used, inside, gate, recorded_at, device_id, device_name };
        sources.warm.moved(event, &facts.code, &movement);
        Receipt { reversal: Reversal { seq, direction, used, recorded_at } }
    }))
}

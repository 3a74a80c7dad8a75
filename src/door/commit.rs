//! A verdict becomes an entry in the ledger, or nothing: the permit is used up either way.

use tokio::time::Instant;

use super::{facts::Facts, request::Request};
use crate::{
    attempt::Sources,
    authorise::Permit,
    ledger::{
        LedgerError,
        entry::{ScanEntry, ScanOutcome},
        rows::{Movement, Ticket},
    },
};

/// A movement that is in the ledger.
#[derive(Debug)]
#[must_use = "green is durable, and now it may be shown"]
pub struct Receipt {
    movement: Movement,
}

impl Receipt {
    /// The movement.
    pub fn movement(&self) -> &Movement {
        &self.movement
    }
}

/// Writes the movement. None: what it rests on has moved, or its id is known. Look again.
pub async fn commit(
    sources: &Sources,
    permit: Permit,
    request: &Request,
    facts: &Facts,
    ticket: &Ticket,
    uses: i32,
    deadline: Instant,
) -> Result<Option<Receipt>, LedgerError> {
    let gate = request.gate_at(permit.device()).map(str::to_owned);
    let entry = ScanEntry {
        decided_on: permit.decided_on(),
        id: request.id,
        ticket: ticket.id,
        direction: request.direction,
        uses,
        allowed: ticket.entries_allowed,
        gate: gate.clone(),
        scanned_at: request.scanned_at,
        fingerprint: request.fingerprint(permit.device()),
        undoes: None,
    };
    match sources.ledger.commit_scan(permit.organisation(), entry, deadline).await? {
        ScanOutcome::NotWritten => Ok(None),
        ScanOutcome::Recorded { seq, used, inside, recorded_at } => {
            let device = permit.device();
            let movement = Movement {
                seq,
                direction: request.direction,
                used,
                inside,
                gate,
                recorded_at,
                device_id: Some(device.id),
                device_name: Some(device.name.clone()),
            };
            match &facts.kept {
                Some(kept) => kept.moved(&movement),
                None => sources.warm.moved(request.event, &request.code, &movement),
            }
            Ok(Some(Receipt { movement }))
        }
    }
}

//! An admission becomes an entry of the ledger: the permit is used up, for any outcome.

use tokio::time::Instant;

use super::{decide::Admission, facts::Facts, request::Request};
use crate::{
    attempt::Sources,
    authorise::Permit,
    ledger::{
        LedgerError,
        entry::{Entry, Outcome},
        rows::Movement,
        scan::{Scan, ScanRecorded},
    },
};

/// A movement that is on disk.
#[derive(Debug)]
#[must_use = "green is durable, and now it may be shown"]
pub struct Receipt {
    movement: Movement,
}

impl Receipt {
    pub fn movement(&self) -> &Movement {
        &self.movement
    }
}

/// Writes the movement.
pub async fn commit(
    sources: &Sources,
    permit: Permit<Scan>,
    request: &Request,
    facts: &Facts,
    admission: Admission,
    deadline: Instant,
) -> Result<Outcome<Receipt>, LedgerError> {
    let device = permit.device();
    let gate = request.gate_at(device).map(str::to_owned);
    let fingerprint = request.fingerprint(device);
    let (device_id, device_name) = device.map(|device| (device.id, device.name.clone())).unzip();
    let Admission { ticket, allowed, uses } = admission;
    let scan = Scan {
        id: request.id,
        ticket,
        direction: request.direction,
        uses,
        allowed,
        gate: gate.clone(),
        scanned_at: request.scanned_at,
        fingerprint,
        undoes: None,
    };
    let outcome = sources.ledger.commit_scan(Entry::new(permit, scan), deadline).await?;
    Ok(outcome.map(|ScanRecorded { seq, used, inside, recorded_at }| {
        let movement = Movement { seq, direction: request.direction, used, inside, gate, recorded_at, device_id, device_name };
        match &facts.cached {
            Some(cached) => cached.moved(&movement),
            None => sources.warm.moved(request.event, &request.code, &movement),
        }
        Receipt { movement }
    }))
}

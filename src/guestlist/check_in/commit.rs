//! A verdict becomes an entry of the ledger: the permit is used up, for any outcome.

use tokio::time::Instant;

use super::request::Request;
use crate::{
    authorise::Permit,
    ids::{CheckInId, Named},
    ledger::{
        Ledger, LedgerError,
        check_in::{CheckIn, CheckedIn},
        entry::{Entry, Outcome},
        guestlist::Guest,
    },
};

/// A movement of a party that is on disk.
#[derive(Debug)]
#[must_use = "green is durable, and now it may be shown"]
pub struct Receipt {
    pub id: CheckInId,
    pub written: CheckedIn,
    pub gate: Option<String>,
    pub device: Option<Named>,
}

/// Lets people in.
pub async fn admit(
    ledger: &Ledger,
    permit: Permit<CheckIn>,
    request: &Request,
    guest: &Guest,
    deadline: Instant,
) -> Result<Outcome<Receipt>, LedgerError> {
    let check_in = CheckIn {
        id: request.id,
        guest: (guest.id, guest.version),
        people: request.people,
        undoes: None,
        gate: request.gate_at(permit.device()).map(str::to_owned),
        fingerprint: request.fingerprint(permit.device()),
    };
    write(ledger, permit, check_in, deadline).await
}

/// Writes a movement of a party.
pub async fn write(
    ledger: &Ledger,
    permit: Permit<CheckIn>,
    check_in: CheckIn,
    deadline: Instant,
) -> Result<Outcome<Receipt>, LedgerError> {
    let device = permit.device().map(|device| Named::new(device.id, &device.name));
    let (id, gate) = (check_in.id, check_in.gate.clone());
    let outcome = ledger.commit_check_in(Entry::new(permit, check_in), deadline).await?;
    Ok(outcome.map(|written| Receipt { id, written, gate, device }))
}

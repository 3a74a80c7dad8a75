//! A verdict becomes a row in the ledger, or nothing: the permit is used up either way.

use tokio::time::Instant;

use super::request::Request;
use crate::{
    authorise::guestlist::CheckInPermit,
    clock::Clock,
    ids::{CheckInId, Named},
    ledger::{
        Ledger, LedgerError,
        guestlist::{CheckInEntry, CheckedIn, Guest, RecordedCheckIn},
    },
};

/// A movement of a party that is in the ledger.
#[derive(Debug)]
#[must_use = "green is durable, and now it may be shown"]
pub struct Receipt {
    /// Its id.
    pub id: CheckInId,
    /// What was written.
    pub written: CheckedIn,
    /// Where.
    pub gate: Option<String>,
    /// On which device.
    pub device: Option<Named>,
}

/// Lets people in. None: what it rests on has moved, the party has no stage for them any more, or the id is known. Look again.
pub async fn admit(
    ledger: &Ledger,
    permit: CheckInPermit,
    request: &Request,
    guest: &Guest,
    deadline: Instant,
) -> Result<Option<Receipt>, LedgerError> {
    let gate = request.gate_at(permit.device()).map(str::to_owned);
    let fingerprint = request.fingerprint(permit.device());
    let entry = |permit: CheckInPermit| CheckInEntry { people: request.people, gate, fingerprint, ..blank(permit, request.id, guest) };
    write(ledger, permit, entry, deadline).await
}

/// Takes a check-in back. None: look again.
pub async fn take_back(
    ledger: &Ledger,
    clock: Clock,
    permit: CheckInPermit,
    check_in: &RecordedCheckIn,
    guest: &Guest,
    deadline: Instant,
) -> Result<Option<Receipt>, LedgerError> {
    let entry = |permit: CheckInPermit| CheckInEntry {
        people: Some(-check_in.people),
        undoes: Some(check_in.id),
        gate: permit.device().and_then(|device| device.gate.clone()),
        fingerprint: format!("takes back {}", check_in.id),
        ..blank(permit, clock.id(), guest)
    };
    write(ledger, permit, entry, deadline).await
}

fn blank(permit: CheckInPermit, id: CheckInId, guest: &Guest) -> CheckInEntry {
    CheckInEntry {
        id,
        event: permit.event(),
        guest: (guest.id, guest.version),
        people: None,
        undoes: None,
        session: permit.session(),
        membership: permit.membership(),
        device: permit.device().map(|device| device.id),
        gate: None,
        fingerprint: String::new(),
        guards: permit.into_guards(),
    }
}

async fn write(
    ledger: &Ledger,
    permit: CheckInPermit,
    entry: impl FnOnce(CheckInPermit) -> CheckInEntry,
    deadline: Instant,
) -> Result<Option<Receipt>, LedgerError> {
    let organisation = permit.organisation();
    let device = permit.device().map(|device| Named::new(device.id, &device.name));
    let entry = entry(permit);
    let (id, gate) = (entry.id, entry.gate.clone());
    let written = ledger.commit_check_in(organisation, entry, deadline).await?;
    Ok(written.map(|written| Receipt { id, written, gate, device }))
}

//! A verdict becomes a row in the book, or nothing: the permit is used up either way.

use super::request::Request;
use crate::{
    authorise::guestlist::CheckInPermit,
    clock::Clock,
    ids::{CheckInId, Named},
    ledger::{
        Book, LedgerError,
        guestlist::{CheckInEntry, CheckedIn, Guest, RecordedCheckIn},
    },
};

/// A movement of a party that is in the book.
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

/// Lets people in. None: what it rests on has moved, the party has no room for them any more, or the id is known. Look again.
pub async fn admit(
    book: &Book,
    clock: Clock,
    permit: CheckInPermit,
    request: &Request,
    guest: &Guest,
) -> Result<Option<Receipt>, LedgerError> {
    let gate = request.gate_at(permit.device()).map(str::to_owned);
    let fingerprint = request.fingerprint(permit.device());
    let entry = |permit: CheckInPermit| CheckInEntry { people: request.people, gate, fingerprint, ..blank(permit, request.id, guest) };
    write(book, clock, permit, entry).await
}

/// Takes a check-in back. None: look again.
pub async fn take_back(
    book: &Book,
    clock: Clock,
    permit: CheckInPermit,
    check_in: &RecordedCheckIn,
    guest: &Guest,
) -> Result<Option<Receipt>, LedgerError> {
    let entry = |permit: CheckInPermit| CheckInEntry {
        people: Some(-check_in.people),
        undoes: Some(check_in.id),
        gate: permit.device().and_then(|device| device.gate.clone()),
        fingerprint: format!("takes back {}", check_in.id),
        ..blank(permit, clock.id(), guest)
    };
    write(book, clock, permit, entry).await
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
    book: &Book,
    clock: Clock,
    permit: CheckInPermit,
    entry: impl FnOnce(CheckInPermit) -> CheckInEntry,
) -> Result<Option<Receipt>, LedgerError> {
    let organisation = permit.organisation();
    let device = permit.device().map(|device| Named::new(device.id, &device.name));
    let entry = entry(permit);
    match book.commit_check_in(organisation, clock.now(), &entry).await {
        Ok(written) => Ok(written.map(|written| Receipt { id: entry.id, written, gate: entry.gate, device })),
        // The same id came in at the same instant, or the answer was lost: the next look tells.
        Err(LedgerError::Moved | LedgerError::Unavailable) => Ok(None),
        Err(error) => Err(error),
    }
}

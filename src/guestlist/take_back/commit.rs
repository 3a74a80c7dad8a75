//! A check-in that is taken back becomes an entry of the ledger: the permit is used up, for any outcome.

use tokio::time::Instant;

use crate::{
    attempt::Sources,
    authorise::Permit,
    clock,
    guestlist::check_in::commit::{Receipt, write},
    ledger::{
        LedgerError,
        check_in::CheckIn,
        entry::Outcome,
        guestlist::{Guest, RecordedCheckIn},
    },
};

/// Writes the movement that takes the check-in back.
pub async fn commit(
    sources: &Sources,
    permit: Permit<CheckIn>,
    check_in: &RecordedCheckIn,
    guest: &Guest,
    deadline: Instant,
) -> Result<Outcome<Receipt>, LedgerError> {
    let back = CheckIn {
        id: clock::new_id(),
        guest: (guest.id, guest.version),
        people: Some(-check_in.people),
        undoes: Some(check_in.id),
        gate: permit.device().and_then(|device| device.gate.clone()),
        fingerprint: format!("takes back {}", check_in.id),
    };
    write(&sources.ledger, permit, back, deadline).await
}

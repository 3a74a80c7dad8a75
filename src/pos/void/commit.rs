//! A void becomes an entry of the ledger: the permit is used up, for any outcome.

use super::request::VoidRequest;
use crate::{
    attempt::Sources,
    authorise::Permit,
    ledger::{
        LedgerError,
        entry::Entry,
        void::{NewVoid, VoidOutcome},
    },
};

/// Writes the void.
pub async fn commit(sources: &Sources, permit: Permit<NewVoid>, request: &VoidRequest) -> Result<VoidOutcome, LedgerError> {
    let void = NewVoid { id: request.id, sale: request.sale, reason: request.reason.clone(), fingerprint: request.fingerprint() };
    sources.ledger.commit_void(&Entry::new(permit, void)).await
}

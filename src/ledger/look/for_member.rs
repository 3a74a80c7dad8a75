//! An event as a member of an organisation may see it.

use crate::{
    ids::{EventId, Named},
    ledger::{
        Ledger, LedgerError,
        rows::{EventFacts, Membership},
    },
};

impl Ledger {
    /// The event, if it is of the member's organisation, and the name of the one event in the member's list, if there is exactly one.
    pub async fn event_for(&self, membership: &Membership, event: EventId) -> Result<(Option<EventFacts>, Option<Named>), LedgerError> {
        let facts = self.event(event).await?.filter(|facts| facts.event.organisation_id == membership.organisation_id);
        let pinned = match membership.only_event() {
            Some(only) => self.event_named(only).await?,
            None => None,
        };
        Ok((facts, pinned))
    }
}

//! What a terminal subscribes to.

use serde::Serialize;

use crate::ids::EventId;

/// What a terminal subscribes to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Subscription {
    /// These events and no others; absent, every event that the caller may see.
    pub events: Option<Vec<EventId>>,
    /// The live attendance of these events, as long as the caller may count there.
    pub attendance: Vec<EventId>,
}

impl Subscription {
    /// Whether the subscription includes this event.
    pub(super) fn name(&self, event: EventId) -> bool {
        self.events.as_ref().is_none_or(|events| events.contains(&event))
    }
}

//! What a terminal wants to be told of.

use serde::Serialize;

use crate::ids::EventId;

/// What a terminal wants to be told of.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Subscription {
    /// These events and no others; absent, every event that the caller may see.
    pub events: Option<Vec<EventId>>,
    /// The live attendance of these events, as long as the caller may count there.
    pub attendance: Vec<EventId>,
}

impl Subscription {
    /// Whether they want to hear of this event.
    pub(super) fn name(&self, event: EventId) -> bool {
        self.events.as_ref().is_none_or(|events| events.contains(&event))
    }
}

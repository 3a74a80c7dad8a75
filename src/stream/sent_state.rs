//! What a terminal has been told of the events that it watches.

use std::{collections::HashMap, sync::Arc};

use super::message::{AttendanceView, StockView};
use crate::{
    ids::EventId,
    ledger::{
        kinds::EventStatus,
        rows::{Event, EventFacts, Version},
    },
    limits,
};

/// The events whose stock a terminal is told, and those whose attendance, each as it was told last.
pub(super) struct SentState {
    /// Live ones only, unless they were named.
    live_only: bool,
    events: HashMap<EventId, SentEvent>,
    attendance: HashMap<EventId, Option<Arc<AttendanceView>>>,
}

struct SentEvent {
    version: Version,
    stock: StockView,
}

impl SentState {
    /// Nothing has been told yet.
    pub fn new(live_only: bool) -> Self {
        Self { live_only, events: HashMap::new(), attendance: HashMap::new() }
    }

    /// All that was told is to be told anew.
    pub fn forget(&mut self) {
        self.events.clear();
        self.attendance.clear();
    }

    /// The terminal is told of this event as it stands here; if it is one to watch, its stock is told from now on.
    pub fn tell(&mut self, facts: &EventFacts) {
        let event = &facts.event;
        if self.wants(event) {
            self.events.insert(event.id, SentEvent { version: event.version, stock: StockView::of(facts) });
        } else {
            self.events.remove(&event.id);
        }
    }

    /// The terminal is told the stock of an event to watch, unless it has just been told of the event as a whole. What else it knows of
    /// it is not known here, so whatever changes next is told.
    pub fn tell_stock(&mut self, facts: &EventFacts) -> bool {
        let told = self.wants(&facts.event) && !self.events.contains_key(&facts.event.id);
        if told {
            self.events.insert(facts.event.id, SentEvent { version: 0, stock: StockView::of(facts) });
        }
        told
    }

    fn wants(&self, event: &Event) -> bool {
        let wanted = !self.live_only || event.status == EventStatus::Live;
        wanted && (self.events.len() < limits::STREAM_EVENTS_MAX || self.events.contains_key(&event.id))
    }

    /// Whether the terminal knows this event as it stands here.
    pub fn knows(&self, event: &Event) -> bool {
        self.events.get(&event.id).is_some_and(|told| told.version >= event.version)
    }

    /// Whether this stock is one to tell: then it counts as told.
    pub fn is_new(&mut self, stock: &StockView) -> bool {
        let told = self.events.get_mut(&EventId(stock.event.id)).filter(|told| told.stock != *stock);
        told.map(|told| told.stock.clone_from(stock)).is_some()
    }

    /// The attendance of these events is told from now on, and of no others. Answers those of which nothing has been told yet.
    pub fn count(&mut self, events: &[EventId]) -> Vec<EventId> {
        self.attendance.retain(|event, _| events.contains(event));
        let new: Vec<_> = events.iter().copied().filter(|event| !self.attendance.contains_key(event)).collect();
        self.attendance.extend(new.iter().map(|event| (*event, None)));
        new
    }

    /// Whether this attendance is one to tell: then it counts as told.
    pub fn is_new_count(&mut self, attendance: &Arc<AttendanceView>) -> bool {
        let told = self.attendance.get_mut(&EventId(attendance.event.id));
        told.filter(|told| told.as_ref() != Some(attendance)).map(|told| *told = Some(Arc::clone(attendance))).is_some()
    }

    /// The events.
    pub fn ids(&self) -> Vec<EventId> {
        self.events.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        ids::Named,
        ledger::rows::{Attendance, TicketType},
    };

    fn facts(id: u128, version: Version, status: EventStatus, taken: i32) -> EventFacts {
        let (now, organisation) = (crate::authenticate::tests::now(), Uuid::from_u128(1).into());
        let event = Event {
            id: EventId(Uuid::from_u128(id)),
            organisation_id: organisation,
            name: "Gala".to_owned(),
            venue: None,
            starts_at: now,
            ends_at: now,
            timezone: "Europe/Berlin".to_owned(),
            currency: "EUR".to_owned(),
            status,
            version,
            created_at: now,
        };
        let seat = TicketType {
            id: Uuid::from_u128(7).into(),
            organisation_id: organisation,
            event_id: event.id,
            name: "Seat".to_owned(),
            price_minor: 1250,
            quota: Some(10),
            entries_allowed: 1,
            reentry: false,
            gates: Vec::new(),
            valid_from: None,
            valid_until: None,
            taken,
            held: 0,
            created_at: now,
        };
        EventFacts { event, types: vec![seat] }
    }

    #[test]
    fn an_event_is_known_in_the_version_that_was_told() {
        let mut sent = SentState::new(true);
        let gala = facts(1, 4, EventStatus::Live, 0);
        assert!(!sent.knows(&gala.event));
        sent.tell(&gala);
        assert!(sent.knows(&gala.event) && sent.knows(&facts(1, 3, EventStatus::Live, 0).event));
        assert!(!sent.knows(&facts(1, 5, EventStatus::Live, 0).event));
        sent.forget();
        assert!(!sent.knows(&gala.event));
    }

    #[test]
    fn stock_is_told_when_it_differs_from_what_was_told() {
        let mut sent = SentState::new(true);
        let stock = |taken| StockView::of(&facts(1, 1, EventStatus::Live, taken));
        assert!(!sent.is_new(&stock(1)), "of an event that is not watched");
        sent.tell(&facts(1, 1, EventStatus::Live, 1));
        assert!(!sent.is_new(&stock(1)));
        assert!(sent.is_new(&stock(2)));
        assert!(!sent.is_new(&stock(2)));
        assert!(sent.is_new(&stock(1)), "what was given back is told as well");
    }

    #[test]
    fn who_is_told_the_stock_alone_is_told_the_next_change_whatever_its_version() {
        let mut sent = SentState::new(true);
        let gala = facts(1, 4, EventStatus::Live, 0);
        assert!(sent.tell_stock(&gala) && !sent.knows(&gala.event));
        sent.tell(&gala);
        assert!(!sent.tell_stock(&facts(1, 5, EventStatus::Live, 0)) && sent.knows(&gala.event));
        assert!(!sent.knows(&facts(1, 5, EventStatus::Live, 0).event));
    }

    #[test]
    fn attendance_is_told_where_it_is_counted_and_when_it_differs() {
        let mut sent = SentState::new(true);
        let event = EventId(Uuid::from_u128(1));
        let count = |inside| {
            Arc::new(AttendanceView { event: Named::new(event, "Gala"), attendance: Attendance { inside, ..Attendance::default() } })
        };
        assert!(!sent.is_new_count(&count(1)), "nobody counts there");
        assert_eq!(sent.count(&[event]), [event]);
        assert!(sent.is_new_count(&count(1)) && !sent.is_new_count(&count(1)) && sent.is_new_count(&count(2)));
        assert_eq!(sent.count(&[event]), [], "it has been told");
        sent.count(&[]);
        assert!(!sent.is_new_count(&count(3)), "who may not count any more is told nothing");
    }

    #[test]
    fn an_event_that_is_over_is_watched_only_if_it_was_named() {
        for (live_only, ids) in [(true, 0), (false, 1)] {
            let mut sent = SentState::new(live_only);
            sent.tell(&facts(1, 1, EventStatus::Live, 0));
            sent.tell(&facts(1, 2, EventStatus::Ended, 0));
            assert_eq!(sent.ids().len(), ids);
        }
    }

    #[test]
    fn so_many_events_are_watched_and_no_more() {
        let mut sent = SentState::new(true);
        for id in (1..).take(limits::STREAM_EVENTS_MAX + 5) {
            sent.tell(&facts(id, 1, EventStatus::Live, 0));
        }
        assert_eq!(sent.ids().len(), limits::STREAM_EVENTS_MAX);
        sent.tell(&facts(1, 2, EventStatus::Live, 0));
        assert!(sent.knows(&facts(1, 2, EventStatus::Live, 0).event), "one that is watched stays so");
    }
}

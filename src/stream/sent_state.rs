//! What has been sent to a terminal of the events that it subscribes to.

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

/// The events whose stock is sent to a terminal, and those whose attendance is, each as it was sent last.
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
    /// Nothing has been sent yet.
    pub fn new(live_only: bool) -> Self {
        Self { live_only, events: HashMap::new(), attendance: HashMap::new() }
    }

    /// Everything that was sent is to be sent again.
    pub fn forget(&mut self) {
        self.events.clear();
        self.attendance.clear();
    }

    /// This version of the event is sent to the terminal; if the terminal subscribes to it, its stock is sent from now on.
    pub fn mark_sent(&mut self, facts: &EventFacts) {
        let event = &facts.event;
        if self.wants(event) {
            self.events.insert(event.id, SentEvent { version: event.version, stock: StockView::of(facts) });
        } else {
            self.events.remove(&event.id);
        }
    }

    /// The stock of an event is sent to the terminal, unless the event has just been sent as a whole. Which other values the terminal has
    /// is not known here, so the next change is sent in any case.
    pub fn mark_stock_sent(&mut self, facts: &EventFacts) -> bool {
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

    /// Whether the terminal has this version of the event.
    pub fn has_sent(&self, event: &Event) -> bool {
        self.events.get(&event.id).is_some_and(|told| told.version >= event.version)
    }

    /// Whether this stock is to be sent; if so, it counts as sent.
    pub fn take_stock(&mut self, stock: &StockView) -> bool {
        let told = self.events.get_mut(&EventId(stock.event.id)).filter(|told| told.stock != *stock);
        told.map(|told| told.stock.clone_from(stock)).is_some()
    }

    /// The attendance of these events is sent from now on, and of no others. Returns those whose attendance has not been sent yet.
    pub fn count(&mut self, events: &[EventId]) -> Vec<EventId> {
        self.attendance.retain(|event, _| events.contains(event));
        let new: Vec<_> = events.iter().copied().filter(|event| !self.attendance.contains_key(event)).collect();
        self.attendance.extend(new.iter().map(|event| (*event, None)));
        new
    }

    /// Whether this attendance is to be sent; if so, it counts as sent.
    pub fn take_attendance(&mut self, attendance: &Arc<AttendanceView>) -> bool {
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
        assert!(!sent.has_sent(&gala.event));
        sent.mark_sent(&gala);
        assert!(sent.has_sent(&gala.event) && sent.has_sent(&facts(1, 3, EventStatus::Live, 0).event));
        assert!(!sent.has_sent(&facts(1, 5, EventStatus::Live, 0).event));
        sent.forget();
        assert!(!sent.has_sent(&gala.event));
    }

    #[test]
    fn stock_is_told_when_it_differs_from_what_was_told() {
        let mut sent = SentState::new(true);
        let stock = |taken| StockView::of(&facts(1, 1, EventStatus::Live, taken));
        assert!(!sent.take_stock(&stock(1)), "of an event that is not watched");
        sent.mark_sent(&facts(1, 1, EventStatus::Live, 1));
        assert!(!sent.take_stock(&stock(1)));
        assert!(sent.take_stock(&stock(2)));
        assert!(!sent.take_stock(&stock(2)));
        assert!(sent.take_stock(&stock(1)), "what was given back is told as well");
    }

    #[test]
    fn who_is_told_the_stock_alone_is_told_the_next_change_whatever_its_version() {
        let mut sent = SentState::new(true);
        let gala = facts(1, 4, EventStatus::Live, 0);
        assert!(sent.mark_stock_sent(&gala) && !sent.has_sent(&gala.event));
        sent.mark_sent(&gala);
        assert!(!sent.mark_stock_sent(&facts(1, 5, EventStatus::Live, 0)) && sent.has_sent(&gala.event));
        assert!(!sent.has_sent(&facts(1, 5, EventStatus::Live, 0).event));
    }

    #[test]
    fn attendance_is_told_where_it_is_counted_and_when_it_differs() {
        let mut sent = SentState::new(true);
        let event = EventId(Uuid::from_u128(1));
        let count = |inside| {
            Arc::new(AttendanceView { event: Named::new(event, "Gala"), attendance: Attendance { inside, ..Attendance::default() } })
        };
        assert!(!sent.take_attendance(&count(1)), "nobody counts there");
        assert_eq!(sent.count(&[event]), [event]);
        assert!(sent.take_attendance(&count(1)) && !sent.take_attendance(&count(1)) && sent.take_attendance(&count(2)));
        assert_eq!(sent.count(&[event]), [], "it has been told");
        sent.count(&[]);
        assert!(!sent.take_attendance(&count(3)), "who may not count any more is told nothing");
    }

    #[test]
    fn an_event_that_is_over_is_watched_only_if_it_was_named() {
        for (live_only, ids) in [(true, 0), (false, 1)] {
            let mut sent = SentState::new(live_only);
            sent.mark_sent(&facts(1, 1, EventStatus::Live, 0));
            sent.mark_sent(&facts(1, 2, EventStatus::Ended, 0));
            assert_eq!(sent.ids().len(), ids);
        }
    }

    #[test]
    fn so_many_events_are_watched_and_no_more() {
        let mut sent = SentState::new(true);
        for id in (1..).take(limits::STREAM_EVENTS_MAX + 5) {
            sent.mark_sent(&facts(id, 1, EventStatus::Live, 0));
        }
        assert_eq!(sent.ids().len(), limits::STREAM_EVENTS_MAX);
        sent.mark_sent(&facts(1, 2, EventStatus::Live, 0));
        assert!(sent.has_sent(&facts(1, 2, EventStatus::Live, 0).event), "one that is watched stays so");
    }
}

//! Who listens, what they watch, and the channels on which they are called.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use super::message::{AttendanceView, StockView};
use crate::{
    ids::{EventId, OrganisationId, SessionId},
    ledger::rows::EventFacts,
    limits,
};

/// What has changed in an organisation, and the events among it as they are now.
pub(super) struct Changed {
    /// The number of the last change.
    pub number: i64,
    /// The things.
    pub ids: Vec<Uuid>,
    /// The events among them.
    pub events: Vec<Arc<EventFacts>>,
}

/// Something that is sent to an organisation's listeners.
#[derive(Clone)]
pub(super) enum Notice {
    /// Things have changed.
    Changed(Arc<Changed>),
    /// Changes went by unheard.
    Missed,
    /// The keys that tokens are signed with have changed.
    Keys,
    /// The stock of an event is not what it was.
    Stock(Arc<StockView>),
    /// The attendance of an event is not what it was.
    Attendance(Arc<AttendanceView>),
}

/// Why no stream is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooManyStreams {
    /// The session has as many as it may.
    #[error("This session has too many streams open.")]
    OfSession,
    /// The gateway has, or it stops.
    #[error("Too many streams are open.")]
    OfGateway,
}

/// What is counted.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Streams that are open.
    pub open: Gauge,
    /// Streams that were cut off because their reader did not keep up.
    pub dropped: Counter,
}

/// Who listens.
#[derive(Default)]
pub(super) struct Subscribers {
    taken: Mutex<Registry>,
    /// Wakes the samplers when a subscriber begins or ends.
    moved: watch::Sender<()>,
    /// Events that were sent as a whole: a sample from before that may be older or newer than what was sent.
    anew: Mutex<BTreeSet<EventId>>,
    figures: Figures,
}

#[derive(Default)]
struct Registry {
    closed: bool,
    last: u64,
    subscribers: HashMap<u64, Watching>,
    channels: HashMap<OrganisationId, broadcast::Sender<Notice>>,
}

struct Watching {
    organisation: OrganisationId,
    session: SessionId,
    stock: Vec<EventId>,
    attendance: Vec<EventId>,
}

/// One listener's place; free again when it is dropped.
pub(super) struct Subscriber {
    subscribers: Arc<Subscribers>,
    number: u64,
}

impl Subscribers {
    /// A place on an organisation's channel.
    pub fn take(
        self: &Arc<Self>,
        organisation: OrganisationId,
        session: SessionId,
    ) -> Result<(Subscriber, broadcast::Receiver<Notice>), TooManyStreams> {
        let mut taken = self.taken();
        if taken.closed || taken.subscribers.len() >= limits::STREAMS_MAX {
            return Err(TooManyStreams::OfGateway);
        }
        if taken.subscribers.values().filter(|place| place.session == session).count() >= limits::STREAMS_PER_SESSION_MAX {
            return Err(TooManyStreams::OfSession);
        }
        taken.last += 1;
        let number = taken.last;
        taken.subscribers.insert(number, Watching { organisation, session, stock: Vec::new(), attendance: Vec::new() });
        let channel = taken.channels.entry(organisation).or_insert_with(|| broadcast::Sender::new(limits::STREAM_NOTICES_MAX));
        self.figures.open.inc();
        Ok((Subscriber { subscribers: Arc::clone(self), number }, channel.subscribe()))
    }

    /// Calls out to an organisation's listeners, if there are any.
    pub fn call(&self, organisation: OrganisationId, news: Notice) {
        if let Some(channel) = self.taken().channels.get(&organisation) {
            // There may be no receiver left.
            let _ = channel.send(news);
        }
    }

    /// Sends to all subscribers.
    pub fn call_all(&self, news: &Notice) {
        for channel in self.taken().channels.values() {
            let _ = channel.send(news.clone());
        }
    }

    /// Whether this organisation has a subscriber.
    pub fn any_of(&self, organisation: OrganisationId) -> bool {
        self.taken().channels.contains_key(&organisation)
    }

    /// The events whose stock has subscribers, each with its organisation.
    pub fn stock(&self) -> BTreeMap<EventId, OrganisationId> {
        let taken = self.taken();
        taken.subscribers.values().flat_map(|place| place.stock.iter().map(|event| (*event, place.organisation))).collect()
    }

    /// The events whose attendance has subscribers, each with its organisation.
    pub fn attendance(&self) -> BTreeMap<EventId, OrganisationId> {
        let taken = self.taken();
        taken.subscribers.values().flat_map(|place| place.attendance.iter().map(|event| (*event, place.organisation))).collect()
    }

    /// The next samples of these events are called out even if nothing differs.
    pub fn sample_anew(&self, events: impl Iterator<Item = EventId>) {
        let sent = self.stock();
        self.anew.lock().unwrap_or_else(PoisonError::into_inner).extend(events.filter(|event| sent.contains_key(event)));
    }

    /// The events whose next sample is published in any case.
    pub fn to_sample_anew(&self) -> BTreeSet<EventId> {
        std::mem::take(&mut self.anew.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes when a subscriber begins or ends.
    pub fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// What is counted.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Gives no further place.
    pub fn close(&self) {
        self.taken().closed = true;
    }

    fn taken(&self) -> MutexGuard<'_, Registry> {
        // What is done under this lock cannot be left half done.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber {
    /// The listener watches the stock and the attendance of these events from now on, and of no others.
    pub fn watch(&self, stock: Vec<EventId>, attendance: Vec<EventId>) {
        if let Some(place) = self.subscribers.taken().subscribers.get_mut(&self.number) {
            (place.stock, place.attendance) = (stock, attendance);
        }
        self.subscribers.moved.send_replace(());
    }

    /// The listener did not keep up.
    pub fn dropped(&self) {
        self.subscribers.figures.dropped.inc();
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let mut taken = self.subscribers.taken();
        let Some(left) = taken.subscribers.remove(&self.number) else { return };
        if !taken.subscribers.values().any(|place| place.organisation == left.organisation) {
            taken.channels.remove(&left.organisation);
        }
        self.subscribers.figures.open.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u128) -> SessionId {
        SessionId(Uuid::from_u128(number))
    }

    #[test]
    fn a_session_has_so_many_places_and_a_gateway_no_more_than_its_own() {
        let (subscribers, organisation) = (Arc::new(Subscribers::default()), OrganisationId(Uuid::from_u128(1)));
        let mut held: Vec<_> = (0..limits::STREAMS_PER_SESSION_MAX).map(|_| subscribers.take(organisation, session(0)).unwrap()).collect();
        assert_eq!(subscribers.take(organisation, session(0)).err(), Some(TooManyStreams::OfSession));
        held.pop();
        assert!(subscribers.take(organisation, session(0)).is_ok(), "a place that was left is free again");
        held.extend((1..).take(limits::STREAMS_MAX - held.len()).map(|n| subscribers.take(organisation, session(n)).unwrap()));
        assert_eq!(subscribers.take(organisation, session(0)).err(), Some(TooManyStreams::OfGateway));
        drop(held);
        assert_eq!(subscribers.figures().open.get(), 0);
        subscribers.close();
        assert_eq!(subscribers.take(organisation, session(0)).err(), Some(TooManyStreams::OfGateway));
    }

    #[test]
    fn what_is_called_in_one_organisation_is_not_heard_in_another() {
        let subscribers = Arc::new(Subscribers::default());
        let [ours, theirs] = [1, 2].map(|n| OrganisationId(Uuid::from_u128(n)));
        let ((_here, mut hears), (there, mut hears_not)) =
            (subscribers.take(ours, session(1)).unwrap(), subscribers.take(theirs, session(2)).unwrap());
        subscribers.call(ours, Notice::Missed);
        assert!(matches!(hears.try_recv(), Ok(Notice::Missed)));
        assert!(hears_not.try_recv().is_err());
        there.watch(vec![EventId(Uuid::from_u128(3))], Vec::new());
        assert_eq!(subscribers.stock().into_values().collect::<Vec<_>>(), [theirs]);
        drop(there);
        assert!(!subscribers.any_of(theirs) && subscribers.any_of(ours) && subscribers.stock().is_empty());
    }
}

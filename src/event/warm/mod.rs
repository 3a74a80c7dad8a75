//! Events and their tickets kept warm in memory, so that a scan needs nothing from the book but its commit.
//!
//! An event is read when it is first asked for; if it is live, its tickets follow in the background, page by page. When the event's
//! version moves, what has changed since is read and put in place before the new version is shown: whoever decides on a version decides
//! on that version's tickets. Tickets that were added since are simply not here; who does not find one takes a fresh look.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use dashmap::{DashMap, DashSet, mapref::entry::Entry};
use quick_cache::sync::Cache;

use crate::{
    ids::EventId,
    ledger::{
        Book, ChangeLog, LedgerError,
        rows::{EventFacts, Movement, Ticket},
        words::EventStatus,
    },
    limits,
};

/// A ticket, and its last movement as far as this gateway has heard.
#[derive(Clone, Debug)]
pub struct WarmTicket {
    /// The ticket.
    pub ticket: Arc<Ticket>,
    /// Its last movement.
    pub last: Option<Arc<Movement>>,
}

/// The tickets of one event, by code.
#[derive(Default)]
struct Tickets {
    by_code: DashMap<Box<str>, WarmTicket>,
    count: AtomicUsize,
    /// Whether all of them were read once.
    complete: AtomicBool,
}

impl Tickets {
    /// Keeps the newer of what is known and what was read.
    fn keep(&self, ticket: Ticket, last: Option<Movement>) {
        let last = last.map(Arc::new);
        match self.by_code.entry(ticket.code.as_str().into()) {
            Entry::Vacant(place) => {
                if self.count.load(Ordering::Relaxed) >= limits::WARM_TICKETS_PER_EVENT {
                    return;
                }
                self.count.fetch_add(1, Ordering::Relaxed);
                place.insert(WarmTicket { ticket: Arc::new(ticket), last });
            }
            Entry::Occupied(mut place) => {
                let known = place.get_mut();
                if ticket.version > known.ticket.version {
                    known.ticket = Arc::new(ticket);
                }
                if last.as_ref().map(|l| l.seq) > known.last.as_ref().map(|l| l.seq) {
                    known.last = last;
                }
            }
        }
    }
}

/// An event as it was at one version, with its tickets.
#[derive(Clone)]
pub struct WarmEvent {
    as_of: i64,
    facts: Arc<EventFacts>,
    tickets: Arc<Tickets>,
}

impl WarmEvent {
    /// The event with its ticket types.
    pub fn facts(&self) -> &Arc<EventFacts> {
        &self.facts
    }

    /// The ticket with this code, if it is here.
    pub fn ticket(&self, code: &str) -> Option<WarmTicket> {
        self.tickets.by_code.get(code).map(|ticket| ticket.clone())
    }
}

/// The warm events of this gateway.
pub struct Warm {
    book: Book,
    log: Arc<ChangeLog>,
    events: Cache<EventId, WarmEvent>,
    /// Events that are being read: each by one task, however many ask.
    reading: DashSet<EventId>,
}

impl Warm {
    /// Keeps events of this book warm.
    pub fn new(book: Book) -> Arc<Self> {
        let log = Arc::clone(book.log());
        Arc::new(Self { book, log, events: Cache::new(limits::WARM_EVENTS), reading: DashSet::new() })
    }

    /// The event, if it is here and nothing of it has changed.
    pub fn nearest(&self, event: EventId) -> Option<WarmEvent> {
        self.events.get(&event).filter(|warm| self.log.trusts(warm.as_of, &[event.0]))
    }

    /// A fresh look has seen this event at this position of the log, and perhaps one of its tickets. What is newer is kept; an event
    /// that is new here, or has moved, is brought up to date in the background.
    pub fn remember(self: &Arc<Self>, as_of: i64, facts: &EventFacts, ticket: Option<(Ticket, Option<Movement>)>) {
        match self.events.get(&facts.event.id) {
            Some(mut warm) if warm.facts.event.version == facts.event.version => {
                if let Some((ticket, last)) = ticket {
                    warm.tickets.keep(ticket, last);
                }
                if as_of > warm.as_of {
                    warm.as_of = as_of;
                    self.events.insert(facts.event.id, warm);
                }
            }
            _ => {
                let (warm, event) = (Arc::clone(self), facts.event.id);
                if !warm.reading.insert(event) {
                    return;
                }
                tokio::spawn(async move {
                    if let Err(error) = warm.refresh(event).await {
                        tracing::warn!(error = %error, %event, "an event was not warmed; its scans read the book");
                    }
                    warm.reading.remove(&event);
                });
            }
        }
    }

    /// A movement was recorded.
    pub fn moved(&self, event: EventId, code: &str, movement: Movement) {
        let Some(warm) = self.events.get(&event) else { return };
        if let Some(mut ticket) = warm.tickets.by_code.get_mut(code)
            && ticket.last.as_ref().is_none_or(|last| last.seq < movement.seq)
        {
            ticket.last = Some(Arc::new(movement));
        }
    }

    /// Reads the event, and what of its tickets has changed since it was last read; all of them if they were not.
    async fn refresh(&self, event: EventId) -> Result<(), LedgerError> {
        // The position is read first: the facts are at least as new.
        let as_of = self.log.position();
        let Some(facts) = self.book.event(event).await? else { return Ok(()) };
        let live = facts.event.status == EventStatus::Live;
        let known = self.events.get(&event).filter(|_| live);
        let tickets = known.as_ref().map(|warm| Arc::clone(&warm.tickets)).unwrap_or_default();
        if let Some(warm) = &known {
            for ticket in self.book.tickets_changed(event, warm.facts.event.version).await? {
                tickets.keep(ticket, None);
            }
        }
        self.events.insert(event, WarmEvent { as_of, facts: Arc::new(facts), tickets: Arc::clone(&tickets) });
        if live && !tickets.complete.load(Ordering::Acquire) {
            self.read_all(event, &tickets).await?;
            tickets.complete.store(true, Ordering::Release);
        }
        Ok(())
    }

    async fn read_all(&self, event: EventId, tickets: &Tickets) -> Result<(), LedgerError> {
        let mut after = String::new();
        loop {
            let page = self.book.tickets(event, &after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.code);
            for ticket in page {
                tickets.keep(ticket, None);
            }
            if tickets.count.load(Ordering::Relaxed) >= limits::WARM_TICKETS_PER_EVENT {
                return Ok(());
            }
        }
    }
}

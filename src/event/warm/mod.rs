//! Events and their tickets kept in memory, so that a scan needs nothing from the ledger but its commit.
//!
//! An event is read when it is first needed; if it is live, its tickets follow in the background, page by page. When the event's
//! version moves, what has changed since is read and put in place before the new version is shown: a decision on a version is a decision
//! on that version's tickets. Tickets that were added since are not here; a scan that does not find its ticket reads the ledger.

mod ticket_table;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use dashmap::DashSet;
use quick_cache::sync::Cache;
use tokio::runtime::Handle;

use self::ticket_table::{Slot, TicketTable};
use crate::{
    ids::EventId,
    ledger::{
        ChangeLog, Ledger, LedgerError,
        kinds::EventStatus,
        rows::{EventFacts, Movement, Ticket},
    },
    limits,
};

/// The tickets of one event.
#[derive(Default)]
struct Tickets {
    table: TicketTable,
    /// Whether all of them were read once.
    complete: AtomicBool,
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

    /// The ticket with this code and the last movement of it that this gateway knows, if it is here; and where it is kept.
    pub fn ticket(&self, code: &str) -> Option<(CachedTicket, Ticket, Option<Movement>)> {
        let (place, ticket, last) = self.tickets.table.ticket(code)?;
        Some((CachedTicket { tickets: Arc::clone(&self.tickets), place }, ticket, last))
    }
}

/// Where a ticket is kept. A caller that has found it once need not search a million tickets again.
pub struct CachedTicket {
    tickets: Arc<Tickets>,
    place: Slot,
}

impl CachedTicket {
    /// A movement of this ticket was recorded.
    pub fn moved(&self, movement: &Movement) {
        self.tickets.table.moved(self.place, movement);
    }
}

impl fmt::Debug for CachedTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

/// The warm events of this gateway.
pub struct Warm {
    ledger: Ledger,
    log: Arc<ChangeLog>,
    events: Cache<EventId, WarmEvent>,
    /// Events that are being read: each by one task, however many requests need it.
    reading: DashSet<EventId>,
    /// Where they are read: no scan waits for that.
    background: Handle,
}

impl Warm {
    /// Keeps events of this ledger warm.
    pub fn new(ledger: Ledger) -> Arc<Self> {
        let log = Arc::clone(ledger.log());
        Arc::new(Self { ledger, log, events: Cache::new(limits::WARM_EVENTS_MAX), reading: DashSet::new(), background: Handle::current() })
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
                    warm.tickets.table.keep(ticket, last.as_ref());
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
                self.background.spawn(async move {
                    if let Err(error) = warm.refresh(event).await {
                        tracing::warn!(error = %error, %event, "an event was not warmed; its scans read the ledger");
                    }
                    warm.reading.remove(&event);
                });
            }
        }
    }

    /// A movement of the ticket with this code was recorded, wherever that ticket is kept.
    pub fn moved(&self, event: EventId, code: &str, movement: &Movement) {
        if let Some(warm) = self.events.get(&event)
            && let Some(place) = warm.tickets.table.place(code)
        {
            warm.tickets.table.moved(place, movement);
        }
    }

    /// Reads the event, and what of its tickets has changed since it was last read; all of them if they were not.
    async fn refresh(&self, event: EventId) -> Result<(), LedgerError> {
        // The position is read first: the facts are at least as new.
        let as_of = self.log.position();
        let Some(facts) = self.ledger.event(event).await? else { return Ok(()) };
        let live = facts.event.status == EventStatus::Live;
        let known = self.events.get(&event).filter(|_| live);
        let tickets = known.as_ref().map(|warm| Arc::clone(&warm.tickets)).unwrap_or_default();
        if let Some(warm) = &known {
            for ticket in self.ledger.tickets_changed(event, warm.facts.event.version).await? {
                tickets.table.keep(ticket, None);
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
            let page = self.ledger.tickets(event, &after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.code);
            for ticket in page {
                tickets.table.keep(ticket, None);
            }
            if tickets.table.is_full() {
                return Ok(());
            }
        }
    }
}

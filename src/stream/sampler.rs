//! Reads what sales and scans change while there are subscribers, and publishes it when it differs.
//!
//! Sales and scans are not in the log of changes, and a notification in their commit would make them wait for each other. So each gateway reads
//! the stock and the attendance by itself, once for all subscribers, never for more than a small part of its time, and not at all
//! without subscribers.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc, time::Duration};

use dashmap::DashMap;
use tokio::time::{sleep, timeout, timeout_at};

use super::{
    Hub,
    message::{AttendanceView, StockView},
    subscribers::Notice,
};
use crate::{
    clock,
    ids::{EventId, OrganisationId},
    ledger::LedgerError,
    limits,
};

/// The attendance of each event that is watched, as it was counted last; bounded by the subscribers.
pub(super) type Counts = DashMap<EventId, Arc<AttendanceView>>;

/// Watches the stock: at once after a sale of this gateway, else every [`limits::STOCK_POLL_INTERVAL`].
pub(super) async fn watch_stock(hub: Arc<Hub>) {
    let (mut stirred, mut moved) = (hub.ledger.stock_moved(), hub.subscribers.moved());
    let mut last: BTreeMap<EventId, Arc<StockView>> = BTreeMap::new();
    loop {
        let sent = hub.subscribers.stock();
        if sent.is_empty() {
            last.clear();
            if moved.changed().await.is_err() {
                return;
            }
            continue;
        }
        let anew = hub.subscribers.to_sample_anew();
        last.retain(|event, _| sent.contains_key(event) && !anew.contains(event));
        stirred.mark_unchanged();
        let begun = clock::mark();
        let looked = look(&hub, &sent, &mut last).await;
        let rest = rest(looked, clock::since(begun), limits::STOCK_REST_MIN..=limits::STOCK_REST_MAX);
        sleep(rest).await;
        // Time out or not: it is time for the next look.
        let _ = timeout(limits::STOCK_POLL_INTERVAL.saturating_sub(rest), stirred.changed()).await;
    }
}

async fn look(
    hub: &Hub,
    sent: &BTreeMap<EventId, OrganisationId>,
    last: &mut BTreeMap<EventId, Arc<StockView>>,
) -> Result<(), LedgerError> {
    for facts in &hub.ledger.events_by_id(sent.keys().copied().collect()).await? {
        let stock = StockView::of(facts);
        if last.get(&facts.event.id).is_none_or(|last| **last != stock) {
            let stock = Arc::new(stock);
            last.insert(facts.event.id, Arc::clone(&stock));
            hub.subscribers.call(facts.event.organisation_id, Notice::Stock(stock));
        }
    }
    Ok(())
}

/// Watches the attendance, every [`limits::ATTENDANCE_REST_MIN`]: counting goes through every movement of an event.
pub(super) async fn watch_attendance(hub: Arc<Hub>) {
    let mut moved = hub.subscribers.moved();
    loop {
        moved.mark_unchanged();
        let sent = hub.subscribers.attendance();
        hub.counts.retain(|event, _| sent.contains_key(event));
        if sent.is_empty() {
            if moved.changed().await.is_err() {
                return;
            }
            continue;
        }
        let begun = clock::mark();
        let mut counted = Ok(());
        for (event, organisation) in &sent {
            counted = counted.and(count(&hub, *organisation, *event).await);
        }
        let rest = rest(counted, clock::since(begun), limits::ATTENDANCE_REST_MIN..=limits::ATTENDANCE_REST_MAX);
        let next = clock::deadline(rest);
        // A subscriber of an event that was not counted yet does not wait for the others.
        while let Ok(Ok(())) = timeout_at(next, moved.changed()).await {
            for (event, organisation) in hub.subscribers.attendance() {
                if !hub.counts.contains_key(&event) {
                    // What the ledger does not answer is asked again in the next round.
                    let _ = count(&hub, organisation, event).await;
                }
            }
        }
    }
}

async fn count(hub: &Hub, organisation: OrganisationId, event: EventId) -> Result<(), LedgerError> {
    let Some(named) = hub.ledger.event_named(event).await? else { return Ok(()) };
    let attendance = hub.ledger.attendance(organisation, event).await?;
    let counted = Arc::new(AttendanceView { event: named, attendance });
    let last = hub.counts.insert(event, Arc::clone(&counted));
    if last.is_none_or(|last| last != counted) {
        hub.subscribers.call(organisation, Notice::Attendance(counted));
    }
    Ok(())
}

/// How long to rest after a look that took so long. Time in which the ledger did not answer was no work.
fn rest(looked: Result<(), LedgerError>, took: Duration, within: RangeInclusive<Duration>) -> Duration {
    match looked {
        Ok(()) => (took * limits::SAMPLER_REST_FACTOR).clamp(*within.start(), *within.end()),
        Err(_) => *within.start(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: RangeInclusive<Duration> = limits::STOCK_REST_MIN..=limits::STOCK_REST_MAX;

    #[test]
    fn a_look_that_was_not_answered_is_followed_by_the_shortest_rest() {
        assert_eq!(rest(Err(LedgerError::Unavailable), limits::LEDGER_BULK_TIMEOUT, WITHIN), limits::STOCK_REST_MIN);
    }

    #[test]
    fn a_rest_is_as_long_as_the_look_was_dear_within_bounds() {
        let millis = Duration::from_millis;
        for (took, rests) in [(millis(0), limits::STOCK_REST_MIN), (millis(10), millis(200)), (millis(400), limits::STOCK_REST_MAX)] {
            assert_eq!(rest(Ok(()), took, WITHIN), rests);
        }
    }
}

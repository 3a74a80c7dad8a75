//! Follows the log of changes, and publishes what has changed.
//!
//! The log in the ledger is the truth: its numbers have no gaps and are seen in their order on every gateway. Notifications only make
//! it faster.

use std::{collections::BTreeMap, sync::Arc};

use tokio::time::sleep;

use super::{
    Hub,
    subscribers::{Changed, Notice},
};
use crate::{
    ids::OrganisationId,
    ledger::{LedgerError, SIGNING_KEYS, rows::Altered},
    limits,
};

/// Calls out every change after this position.
pub(super) async fn follow(hub: Arc<Hub>, mut position: i64) {
    let mut last = hub.ledger.log().last();
    // The log is as long as the ledger, which keeps it.
    while last.wait_for(|last| *last > position).await.is_ok() {
        match next(&hub, position).await {
            Ok(heard) if heard > position => position = heard,
            Ok(_) | Err(_) => sleep(limits::CHANGE_LOG_POLL_INTERVAL).await,
        }
    }
}

/// Calls out the next changes, and answers up to where it came.
async fn next(hub: &Hub, position: i64) -> Result<i64, LedgerError> {
    let changes = hub.ledger.changes_after(position).await?;
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return Ok(position) };
    let (missed, last) = (first.seq > position + 1, last.seq);
    // A token may be worth nothing now: subscribers reconnect with theirs, and are judged.
    let keys_changed = changes.iter().any(|change| change.ids.contains(&SIGNING_KEYS));
    let mut calls = Vec::new();
    for (organisation, changed) in by_organisation(changes) {
        if hub.subscribers.any_of(organisation) {
            calls.push((organisation, read(hub, changed).await?));
        }
    }
    if missed {
        hub.subscribers.call_all(&Notice::Missed);
    }
    if keys_changed {
        hub.subscribers.call_all(&Notice::Keys);
    }
    for (organisation, changed) in calls {
        let events: Vec<_> = changed.events.iter().map(|facts| facts.event.id).collect();
        hub.subscribers.call(organisation, Notice::Changed(Arc::new(changed)));
        hub.subscribers.sample_anew(events.into_iter());
    }
    Ok(last)
}

fn by_organisation(changes: Vec<Altered>) -> BTreeMap<OrganisationId, Changed> {
    let mut all = BTreeMap::new();
    for Altered { seq, organisation_id, ids } in changes {
        let changed = all.entry(organisation_id).or_insert_with(|| Changed { number: seq, ids: Vec::new(), events: Vec::new() });
        changed.number = seq;
        changed.ids.extend(ids);
    }
    all
}

/// Reads the events among what has changed: once for all subscribers.
async fn read(hub: &Hub, mut changed: Changed) -> Result<Changed, LedgerError> {
    changed.ids.sort_unstable();
    changed.ids.dedup();
    let events = hub.ledger.events_among(&changed.ids).await?;
    changed.events = events.into_iter().map(Arc::new).collect();
    Ok(changed)
}

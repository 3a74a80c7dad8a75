//! How a stream begins: with the whole state, or with what has changed since the last message that its client received.

use std::sync::Arc;

use super::{
    Hub,
    message::{StateView, StockView, StreamEvent},
    stream_session::{End, Known, StreamSession, retry},
};
use crate::{
    event,
    ledger::{
        LedgerError,
        rows::{Altered, EventFacts},
    },
    limits,
};

impl StreamSession {
    /// Tells everything anew.
    pub(super) async fn begin(&mut self) -> Result<(), End> {
        let position = retry!(self.hub, self.hub.ledger.position())?;
        self.read_caller().await?;
        self.position = position;
        self.state().await
    }

    /// Tells what has changed since this position, if the log still knows.
    pub(super) async fn resume(&mut self, since: i64) -> Result<(), End> {
        let organisation = self.caller.organisation();
        let Some(changes) = retry!(self.hub, changes_since(&self.hub, since))? else { return self.begin().await };
        let number = changes.last().map_or(since, |last| last.seq);
        let ids: Vec<_> = changes.into_iter().filter(|c| c.organisation_id == organisation).flat_map(|c| c.ids).collect();
        self.read_caller().await?;
        self.position = since;
        let mut messages = self.caller_messages(&ids).await?;
        if ids.contains(&self.caller.authority().membership.id.0) {
            // What the caller could see before is not known any more, so everything that the caller sees now is sent.
            return self.send_with_state(messages, number).await;
        }
        let events = retry!(self.hub, self.hub.ledger.events_among(&ids))?;
        let events: Vec<_> = events.into_iter().map(Arc::new).collect();
        messages.extend(self.events(&events));
        // Sales are in no log: the stock is sent as it is now.
        for facts in self.subscribed_events().await? {
            if self.sent.mark_stock_sent(&facts) {
                messages.push(StreamEvent::Stock(Arc::new(StockView::of(&facts))));
            }
        }
        self.send_all(messages, number)?;
        self.watch()
    }

    /// Tells all that a terminal draws its screen from.
    pub(super) async fn state(&mut self) -> Result<(), End> {
        let events = self.subscribed_events().await?;
        self.known = Known::of(self.caller.authority());
        self.sent.forget();
        for facts in &events {
            self.sent.mark_sent(facts);
        }
        let state = StateView {
            session: self.session_view().await?,
            device: self.device(),
            events: events.iter().map(event::view).collect::<Result<_, _>>()?,
        };
        self.send(StreamEvent::State(Box::new(state)))?;
        self.watch()
    }

    /// The events whose stock is sent, as they are now.
    async fn subscribed_events(&self) -> Result<Vec<EventFacts>, End> {
        let ids = match &self.subscription.events {
            Some(events) => events.clone(),
            None => {
                let organisation = self.caller.organisation();
                retry!(self.hub, self.hub.ledger.live_events(organisation, limits::STREAM_LIVE_EVENTS_MAX))?
            }
        };
        let visible = self.visible();
        let mut ids: Vec<_> = ids.into_iter().filter(|id| visible.shows(*id)).take(limits::STREAM_EVENTS_MAX).collect();
        ids.sort_unstable();
        let events = retry!(self.hub, self.hub.ledger.events_by_id(ids.clone()))?;
        Ok(events.into_iter().filter(|facts| self.is_of_organisation(facts)).collect())
    }
}

/// The changes after this position; none when the log no longer has all of them, or when they are too many to send one by one.
async fn changes_since(hub: &Hub, since: i64) -> Result<Option<Vec<Altered>>, LedgerError> {
    let position = hub.ledger.position().await?;
    if since == position {
        return Ok(Some(Vec::new()));
    }
    // A position that lies ahead is of a ledger that was since restored from a copy.
    if since > position || hub.ledger.oldest_change().await?.is_none_or(|oldest| oldest > since + 1) {
        return Ok(None);
    }
    let changes = hub.ledger.changes_after(since).await?;
    let whole = i64::try_from(changes.len()).unwrap_or(i64::MAX) < limits::CHANGES_AT_ONCE_MAX;
    Ok(whole.then_some(changes))
}

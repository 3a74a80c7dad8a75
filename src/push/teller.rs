//! Tells one terminal what it has not been told yet.
//!
//! A teller hears what is called out, reads from the book what became of it, and hands it on without waiting. What it hands on carries
//! the position up to which everything has been told: of several things that changed together only the last carries the new one, so that
//! a stream that is cut between them is told all of them again.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        mpsc::{self, error::TrySendError},
    },
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Room, Wishes,
    crier::Changed,
    place::Marker,
    seats::{News, Seat},
    tale::{StateView, StockView, Tale, Told},
};
use crate::{
    authenticate::{self, Caller, NotAuthenticated},
    authorise::{self, Visible},
    device, event,
    ids::{EventId, SessionId},
    ledger::{
        LedgerError,
        rows::{Altered, Authority, EventFacts, Version},
        words::EventStatus,
    },
    limits,
    session::view::{OrganisationRef, SessionView},
};

/// Why there is nothing more to tell.
enum End {
    /// The session is over: the terminal is told why.
    Over(NotAuthenticated),
    /// The reader does not keep up.
    Slow,
    /// The reader has gone, or the gateway stops, or the book cannot be read: the terminal may come back.
    Closed,
}

impl From<LedgerError> for End {
    /// Only what no second try mends comes here.
    fn from(_: LedgerError) -> Self {
        Self::Closed
    }
}

/// Asks the book until it answers: a terminal whose gateway has lost the book for a moment is told afterwards.
macro_rules! insist {
    ($room:expr, $ask:expr) => {
        loop {
            // Nobody closes it.
            let turn = $room.reads.acquire().await;
            match $ask.await {
                Err(LedgerError::Unavailable | LedgerError::Busy | LedgerError::Moved) => {
                    drop(turn);
                    sleep(limits::POLL).await;
                }
                done => break done,
            }
        }
    };
}

/// What a terminal has been told of an event that it watches.
struct Known {
    version: Version,
    stock: StockView,
}

/// Tells one terminal.
pub(super) struct Teller {
    room: Arc<Room>,
    seat: Seat,
    news: broadcast::Receiver<News>,
    session: SessionId,
    caller: Caller,
    wishes: Wishes,
    marker: Marker,
    out: mpsc::Sender<Told>,
    /// Every change up to here has been told.
    position: i64,
    /// The events whose stock is told.
    watched: HashMap<EventId, Known>,
}

impl Teller {
    /// A teller that has told nothing yet.
    pub fn new(
        room: Arc<Room>,
        seat: Seat,
        news: broadcast::Receiver<News>,
        caller: &Caller,
        wishes: Wishes,
        marker: Marker,
        out: mpsc::Sender<Told>,
    ) -> Self {
        let session = caller.authority().session.id;
        Self { room, seat, news, session, caller: caller.clone(), wishes, marker, out, position: 0, watched: HashMap::new() }
    }

    /// Tells until the session is over, the reader has gone or does not keep up, or the gateway stops.
    pub async fn tell(mut self, since: Option<i64>, gone: CancellationToken, hang_up: CancellationToken) {
        let (room, left) = (Arc::clone(&self.room), gone.clone());
        let ended = tokio::select! {
            biased;
            () = left.cancelled() => End::Closed,
            () = room.closing.cancelled() => End::Closed,
            Err(end) = self.go_on(since) => end,
        };
        let last_words = match ended {
            End::Over(why) => self.say(Tale::Over(why)),
            end @ (End::Slow | End::Closed) => Err(end),
        };
        if matches!(last_words, Err(End::Slow)) {
            tracing::info!(session = %self.session, "a stream was cut off: its reader does not keep up");
            self.seat.dropped();
            return hang_up.cancel();
        }
        // What was handed on may still be read; then the stream ends in order.
        let Self { out, seat, .. } = self;
        drop(out);
        if timeout(limits::STREAM_FAREWELL, gone.cancelled()).await.is_err() {
            hang_up.cancel();
        }
        drop(seat);
    }

    async fn go_on(&mut self, since: Option<i64>) -> Result<(), End> {
        match since {
            Some(position) => self.resume(position).await?,
            None => self.begin().await?,
        }
        loop {
            let time_left = self.time_left();
            tokio::select! {
                news = self.news.recv() => match news {
                    Ok(News::Changed(changed)) => self.changed(&changed).await?,
                    Ok(News::Stock(stock)) => self.stock(stock)?,
                    Ok(News::Missed) | Err(RecvError::Lagged(_)) => self.begin().await?,
                    Err(RecvError::Closed) => return Err(End::Closed),
                },
                () = sleep(time_left) => self.look_at_the_caller().await?,
            }
        }
    }

    // --- all of it ---

    /// Tells everything anew.
    async fn begin(&mut self) -> Result<(), End> {
        let position = insist!(self.room, self.room.book.position())?;
        self.look_at_the_caller().await?;
        self.position = position;
        self.state().await
    }

    /// Tells what has changed since this position, if the log still knows.
    async fn resume(&mut self, since: i64) -> Result<(), End> {
        let organisation = self.caller.organisation();
        let Some(changes) = insist!(self.room, changes_since(&self.room, since))? else { return self.begin().await };
        let number = changes.last().map_or(since, |last| last.seq);
        let ids: Vec<_> = changes.into_iter().filter(|c| c.organisation_id == organisation).flat_map(|c| c.ids).collect();
        self.look_at_the_caller().await?;
        self.position = since;
        if ids.contains(&self.caller.authority().membership.id.0) {
            // What they could see before is not known any more, so all that they see now is told.
            let session = self.session_view().await?;
            self.say(Tale::Permissions(Box::new(session)))?;
            self.position = number;
            return self.state().await;
        }
        let events = insist!(self.room, self.room.book.events_among(&ids))?;
        let events: Vec<_> = events.into_iter().map(Arc::new).collect();
        let told_of = self.caller.authority().device.as_ref().filter(|device| ids.contains(&device.id.0)).map(|_| self.device());
        let mut tales: Vec<_> = told_of.flatten().map(|device| Tale::Device(Box::new(device))).into_iter().collect();
        tales.extend(self.events(&events));
        // Sales are in no log: the stock is told as it is now.
        let stock = self.watched_now().await?;
        for facts in &stock {
            self.know(facts);
            if !events.iter().any(|told| told.event.id == facts.event.id) {
                tales.push(Tale::Stock(Arc::new(StockView::of(facts))));
            }
        }
        self.watch();
        self.say_all(tales, number)
    }

    async fn state(&mut self) -> Result<(), End> {
        let events = self.watched_now().await?;
        self.watched.clear();
        for facts in &events {
            self.know(facts);
        }
        self.watch();
        let state = StateView {
            session: self.session_view().await?,
            device: self.device(),
            events: events.iter().map(event::view).collect::<Result<_, _>>()?,
        };
        self.say(Tale::State(Box::new(state)))
    }

    /// The events whose stock is told, as they stand now.
    async fn watched_now(&self) -> Result<Vec<EventFacts>, End> {
        let ids = match &self.wishes.events {
            Some(events) => events.clone(),
            None => {
                let organisation = self.caller.organisation();
                insist!(self.room, self.room.book.live_events(organisation, limits::STREAM_LIVE_EVENTS))?
            }
        };
        let visible = self.visible();
        let mut ids: Vec<_> = ids.into_iter().filter(|id| visible.shows(*id)).take(limits::STREAM_EVENTS).collect();
        ids.sort_unstable();
        let events = insist!(self.room, self.room.book.events_by_id(ids.clone()))?;
        Ok(events.into_iter().filter(|facts| self.is_ours(facts)).collect())
    }

    // --- what has changed ---

    async fn changed(&mut self, changed: &Changed) -> Result<(), End> {
        if changed.number <= self.position {
            return Ok(());
        }
        let before = Arc::new(self.caller.authority().clone());
        let Authority { session, membership, device, .. } = &*before;
        if changed.touches(session.id) || changed.touches(membership.id) || device.as_ref().is_some_and(|d| changed.touches(d.id)) {
            self.look_at_the_caller().await?;
        }
        let mut tales = Vec::new();
        let now = self.caller.authority();
        if now.membership.version != membership.version {
            tales.push(Tale::Permissions(Box::new(self.session_view().await?)));
        }
        if now.device.as_ref().map(|d| d.version) != device.as_ref().map(|d| d.version) {
            tales.extend(self.device().map(|device| Tale::Device(Box::new(device))));
        }
        if self.visible() != visible(&before) {
            // Other events than before: the screen is drawn anew, with what has changed in them.
            let position = std::mem::replace(&mut self.position, changed.number);
            for tale in tales {
                self.say_at(tale, position)?;
            }
            return self.state().await;
        }
        tales.extend(self.events(&changed.events));
        self.watch();
        self.say_all(tales, changed.number)
    }

    /// What is to be told of events that have changed.
    fn events(&mut self, all: &[Arc<EventFacts>]) -> Vec<Tale> {
        let visible = self.visible();
        let mut tales = Vec::new();
        for facts in all {
            let event = &facts.event;
            let known = self.watched.get(&event.id).is_some_and(|known| known.version >= event.version);
            if known || !self.is_ours(facts) || !self.wishes.name(event.id) || !visible.shows(event.id) {
                continue;
            }
            tales.push(Tale::Event(Arc::clone(facts)));
            self.know(facts);
        }
        tales
    }

    fn stock(&mut self, stock: Arc<StockView>) -> Result<(), End> {
        let Some(known) = self.watched.get_mut(&EventId(stock.event.id)) else { return Ok(()) };
        if known.stock == *stock {
            return Ok(());
        }
        known.stock.clone_from(&stock);
        self.say(Tale::Stock(stock))
    }

    // --- what is known ---

    /// The terminal has been told of this event as it stands here; if it is one to watch, its stock is told from now on.
    fn know(&mut self, facts: &EventFacts) {
        let event = &facts.event;
        let wanted = self.wishes.events.is_some() || event.status == EventStatus::Live;
        let room = self.watched.len() < limits::STREAM_EVENTS || self.watched.contains_key(&event.id);
        if wanted && room {
            self.watched.insert(event.id, Known { version: event.version, stock: StockView::of(facts) });
        } else {
            self.watched.remove(&event.id);
        }
    }

    fn watch(&self) {
        self.seat.watch(self.watched.keys().copied().collect());
    }

    fn is_ours(&self, facts: &EventFacts) -> bool {
        facts.event.organisation_id == self.caller.organisation()
    }

    fn visible(&self) -> Visible {
        visible(self.caller.authority())
    }

    async fn session_view(&self) -> Result<SessionView, LedgerError> {
        insist!(self.room, SessionView::of(&self.room.book, self.caller.authority()))
    }

    fn device(&self) -> Option<device::DeviceView> {
        let authority = self.caller.authority();
        let organisation = OrganisationRef::of(authority);
        authority.device.as_ref().map(|device| device::view(device, &organisation))
    }

    /// Reads anew who the caller is. Listening is no use of a session: the person may have left.
    async fn look_at_the_caller(&mut self) -> Result<(), End> {
        let authority = insist!(self.room, self.room.book.authority(self.session))?.map(Arc::new);
        let used = self.room.used.last(self.session);
        self.caller = authenticate::judge(authority, used, self.room.clock.now()).map_err(End::Over)?;
        Ok(())
    }

    /// How long the session lasts, if nobody uses or ends it.
    fn time_left(&self) -> Duration {
        let over = authenticate::over_at(self.caller.authority(), self.room.used.last(self.session));
        (over - self.room.clock.now()).to_std().unwrap_or_default()
    }

    // --- saying it ---

    /// Says these things; when the last of them is heard, everything up to this number has been told.
    fn say_all(&mut self, mut tales: Vec<Tale>, number: i64) -> Result<(), End> {
        let last = tales.pop();
        for tale in tales {
            self.say(tale)?;
        }
        self.position = self.position.max(number);
        last.map_or(Ok(()), |last| self.say(last))
    }

    fn say(&self, tale: Tale) -> Result<(), End> {
        self.say_at(tale, self.position)
    }

    fn say_at(&self, tale: Tale, position: i64) -> Result<(), End> {
        self.out.try_send(Told { tale, id: self.marker.write(position) }).map_err(|unsaid| match unsaid {
            TrySendError::Full(_) => End::Slow,
            TrySendError::Closed(_) => End::Closed,
        })
    }
}

/// The changes after this position; none when the log does not know all of them any more, or they are too many to tell one by one.
async fn changes_since(room: &Room, since: i64) -> Result<Option<Vec<Altered>>, LedgerError> {
    let position = room.book.position().await?;
    if since == position {
        return Ok(Some(Vec::new()));
    }
    // A position that lies ahead is of a book that was since restored from a copy.
    if since > position || room.book.oldest_change().await?.is_none_or(|oldest| oldest > since + 1) {
        return Ok(None);
    }
    let changes = room.book.changes_after(since).await?;
    let whole = i64::try_from(changes.len()).unwrap_or(i64::MAX) < limits::CHANGES_AT_ONCE;
    Ok(whole.then_some(changes))
}

/// The events that this session may see.
fn visible(authority: &Authority) -> Visible {
    authorise::visible(authority.session.kind, &authority.membership)
}

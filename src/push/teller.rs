//! Tells one terminal what it has not been told yet.
//!
//! A teller hears what is called out, reads from the book what became of it, and hands it on without waiting. What it hands on carries
//! the position up to which everything has been told: of several things that changed together only the last carries the new one, so that
//! a stream that is cut between them is told all of them again.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        mpsc::{self, error::TrySendError},
    },
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Room, Wishes,
    place::Marker,
    seats::{Changed, News, Seat},
    tale::{AttendanceView, StockView, Tale, Told},
    watched::Watched,
};
use crate::{
    authenticate::{self, Caller, NotAuthenticated},
    authorise::{self, Visible},
    device,
    ids::SessionId,
    ledger::{
        LedgerError,
        rows::{Authority, EventFacts, Version},
    },
    limits,
    session::view::{OrganisationRef, SessionView},
};

/// Why there is nothing more to tell.
pub(super) enum End {
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
                    tokio::time::sleep(crate::limits::POLL).await;
                }
                done => break done,
            }
        }
    };
}
pub(super) use insist;

/// The versions of member and device that a terminal was told; none where it is not known what it was told.
#[derive(Default)]
pub(super) struct Known {
    member: Option<Version>,
    device: Option<Version>,
}

impl Known {
    /// As they are told now.
    pub fn of(authority: &Authority) -> Self {
        Self { member: Some(authority.membership.version), device: authority.device.as_ref().map(|device| device.version) }
    }
}

/// Tells one terminal.
pub(super) struct Teller {
    pub(super) room: Arc<Room>,
    seat: Seat,
    news: broadcast::Receiver<News>,
    session: SessionId,
    pub(super) caller: Caller,
    pub(super) wishes: Wishes,
    marker: Marker,
    out: mpsc::Sender<Told>,
    /// Every change up to here has been told.
    pub(super) position: i64,
    /// What has been told of the caller.
    pub(super) known: Known,
    /// What has been told of events.
    pub(super) watched: Watched,
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
        let watched = Watched::new(wishes.events.is_none());
        Self { room, seat, news, session, caller: caller.clone(), wishes, marker, out, position: 0, known: Known::default(), watched }
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
                    Ok(News::Attendance(counted)) => self.attendance(counted)?,
                    Ok(News::Missed) | Err(RecvError::Lagged(_)) => self.begin().await?,
                    Ok(News::Keys) | Err(RecvError::Closed) => return Err(End::Closed),
                },
                () = sleep(time_left) => self.look_at_the_caller().await?,
            }
        }
    }

    // --- what has changed ---

    async fn changed(&mut self, changed: &Changed) -> Result<(), End> {
        if changed.number <= self.position {
            return Ok(());
        }
        let visible = self.visible();
        let mut tales = Vec::new();
        if self.things().into_iter().any(|id| changed.ids.contains(&id)) {
            self.look_at_the_caller().await?;
            tales = self.about_the_caller(&changed.ids).await?;
        }
        if self.visible() != visible {
            // Other events than before: the screen is drawn anew, with what has changed in them.
            return self.say_with_state(tales, changed.number).await;
        }
        tales.extend(self.events(&changed.events));
        self.say_all(tales, changed.number)?;
        self.watch()
    }

    /// What is to be told of the member and the device, if they are among what has changed.
    pub(super) async fn about_the_caller(&mut self, ids: &[Uuid]) -> Result<Vec<Tale>, LedgerError> {
        let mut tales = Vec::new();
        let now = Known::of(self.caller.authority());
        let [_, member, device] = self.things();
        if ids.contains(&member) && self.known.member != now.member {
            tales.push(Tale::Permissions(Box::new(self.session_view().await?)));
            self.known.member = now.member;
        }
        if ids.contains(&device) && self.known.device != now.device {
            tales.extend(self.device().map(|device| Tale::Device(Box::new(device))));
            self.known.device = now.device;
        }
        Ok(tales)
    }

    /// What is to be told of events that have changed.
    pub(super) fn events(&mut self, all: &[Arc<EventFacts>]) -> Vec<Tale> {
        let visible = self.visible();
        let mut tales = Vec::new();
        for facts in all {
            let event = &facts.event;
            if self.watched.knows(event) || !self.is_ours(facts) || !self.wishes.name(event.id) || !visible.shows(event.id) {
                continue;
            }
            tales.push(Tale::Event(Arc::clone(facts)));
            self.watched.tell(facts);
        }
        tales
    }

    fn stock(&mut self, stock: Arc<StockView>) -> Result<(), End> {
        if self.watched.is_new(&stock) { self.say(Tale::Stock(stock)) } else { Ok(()) }
    }

    fn attendance(&mut self, counted: Arc<AttendanceView>) -> Result<(), End> {
        if self.watched.is_new_count(&counted) { self.say(Tale::Attendance(counted)) } else { Ok(()) }
    }

    // --- what is known ---

    /// What a change of this session looks like: itself, its member and its device.
    fn things(&self) -> [Uuid; 3] {
        let authority = self.caller.authority();
        let device = authority.device.as_ref().map_or(self.session.0, |device| device.id.0);
        [self.session.0, authority.membership.id.0, device]
    }

    /// Watches what is to be watched now, and tells what others have already counted.
    pub(super) fn watch(&mut self) -> Result<(), End> {
        let mut counts = self.wishes.attendance.clone();
        counts.retain(|event| authorise::may_count(&self.caller, Some(*event), None).is_ok());
        self.seat.watch(self.watched.ids(), counts.clone());
        for event in self.watched.count(&counts) {
            let counted = self.room.counts.get(&event).map(|counted| Arc::clone(&counted));
            if let Some(counted) = counted {
                self.attendance(counted)?;
            }
        }
        Ok(())
    }

    pub(super) fn is_ours(&self, facts: &EventFacts) -> bool {
        facts.event.organisation_id == self.caller.organisation()
    }

    pub(super) fn visible(&self) -> Visible {
        let authority = self.caller.authority();
        authorise::visible(authority.session.kind, &authority.membership)
    }

    pub(super) async fn session_view(&self) -> Result<SessionView, LedgerError> {
        insist!(self.room, SessionView::of(&self.room.book, self.caller.authority()))
    }

    pub(super) fn device(&self) -> Option<device::DeviceView> {
        let authority = self.caller.authority();
        let organisation = OrganisationRef::of(authority);
        authority.device.as_ref().map(|device| device::view(device, &organisation))
    }

    /// Reads anew who the caller is. Listening is no use of a session: the person may have left.
    pub(super) async fn look_at_the_caller(&mut self) -> Result<(), End> {
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
    pub(super) fn say_all(&mut self, mut tales: Vec<Tale>, number: i64) -> Result<(), End> {
        let last = tales.pop();
        for tale in tales {
            self.say(tale)?;
        }
        self.position = self.position.max(number);
        last.map_or(Ok(()), |last| self.say(last))
    }

    /// Says these things and then the state, with which everything up to this number has been told.
    pub(super) async fn say_with_state(&mut self, tales: Vec<Tale>, number: i64) -> Result<(), End> {
        for tale in tales {
            self.say(tale)?;
        }
        self.position = number;
        self.state().await
    }

    pub(super) fn say(&self, tale: Tale) -> Result<(), End> {
        self.out.try_send(Told { tale, id: self.marker.write(self.position) }).map_err(|unsaid| match unsaid {
            TrySendError::Full(_) => End::Slow,
            TrySendError::Closed(_) => End::Closed,
        })
    }
}

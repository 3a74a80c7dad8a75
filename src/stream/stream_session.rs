//! Tells one terminal what it has not been told yet.
//!
//! A teller hears what is called out, reads from the ledger what became of it, and hands it on without waiting. What it hands on carries
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
    Hub, Subscription,
    cursor::Cursor,
    message::{AttendanceView, Envelope, StockView, StreamEvent},
    sent_state::SentState,
    subscribers::{Changed, Notice, Subscriber},
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
    /// The reader has gone, or the gateway stops, or the ledger cannot be read: the terminal may come back.
    Closed,
}

impl From<LedgerError> for End {
    /// Only what no second try mends comes here.
    fn from(_: LedgerError) -> Self {
        Self::Closed
    }
}

/// Asks the ledger until it answers: a terminal whose gateway has lost the ledger for a moment is told afterwards.
macro_rules! insist {
    ($hub:expr, $ask:expr) => {
        loop {
            // The channel is never closed.
            let turn = $hub.reads.acquire().await;
            match $ask.await {
                Err(LedgerError::Unavailable | LedgerError::Busy | LedgerError::Moved) => {
                    drop(turn);
                    tokio::time::sleep(crate::limits::CHANGE_LOG_POLL_INTERVAL).await;
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
pub(super) struct StreamSession {
    pub(super) hub: Arc<Hub>,
    seat: Subscriber,
    news: broadcast::Receiver<Notice>,
    session: SessionId,
    pub(super) caller: Caller,
    pub(super) subscription: Subscription,
    marker: Cursor,
    out: mpsc::Sender<Envelope>,
    /// Every change up to here has been told.
    pub(super) position: i64,
    /// What has been told of the caller.
    pub(super) known: Known,
    /// What has been told of events.
    pub(super) sent: SentState,
}

impl StreamSession {
    /// A teller that has told nothing yet.
    pub fn new(
        hub: Arc<Hub>,
        seat: Subscriber,
        news: broadcast::Receiver<Notice>,
        caller: &Caller,
        subscription: Subscription,
        marker: Cursor,
        out: mpsc::Sender<Envelope>,
    ) -> Self {
        let session = caller.authority().session.id;
        let sent = SentState::new(subscription.events.is_none());
        Self { hub, seat, news, session, caller: caller.clone(), subscription, marker, out, position: 0, known: Known::default(), sent }
    }

    /// Tells until the session is over, the reader has gone or does not keep up, or the gateway stops.
    pub async fn tell(mut self, since: Option<i64>, gone: CancellationToken, hang_up: CancellationToken) {
        let (hub, left) = (Arc::clone(&self.hub), gone.clone());
        let ended = tokio::select! {
            biased;
            () = left.cancelled() => End::Closed,
            () = hub.closing.cancelled() => End::Closed,
            Err(end) = self.go_on(since) => end,
        };
        let last_words = match ended {
            End::Over(why) => self.say(StreamEvent::Over(why)),
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
        if timeout(limits::STREAM_END_TIMEOUT, gone.cancelled()).await.is_err() {
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
                    Ok(Notice::Changed(changed)) => self.changed(&changed).await?,
                    Ok(Notice::Stock(stock)) => self.stock(stock)?,
                    Ok(Notice::Attendance(counted)) => self.attendance(counted)?,
                    Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.begin().await?,
                    Ok(Notice::Keys) | Err(RecvError::Closed) => return Err(End::Closed),
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
        let mut messages = Vec::new();
        if self.things().into_iter().any(|id| changed.ids.contains(&id)) {
            self.look_at_the_caller().await?;
            messages = self.about_the_caller(&changed.ids).await?;
        }
        if self.visible() != visible {
            // Other events than before: the screen is drawn anew, with what has changed in them.
            return self.say_with_state(messages, changed.number).await;
        }
        messages.extend(self.events(&changed.events));
        self.say_all(messages, changed.number)?;
        self.watch()
    }

    /// What is to be told of the member and the device, if they are among what has changed.
    pub(super) async fn about_the_caller(&mut self, ids: &[Uuid]) -> Result<Vec<StreamEvent>, LedgerError> {
        let mut messages = Vec::new();
        let now = Known::of(self.caller.authority());
        let [_, member, device] = self.things();
        if ids.contains(&member) && self.known.member != now.member {
            messages.push(StreamEvent::Permissions(Box::new(self.session_view().await?)));
            self.known.member = now.member;
        }
        if ids.contains(&device) && self.known.device != now.device {
            messages.extend(self.device().map(|device| StreamEvent::Device(Box::new(device))));
            self.known.device = now.device;
        }
        Ok(messages)
    }

    /// What is to be told of events that have changed.
    pub(super) fn events(&mut self, all: &[Arc<EventFacts>]) -> Vec<StreamEvent> {
        let visible = self.visible();
        let mut messages = Vec::new();
        for facts in all {
            let event = &facts.event;
            if self.sent.knows(event) || !self.is_ours(facts) || !self.subscription.name(event.id) || !visible.shows(event.id) {
                continue;
            }
            messages.push(StreamEvent::Event(Arc::clone(facts)));
            self.sent.tell(facts);
        }
        messages
    }

    fn stock(&mut self, stock: Arc<StockView>) -> Result<(), End> {
        if self.sent.is_new(&stock) { self.say(StreamEvent::Stock(stock)) } else { Ok(()) }
    }

    fn attendance(&mut self, counted: Arc<AttendanceView>) -> Result<(), End> {
        if self.sent.is_new_count(&counted) { self.say(StreamEvent::Attendance(counted)) } else { Ok(()) }
    }

    // --- what is known ---

    /// What a change of this session looks like: itself, its member and its device.
    fn things(&self) -> [Uuid; 3] {
        let authority = self.caller.authority();
        let device = authority.device.as_ref().map_or(self.session.0, |device| device.id.0);
        [self.session.0, authority.membership.id.0, device]
    }

    /// Watches what is to be sent now, and tells what others have already counted.
    pub(super) fn watch(&mut self) -> Result<(), End> {
        let mut counts = self.subscription.attendance.clone();
        counts.retain(|event| authorise::may_count(&self.caller, Some(*event), None).is_ok());
        self.seat.watch(self.sent.ids(), counts.clone());
        for event in self.sent.count(&counts) {
            let counted = self.hub.counts.get(&event).map(|counted| Arc::clone(&counted));
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
        insist!(self.hub, SessionView::of(&self.hub.ledger, self.caller.authority()))
    }

    pub(super) fn device(&self) -> Option<device::DeviceView> {
        let authority = self.caller.authority();
        let organisation = OrganisationRef::of(authority);
        authority.device.as_ref().map(|device| device::view(device, &organisation))
    }

    /// Reads anew who the caller is. EventStream is no use of a session: the person may have left.
    pub(super) async fn look_at_the_caller(&mut self) -> Result<(), End> {
        let authority = insist!(self.hub, self.hub.ledger.authority(self.session))?.map(Arc::new);
        let used = self.hub.used.last(self.session);
        self.caller = authenticate::judge(authority, used, self.hub.clock.now()).map_err(End::Over)?;
        Ok(())
    }

    /// How long the session lasts, if it is neither used nor ended.
    fn time_left(&self) -> Duration {
        let over = authenticate::over_at(self.caller.authority(), self.hub.used.last(self.session));
        (over - self.hub.clock.now()).to_std().unwrap_or_default()
    }

    // --- saying it ---

    /// Says these things; when the last of them is heard, everything up to this number has been told.
    pub(super) fn say_all(&mut self, mut messages: Vec<StreamEvent>, number: i64) -> Result<(), End> {
        let last = messages.pop();
        for message in messages {
            self.say(message)?;
        }
        self.position = self.position.max(number);
        last.map_or(Ok(()), |last| self.say(last))
    }

    /// Says these things and then the state, with which everything up to this number has been told.
    pub(super) async fn say_with_state(&mut self, messages: Vec<StreamEvent>, number: i64) -> Result<(), End> {
        for message in messages {
            self.say(message)?;
        }
        self.position = number;
        self.state().await
    }

    pub(super) fn say(&self, message: StreamEvent) -> Result<(), End> {
        self.out.try_send(Envelope { message, id: self.marker.write(self.position) }).map_err(|unsaid| match unsaid {
            TrySendError::Full(_) => End::Slow,
            TrySendError::Closed(_) => End::Closed,
        })
    }
}

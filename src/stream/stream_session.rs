//! Sends to one terminal what has not been sent to it yet.
//!
//! A stream session receives the changes that are published, reads from the ledger what they changed, and sends it without waiting. A message
//! carries the position up to which everything has been sent: of several messages for one change only the last one carries the new position,
//! so that a client whose stream is cut between them gets all of them again.

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

/// Why the stream ends.
pub(super) enum End {
    /// The session is over; the terminal gets the reason.
    Over(NotAuthenticated),
    /// The client reads too slowly.
    Slow,
    /// The client has gone, or the gateway stops, or the ledger cannot be read: the client may reconnect.
    Closed,
}

impl From<LedgerError> for End {
    /// Errors that a second try can help with are tried again before they come here.
    fn from(_: LedgerError) -> Self {
        Self::Closed
    }
}

/// Reads the ledger again until it answers: a gateway that loses the ledger for a moment sends the changes afterwards.
macro_rules! retry {
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
pub(super) use retry;

/// The versions of member and device that were sent to a terminal; none where that is not known.
#[derive(Default)]
pub(super) struct Known {
    member: Option<Version>,
    device: Option<Version>,
}

impl Known {
    /// The versions that are sent now.
    pub fn of(authority: &Authority) -> Self {
        Self { member: Some(authority.membership.version), device: authority.device.as_ref().map(|device| device.version) }
    }
}

/// Sends the messages of one stream.
pub(super) struct StreamSession {
    pub(super) hub: Arc<Hub>,
    subscriber: Subscriber,
    published: broadcast::Receiver<Notice>,
    session: SessionId,
    pub(super) caller: Caller,
    pub(super) subscription: Subscription,
    cursor: Cursor,
    out: mpsc::Sender<Envelope>,
    /// Every change up to this one has been sent.
    pub(super) position: i64,
    /// What has been sent of the caller.
    pub(super) known: Known,
    /// What has been sent of events.
    pub(super) sent: SentState,
}

impl StreamSession {
    /// A stream session that has sent nothing yet.
    pub fn new(
        hub: Arc<Hub>,
        subscriber: Subscriber,
        published: broadcast::Receiver<Notice>,
        caller: &Caller,
        subscription: Subscription,
        cursor: Cursor,
        out: mpsc::Sender<Envelope>,
    ) -> Self {
        let session = caller.authority().session.id;
        let sent = SentState::new(subscription.events.is_none());
        Self {
            hub,
            subscriber,
            published,
            session,
            caller: caller.clone(),
            subscription,
            cursor,
            out,
            position: 0,
            known: Known::default(),
            sent,
        }
    }

    /// Sends messages until the session is over, the client has gone or reads too slowly, or the gateway stops.
    pub async fn run(mut self, since: Option<i64>, gone: CancellationToken, close_connection: CancellationToken) {
        let (hub, left) = (Arc::clone(&self.hub), gone.clone());
        let ended = tokio::select! {
            biased;
            () = left.cancelled() => End::Closed,
            () = hub.closing.cancelled() => End::Closed,
            Err(end) = self.go_on(since) => end,
        };
        let last_message = match ended {
            End::Over(why) => self.send(StreamEvent::Over(why)),
            end @ (End::Slow | End::Closed) => Err(end),
        };
        if matches!(last_message, Err(End::Slow)) {
            tracing::info!(session = %self.session, "a stream was cut off: its reader does not keep up");
            self.subscriber.dropped();
            return close_connection.cancel();
        }
        // What was handed on may still be read; then the stream ends in order.
        let Self { out, subscriber, .. } = self;
        drop(out);
        if timeout(limits::STREAM_END_TIMEOUT, gone.cancelled()).await.is_err() {
            close_connection.cancel();
        }
        drop(subscriber);
    }

    async fn go_on(&mut self, since: Option<i64>) -> Result<(), End> {
        match since {
            Some(position) => self.resume(position).await?,
            None => self.begin().await?,
        }
        loop {
            let time_left = self.time_left();
            tokio::select! {
                published = self.published.recv() => match published {
                    Ok(Notice::Changed(changed)) => self.changed(&changed).await?,
                    Ok(Notice::Stock(stock)) => self.stock(stock)?,
                    Ok(Notice::Attendance(counted)) => self.attendance(counted)?,
                    Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.begin().await?,
                    Ok(Notice::Keys) | Err(RecvError::Closed) => return Err(End::Closed),
                },
                () = sleep(time_left) => self.read_caller().await?,
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
            self.read_caller().await?;
            messages = self.caller_messages(&changed.ids).await?;
        }
        if self.visible() != visible {
            // Other events than before: the screen is drawn anew, with what has changed in them.
            return self.send_with_state(messages, changed.number).await;
        }
        messages.extend(self.events(&changed.events));
        self.send_all(messages, changed.number)?;
        self.watch()
    }

    /// The messages about the member and the device, if they are among what has changed.
    pub(super) async fn caller_messages(&mut self, ids: &[Uuid]) -> Result<Vec<StreamEvent>, LedgerError> {
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

    /// The messages about events that have changed.
    pub(super) fn events(&mut self, all: &[Arc<EventFacts>]) -> Vec<StreamEvent> {
        let visible = self.visible();
        let mut messages = Vec::new();
        for facts in all {
            let event = &facts.event;
            if self.sent.has_sent(event) || !self.is_of_organisation(facts) || !self.subscription.name(event.id) || !visible.shows(event.id)
            {
                continue;
            }
            messages.push(StreamEvent::Event(Arc::clone(facts)));
            self.sent.mark_sent(facts);
        }
        messages
    }

    fn stock(&mut self, stock: Arc<StockView>) -> Result<(), End> {
        if self.sent.take_stock(&stock) { self.send(StreamEvent::Stock(stock)) } else { Ok(()) }
    }

    fn attendance(&mut self, counted: Arc<AttendanceView>) -> Result<(), End> {
        if self.sent.take_attendance(&counted) { self.send(StreamEvent::Attendance(counted)) } else { Ok(()) }
    }

    // --- what it knows ---

    /// What a change of this session looks like: itself, its member and its device.
    fn things(&self) -> [Uuid; 3] {
        let authority = self.caller.authority();
        let device = authority.device.as_ref().map_or(self.session.0, |device| device.id.0);
        [self.session.0, authority.membership.id.0, device]
    }

    /// Subscribes to the stock and attendance that are to be sent now, and sends what has already been counted.
    pub(super) fn watch(&mut self) -> Result<(), End> {
        let mut counts = self.subscription.attendance.clone();
        counts.retain(|event| authorise::may_count(&self.caller, Some(*event), None).is_ok());
        self.subscriber.watch(self.sent.ids(), counts.clone());
        for event in self.sent.count(&counts) {
            let counted = self.hub.counts.get(&event).map(|counted| Arc::clone(&counted));
            if let Some(counted) = counted {
                self.attendance(counted)?;
            }
        }
        Ok(())
    }

    pub(super) fn is_of_organisation(&self, facts: &EventFacts) -> bool {
        facts.event.organisation_id == self.caller.organisation()
    }

    pub(super) fn visible(&self) -> Visible {
        let authority = self.caller.authority();
        authorise::visible(authority.session.kind, &authority.membership)
    }

    pub(super) async fn session_view(&self) -> Result<SessionView, LedgerError> {
        retry!(self.hub, SessionView::of(&self.hub.ledger, self.caller.authority()))
    }

    pub(super) fn device(&self) -> Option<device::DeviceView> {
        let authority = self.caller.authority();
        let organisation = OrganisationRef::of(authority);
        authority.device.as_ref().map(|device| device::view(device, &organisation))
    }

    /// Reads the caller again. A stream does not count as a use of its session: the person may have left.
    pub(super) async fn read_caller(&mut self) -> Result<(), End> {
        let authority = retry!(self.hub, self.hub.ledger.authority(self.session))?.map(Arc::new);
        let used = self.hub.used.last(self.session);
        self.caller = authenticate::judge(authority, used, self.hub.clock.now()).map_err(End::Over)?;
        Ok(())
    }

    /// How long the session lasts, if it is neither used nor ended.
    fn time_left(&self) -> Duration {
        let over = authenticate::over_at(self.caller.authority(), self.hub.used.last(self.session));
        (over - self.hub.clock.now()).to_std().unwrap_or_default()
    }

    // --- sending ---

    /// Sends these messages; with the last of them, everything up to this number has been sent.
    pub(super) fn send_all(&mut self, mut messages: Vec<StreamEvent>, number: i64) -> Result<(), End> {
        let last = messages.pop();
        for message in messages {
            self.send(message)?;
        }
        self.position = self.position.max(number);
        last.map_or(Ok(()), |last| self.send(last))
    }

    /// Sends these messages and then the state, with which everything up to this number has been sent.
    pub(super) async fn send_with_state(&mut self, messages: Vec<StreamEvent>, number: i64) -> Result<(), End> {
        for message in messages {
            self.send(message)?;
        }
        self.position = number;
        self.state().await
    }

    pub(super) fn send(&self, message: StreamEvent) -> Result<(), End> {
        self.out.try_send(Envelope { message, id: self.cursor.write(self.position) }).map_err(|unsaid| match unsaid {
            TrySendError::Full(_) => End::Slow,
            TrySendError::Closed(_) => End::Closed,
        })
    }
}

//! What is read of events.

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{
    clock::Moment,
    ids::{EventId, Named, OrganisationId},
    ledger::{
        Ledger, LedgerError, Page,
        db::{Arg, Reader},
        kinds::EventStatus,
        rows::{Event, EventFacts, TicketType},
    },
    limits,
};

/// An event with its ticket types, and what live holds keep of each at this moment.
async fn event_on(db: &mut Reader, id: EventId, at: Moment) -> Result<Option<EventFacts>, LedgerError> {
    // Read twice with the version compared: both statements then belong to one state of the event.
    loop {
        let Some(event) = row_on(db, id).await? else { return Ok(None) };
        let types: Vec<TicketType> = db
            .all(
                "select t.*, (select cast(coalesce(sum(l.quantity), 0) as integer) from hold_lines l
                              where l.ticket_type_id = t.id and l.kept and l.expires_at > $2) as held
                 from ticket_types t where t.event_id = $1 order by t.id",
                &[Arg::id(id), at.into()],
            )
            .await?;
        let version: i64 = db.value("select version from events where id = $1", &[Arg::id(id)]).await?;
        if version == event.version {
            return Ok(Some(EventFacts { event, types }));
        }
    }
}

/// An event without its ticket types, of any organisation.
pub(in crate::ledger) async fn row_on(db: &mut Reader, id: EventId) -> Result<Option<Event>, LedgerError> {
    db.optional("select * from events where id = $1", &[Arg::id(id)]).await
}

/// The id and name of an event, of any organisation.
pub(in crate::ledger) async fn event_named_on(db: &mut Reader, id: EventId) -> Result<Option<Named>, LedgerError> {
    let name: Option<(String,)> = db.optional("select name from events where id = $1", &[Arg::id(id)]).await?;
    Ok(name.map(|(name,)| Named::new(id, name)))
}

impl Ledger {
    /// An event of any organisation, with its ticket types and what live holds keep of them now.
    pub async fn event(&self, id: EventId) -> Result<Option<EventFacts>, LedgerError> {
        let now = self.clock().now();
        event_on(&mut self.reader(limits::LEDGER_CALL_TIMEOUT).await?, id, now).await
    }

    /// The events of an organisation with their ticket types.
    pub async fn events(&self, organisation: OrganisationId, page: Page) -> Result<Vec<EventFacts>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        let ids = db
            .values(
                "select id from events where organisation_id = $1 and id > $2 order by id limit $3",
                &[Arg::id(organisation), Arg::id(page.after), page.limit.into()],
            )
            .await?;
        drop(db);
        self.events_by_id(ids).await
    }

    /// The live events of an organisation, newest first.
    pub async fn live_events(&self, organisation: OrganisationId, most: u32) -> Result<Vec<EventId>, LedgerError> {
        self.reader(limits::LEDGER_BULK_TIMEOUT)
            .await?
            .values(
                "select id from events where organisation_id = $1 and status = $2 order by id desc limit $3",
                &[Arg::id(organisation), EventStatus::Live.as_str().into(), most.into()],
            )
            .await
    }

    /// Those of these ids that are an event's, with their ticket types.
    pub async fn events_among(&self, ids: &[Uuid]) -> Result<Vec<EventFacts>, LedgerError> {
        let mut events = Vec::new();
        for ids in ids.chunks(limits::IDS_AT_ONCE_MAX) {
            let places: Vec<_> = (1..=ids.len()).map(|n| format!("${n}")).collect();
            let statement = format!("select id from events where id in ({})", places.join(", "));
            let args: Vec<Arg<'_>> = ids.iter().map(|id| Arg::id(*id)).collect();
            let found: Vec<EventId> = self.reader(limits::LEDGER_BULK_TIMEOUT).await?.values(AssertSqlSafe(statement), &args).await?;
            events.extend(found);
        }
        self.events_by_id(events).await
    }

    /// These events with their ticket types.
    pub async fn events_by_id(&self, ids: Vec<EventId>) -> Result<Vec<EventFacts>, LedgerError> {
        let now = self.clock().now();
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            all.extend(event_on(&mut db, id, now).await?);
        }
        Ok(all)
    }

    /// The id and name of an event, of any organisation.
    pub async fn event_named(&self, id: EventId) -> Result<Option<Named>, LedgerError> {
        event_named_on(&mut self.reader(limits::LEDGER_CALL_TIMEOUT).await?, id).await
    }
}

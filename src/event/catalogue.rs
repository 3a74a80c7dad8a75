//! The catalogue: events and ticket types, made and changed. Each change moves the event's version, which every sale and scan rests on.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{EventError, EventView, TicketTypeView, view, view_type};
use crate::{
    authorise::{self, Mandate, Refused, StaffSession, Visible},
    clock::{self, Clock, Moment},
    faults::{Faults, Whole, nullable, present},
    ids::{EventId, OrganisationId, TicketTypeId},
    ledger::{
        Ledger, LedgerError, Page,
        change::Change,
        kinds::{EventStatus, Permission},
        rows::{Event, EventFacts, TicketType},
    },
    limits,
    money::Currency,
    openapi_schemas::{Amount, CurrencyCode, Name, TimeZone},
};

/// An event to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = new_event)]
pub struct NewEvent {
    /// Its name.
    #[schema(value_type = Name, example = "Winter Ball")]
    pub name: String,
    /// Where it takes place.
    #[schema(value_type = Option<Name>)]
    pub venue: Option<String>,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// The IANA name of its time zone.
    #[schema(value_type = TimeZone, example = "Europe/Berlin")]
    pub timezone: String,
    /// ISO 4217.
    #[schema(value_type = CurrencyCode, example = "EUR")]
    pub currency: String,
    /// Where it stands.
    pub status: EventStatus,
}

/// What is to be changed of an event.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = event_change)]
pub struct EventChange {
    /// Another name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Name)]
    pub name: Option<String>,
    /// Another place; null for none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Name>)]
    pub venue: Option<Option<String>>,
    /// Another beginning.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = DateTime<Utc>)]
    pub starts_at: Option<DateTime<Utc>>,
    /// Another end.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = DateTime<Utc>)]
    pub ends_at: Option<DateTime<Utc>>,
    /// Another time zone.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = TimeZone)]
    pub timezone: Option<String>,
    /// Another currency, while there is no ticket type.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = CurrencyCode)]
    pub currency: Option<String>,
    /// Where it stands now.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = EventStatus)]
    pub status: Option<EventStatus>,
}

/// A ticket type to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = new_ticket_type)]
pub struct NewTicketType {
    /// Its name.
    #[schema(value_type = Name, example = "Standing")]
    pub name: String,
    /// Its price, with exactly the currency's digits.
    #[schema(value_type = Amount, example = "12.50")]
    pub price: String,
    /// How many there may be; absent or null is no bound.
    #[schema(value_type = Option<u32>, maximum = 10_000_000)]
    pub quota: Option<Whole>,
    /// Entries that a ticket of this type allows; one if absent.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
    pub entries_allowed: Option<Whole>,
    /// Whether going out gives the entry back.
    #[serde(default)]
    pub reentry: bool,
    /// The gates that admit it; none named admits at all.
    #[serde(default)]
    #[schema(value_type = Vec<Name>, max_items = 100)]
    pub gates: Vec<String>,
    /// From when it is admitted.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when it is admitted.
    pub valid_until: Option<DateTime<Utc>>,
}

/// What is to be changed of a ticket type.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ticket_type_change)]
pub struct TicketTypeChange {
    /// Another name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Name)]
    pub name: Option<String>,
    /// Another price.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Amount)]
    pub price: Option<String>,
    /// Another quota; null for no bound.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, maximum = 10_000_000)]
    pub quota: Option<Option<Whole>>,
    /// Entries that tickets sold from now on allow.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = u32, minimum = 1, maximum = 10_000)]
    pub entries_allowed: Option<Whole>,
    /// Whether going out gives the entry back.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool)]
    pub reentry: Option<bool>,
    /// The gates that admit it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<Name>, max_items = 100)]
    pub gates: Option<Vec<String>>,
    /// From when it is admitted; null for always.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Option<DateTime<Utc>>>,
    /// Until when it is admitted; null for ever.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Option<DateTime<Utc>>>,
}

/// The events that the caller may see: all, or those in the member's list, or the pinned one.
pub async fn list(ledger: &Ledger, staff: StaffSession<'_>, page: Page) -> Result<Vec<EventView>, EventError> {
    let mandate = staff.mandate(Permission::EventsView).await?;
    let authority = mandate.caller().authority();
    let facts = match authorise::visible(authority.session.kind, &authority.membership) {
        Visible::All => ledger.events(mandate.organisation(), page).await?,
        Visible::Only(mut ids) => {
            ids.retain(|id| id.0 > page.after);
            ids.sort_unstable();
            ids.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
            ledger.events_by_id(ids).await?
        }
    };
    Ok(facts.iter().map(view).collect::<Result<_, _>>()?)
}

/// One event.
pub async fn one(ledger: &Ledger, staff: StaffSession<'_>, id: EventId) -> Result<EventView, EventError> {
    let caller = staff.caller().await?;
    let facts = find(ledger, caller.organisation(), id).await?;
    authorise::may_see(&caller, id)?;
    Ok(view(&facts)?)
}

/// An event that the caller may change: that it is there is asked before what they may do.
pub async fn manageable(ledger: &Ledger, staff: StaffSession<'_>, id: EventId) -> Result<(Mandate, EventFacts), EventError> {
    let caller = staff.caller().await?;
    let facts = find(ledger, caller.organisation(), id).await?;
    Ok((authorise::mandate(caller, Permission::EventsManage)?, facts))
}

/// An event of this organisation. Another's is not there.
pub async fn find(ledger: &Ledger, organisation: OrganisationId, id: EventId) -> Result<EventFacts, EventError> {
    let found = ledger.event(id).await?.filter(|facts| facts.event.organisation_id == organisation);
    Ok(found.ok_or(Refused::NotFound)?)
}

/// Makes an event.
pub async fn create(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, new: NewEvent) -> Result<EventView, EventError> {
    let organisation = staff.mandate(Permission::EventsManage).await?.organisation();
    let event = parse(clock, organisation, &new)?;
    ledger
        .change(organisation, || async {
            let mandate = staff.mandate(Permission::EventsManage).await?;
            let mut change = Change::new(organisation, clock.now(), mandate.guards());
            change.images.events.push(event.clone());
            Ok::<_, EventError>((change, ()))
        })
        .await?;
    Ok(view(&EventFacts { event, types: Vec::new() })?)
}

/// What a new event is, once it is found to be in order.
pub fn parse(clock: Clock, organisation: OrganisationId, new: &NewEvent) -> Result<Event, EventError> {
    let mut faults = Faults::default();
    let event = Event {
        id: clock::new_id(),
        organisation_id: organisation,
        name: faults.name("/name", &new.name),
        venue: faults.name_if_any("/venue", new.venue.as_deref()),
        starts_at: faults.moment("/starts_at", new.starts_at),
        ends_at: faults.moment("/ends_at", new.ends_at),
        timezone: timezone(&new.timezone, &mut faults),
        currency: currency(&new.currency, &mut faults),
        status: new.status,
        version: 1,
        created_at: clock.now(),
    };
    in_order(&event, &mut faults);
    faults.none_or(event).map_err(EventError::Invalid)
}

fn timezone(name: &str, faults: &mut Faults) -> String {
    if name.parse::<chrono_tz::Tz>().is_err() {
        faults.add("/timezone", "is not a time zone of the IANA database, such as \"Europe/Berlin\"");
    }
    name.to_owned()
}

fn currency(code: &str, faults: &mut Faults) -> String {
    faults.money("/currency", Currency::parse(code));
    code.to_owned()
}

fn in_order(event: &Event, faults: &mut Faults) {
    if event.ends_at <= event.starts_at {
        faults.add("/ends_at", "must be after starts_at");
    }
}

/// Changes an event.
pub async fn patch(
    ledger: &Ledger,
    clock: Clock,
    staff: StaffSession<'_>,
    id: EventId,
    wanted: &EventChange,
) -> Result<EventView, EventError> {
    let facts = alter(ledger, clock, staff, id, |facts, _| {
        let mut faults = Faults::default();
        let EventFacts { event, types } = facts;
        if let Some(name) = &wanted.name {
            event.name = faults.name("/name", name);
        }
        if let Some(venue) = &wanted.venue {
            event.venue = faults.name_if_any("/venue", venue.as_deref());
        }
        event.starts_at = faults.moment("/starts_at", wanted.starts_at.unwrap_or(event.starts_at));
        event.ends_at = faults.moment("/ends_at", wanted.ends_at.unwrap_or(event.ends_at));
        event.status = wanted.status.unwrap_or(event.status);
        if let Some(name) = &wanted.timezone {
            event.timezone = timezone(name, &mut faults);
        }
        if let Some(code) = wanted.currency.as_ref().filter(|code| **code != event.currency) {
            event.currency = currency(code, &mut faults);
            if !types.is_empty() {
                faults.add("/currency", "is fixed once the event has a ticket type");
            }
        }
        in_order(event, &mut faults);
        faults.none_or(None)
    })
    .await?;
    Ok(view(&facts)?)
}

/// Makes a ticket type.
pub async fn create_type(
    ledger: &Ledger,
    clock: Clock,
    staff: StaffSession<'_>,
    event: EventId,
    new: &NewTicketType,
) -> Result<TicketTypeView, EventError> {
    let id: TicketTypeId = clock::new_id();
    let facts = alter(ledger, clock, staff, event, |facts, now| {
        let made = parse_type(id, facts, new, now)?;
        facts.types.push(made);
        Ok(Some(id))
    })
    .await?;
    shown(&facts, id)
}

/// What a new ticket type is, once it is found to be in order.
pub fn parse_type(id: TicketTypeId, facts: &EventFacts, new: &NewTicketType, now: Moment) -> Result<TicketType, Faults> {
    let mut faults = Faults::default();
    if facts.types.len() >= limits::TICKET_TYPES_MAX {
        faults.add("", format!("an event has at most {} ticket types", limits::TICKET_TYPES_MAX));
    }
    let ticket_type = TicketType {
        id,
        organisation_id: facts.event.organisation_id,
        event_id: facts.event.id,
        name: faults.name("/name", &new.name),
        price_minor: price(&new.price, facts, &mut faults),
        quota: new.quota.map(|quota| faults.count("/quota", quota, 0, limits::QUOTA_MAX)),
        entries_allowed: faults.count("/entries_allowed", new.entries_allowed.unwrap_or(Whole(1)), 1, limits::ENTRIES_ALLOWED_MAX),
        reentry: new.reentry,
        gates: gates(&new.gates, &mut faults),
        valid_from: faults.moment_if_any("/valid_from", new.valid_from),
        valid_until: faults.moment_if_any("/valid_until", new.valid_until),
        taken: 0,
        held: 0,
        created_at: now,
    };
    window(&ticket_type, &mut faults);
    faults.none_or(ticket_type)
}

/// Changes a ticket type.
pub async fn patch_type(
    ledger: &Ledger,
    clock: Clock,
    staff: StaffSession<'_>,
    event: EventId,
    id: TicketTypeId,
    wanted: &TicketTypeChange,
) -> Result<TicketTypeView, EventError> {
    manageable(ledger, staff, event).await?.1.ticket_type(id).ok_or(Refused::NotFound)?;
    let facts = alter(ledger, clock, staff, event, |facts, _| {
        let mut faults = Faults::default();
        let priced = wanted.price.as_ref().map(|text| price(text, facts, &mut faults));
        let Some(t) = facts.types.iter_mut().find(|t| t.id == id) else { return Ok(None) };
        if let Some(name) = &wanted.name {
            t.name = faults.name("/name", name);
        }
        t.price_minor = priced.unwrap_or(t.price_minor);
        if let Some(quota) = wanted.quota {
            t.quota = quota.map(|quota| faults.count("/quota", quota, 0, limits::QUOTA_MAX));
        }
        if let Some(entries) = wanted.entries_allowed {
            t.entries_allowed = faults.count("/entries_allowed", entries, 1, limits::ENTRIES_ALLOWED_MAX);
        }
        t.reentry = wanted.reentry.unwrap_or(t.reentry);
        if let Some(named) = &wanted.gates {
            t.gates = gates(named, &mut faults);
        }
        t.valid_from = faults.moment_if_any("/valid_from", wanted.valid_from.unwrap_or(t.valid_from));
        t.valid_until = faults.moment_if_any("/valid_until", wanted.valid_until.unwrap_or(t.valid_until));
        window(t, &mut faults);
        faults.none_or(Some(id))
    })
    .await?;
    shown(&facts, id)
}

fn price(text: &str, facts: &EventFacts, faults: &mut Faults) -> i64 {
    let parsed = Currency::parse(&facts.event.currency).and_then(|currency| currency.amount(text));
    faults.money("/price", parsed).map_or(0, |money| money.minor())
}

fn gates(named: &[String], faults: &mut Faults) -> Vec<String> {
    if named.len() > limits::GATES_MAX {
        faults.add("/gates", format!("must have at most {} gates", limits::GATES_MAX));
        return Vec::new();
    }
    named.iter().enumerate().map(|(place, gate)| faults.name(&format!("/gates/{place}"), gate)).collect()
}

fn window(ticket_type: &TicketType, faults: &mut Faults) {
    if let (Some(from), Some(until)) = (ticket_type.valid_from, ticket_type.valid_until)
        && until <= from
    {
        faults.add("/valid_until", "must be after valid_from");
    }
}

fn shown(facts: &EventFacts, id: TicketTypeId) -> Result<TicketTypeView, EventError> {
    let currency = Currency::parse(&facts.event.currency).map_err(|_| LedgerError::Broken)?;
    let ticket_type = facts.ticket_type(id).ok_or(Refused::NotFound)?;
    Ok(view_type(ticket_type, currency))
}

/// Reads an event, alters it or the one ticket type that `change_it` names, and stores it on the ground of the caller's mandate.
async fn alter(
    ledger: &Ledger,
    clock: Clock,
    staff: StaffSession<'_>,
    id: EventId,
    change_it: impl Fn(&mut EventFacts, Moment) -> Result<Option<TicketTypeId>, Faults>,
) -> Result<EventFacts, EventError> {
    let organisation = manageable(ledger, staff, id).await?.0.organisation();
    ledger
        .change(organisation, || async {
            let now = clock.now();
            let (mandate, mut facts) = manageable(ledger, staff, id).await?;
            let touched = change_it(&mut facts, now).map_err(EventError::Invalid)?;
            facts.event.version += 1;
            let mut change = Change::new(organisation, now, mandate.guards());
            change.images.events.push(facts.event.clone());
            change.images.ticket_types.extend(touched.and_then(|id| facts.ticket_type(id).cloned()));
            Ok((change, facts))
        })
        .await
}

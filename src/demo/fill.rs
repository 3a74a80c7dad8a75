//! Filling the demo's organisation.

use std::io::Cursor;

use chrono::TimeDelta;
use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{DemoDevice, DemoEvent, DemoType, DemoUser, Filled, OddTicket, guests::ensure_guests};
use crate::{
    clock::{self, Clock, Moment},
    device::{enrol::make_code, manage::waiting},
    event::{
        TicketStatus,
        catalogue::{NewEvent, NewTicketType, parse, parse_type},
        import::store::Import,
        upload::{ChunkedUpload, TicketBody, UploadedBy},
    },
    faults::{Faults, Whole},
    http::{examples::ExampleValues, state::Services},
    ids::{EventId, OrganisationId},
    ledger::{
        Ledger, Page,
        change::Change,
        kinds::{DeviceKind, EventStatus, Role},
        rows::{EventFacts, Ticket},
    },
    limits,
    money::Currency,
    team::{
        TeamError,
        change::{TeamService, images, person},
        organisation::{NewOrganisation, create},
    },
};

const SLUG: &str = "demo";
const TICKETS: usize = 2_000;
/// One odd ticket in so many.
const ODD_EVERY: usize = 40;

/// A real export of another system, read as it is. (A static: a constant was in the program three times.)
static EXPORT: &[u8] = include_bytes!("autumn-festival.csv");
const IMPORTED: &str = "Autumn Festival";

/// The three events of our own: name, status, and ticket types with their prices.
const EVENTS: [(&str, EventStatus); 3] =
    [("Winter Ball", EventStatus::Live), ("Late Show", EventStatus::Live), ("Summer Fair", EventStatus::Ended)];
const TYPES: [(&str, &str); 4] = [("Standing", "24.50"), ("Seated", "39.90"), ("Balcony", "59.00"), ("VIP", "125.00")];
const QUOTA: u32 = 5_000;

/// A user per role, by user name.
const USERS: [(&str, Role); 7] = [
    ("admin", Role::OrganisationAdmin),
    ("event-manager", Role::EventManager),
    ("finance", Role::FinanceManager),
    ("scanner", Role::Scanner),
    ("viewer", Role::Viewer),
    ("box-office", Role::BoxOffice),
    ("door", Role::DoorOperator),
];

pub fn password(username: &str) -> String {
    format!("demo-{username}-password")
}

/// Fills the organisation.
pub async fn fill(services: &Services, base_url: &str) -> anyhow::Result<(OrganisationId, Filled)> {
    let (ledger, team, clock) = (&services.ledger, &services.team, services.clock);
    let organisation = ensure_organisation(ledger, team, clock).await?;
    let mut events = Vec::new();
    for (name, status) in EVENTS {
        let facts = ensure_event(ledger, clock, organisation, name, status).await?;
        events.push(ensure_tickets(ledger, clock, facts).await?);
    }
    let imported = ensure_event(ledger, clock, organisation, IMPORTED, EventStatus::Live).await?.event.id;
    Import::by_operator(ledger, clock, imported).make(Cursor::new(EXPORT)).await?;
    events.push(imported);
    let pinned = events.first().copied();
    if let Some(event) = pinned {
        ensure_guests(ledger, clock, organisation, event).await?;
    }
    let users = ensure_users(ledger, team, clock, organisation, pinned).await?;
    let devices = ensure_devices(ledger, clock, organisation).await?;
    let mut described = Vec::new();
    for event in events {
        described.push(describe(ledger, event, clock.now()).await?);
    }
    let filled =
        Filled { base_url: base_url.to_owned(), organisation: SLUG, events: described, users, devices, examples: ExampleValues::default() };
    Ok((organisation, filled))
}

async fn ensure_organisation(ledger: &Ledger, team: &TeamService, clock: Clock) -> anyhow::Result<OrganisationId> {
    if let Some(known) = ledger.organisation_by_slug(SLUG).await? {
        return Ok(known.id);
    }
    let new = NewOrganisation {
        slug: SLUG.to_owned(),
        name: "Demo Hall".to_owned(),
        admin_username: "admin".to_owned(),
        admin_email: "admin@example.org".to_owned(),
        password: password("admin"),
    };
    Ok(create(ledger, &team.passwords, clock, new).await?.0.id)
}

/// The event of this name. A live one takes place now.
async fn ensure_event(
    ledger: &Ledger,
    clock: Clock,
    organisation: OrganisationId,
    name: &str,
    status: EventStatus,
) -> anyhow::Result<EventFacts> {
    let now = clock.now();
    let (starts_at, ends_at) = hours(status, now);
    let known = all_events(ledger, organisation).await?.into_iter().find(|facts| facts.event.name == name);
    let mut change = Change::new(organisation, now, Vec::new());
    let facts = match known {
        Some(mut facts) => {
            if status == EventStatus::Live {
                facts.event.starts_at = starts_at;
                facts.event.ends_at = ends_at;
                facts.event.version += 1;
                change.images.events.push(facts.event.clone());
            }
            facts
        }
        None => {
            let new = NewEvent {
                name: name.to_owned(),
                venue: Some("Demo Hall".to_owned()),
                starts_at,
                ends_at,
                timezone: "Europe/Berlin".to_owned(),
                currency: "EUR".to_owned(),
                status,
            };
            let event = parse(clock, organisation, &new)?;
            change.images.events.push(event.clone());
            EventFacts { event, types: Vec::new() }
        }
    };
    ledger.store(&change).await?;
    Ok(facts)
}

fn hours(status: EventStatus, now: Moment) -> (Moment, Moment) {
    match status {
        EventStatus::Live => (now - TimeDelta::hours(1), now + TimeDelta::hours(12)),
        EventStatus::Draft | EventStatus::Ended | EventStatus::Cancelled => (now - TimeDelta::days(120), now - TimeDelta::days(119)),
    }
}

async fn all_events(ledger: &Ledger, organisation: OrganisationId) -> anyhow::Result<Vec<EventFacts>> {
    Ok(ledger.events(organisation, Page { limit: limits::PAGE_ROWS_MAX, after: Uuid::nil() }).await?)
}

/// The ticket types and tickets of one of our own events.
async fn ensure_tickets(ledger: &Ledger, clock: Clock, mut facts: EventFacts) -> anyhow::Result<EventId> {
    let event = facts.event.id;
    for (name, price) in TYPES {
        if facts.types.iter().any(|t| t.name == name) {
            continue;
        }
        let new = NewTicketType {
            name: name.to_owned(),
            price: price.to_owned(),
            quota: Some(Whole(QUOTA)),
            entries_allowed: None,
            reentry: false,
            gates: Vec::new(),
            valid_from: None,
            valid_until: None,
        };
        let now = clock.now();
        let made = parse_type(clock::new_id(), &facts, &new, now).map_err(|faults: Faults| anyhow::anyhow!("{faults:?}"))?;
        facts.event.version += 1;
        let mut change = Change::new(facts.event.organisation_id, now, Vec::new());
        change.images.events.push(facts.event.clone());
        change.images.ticket_types.push(made.clone());
        ledger.store(&change).await?;
        facts.types.push(made);
    }
    if ledger.tickets_with_use(event).await?.len() < TICKETS {
        let mut upload = ChunkedUpload::new(&facts, clock);
        for (row, place) in (1_u64..).zip(0..TICKETS) {
            if upload.take(row, &ticket(event, place)) {
                upload.store(ledger, &UploadedBy::Operator).await?;
            }
        }
        upload.store(ledger, &UploadedBy::Operator).await?;
    }
    Ok(event)
}

/// The ticket at this place: its code follows from the event's id, so that filling can be repeated.
pub fn ticket(event: EventId, place: usize) -> TicketBody {
    let digest = Sha256::digest(format!("{event} {place}").as_bytes());
    let code = BASE32_NOPAD.encode(digest.get(..15).unwrap_or_default()).to_lowercase();
    let (ticket_type, _) = TYPES.get(place % TYPES.len()).copied().unwrap_or_default();
    let odd = place.is_multiple_of(ODD_EVERY).then_some(place / ODD_EVERY % 4);
    let status = match odd {
        Some(0) => TicketStatus::Void,
        Some(1) => TicketStatus::Unpaid,
        Some(2) => TicketStatus::Blocked,
        Some(_) => TicketStatus::Refunded,
        None => TicketStatus::Valid,
    };
    TicketBody { code, ticket_type: ticket_type.to_owned(), holder: Some(format!("Guest {}", place + 1)), status, entries_allowed: None }
}

async fn ensure_users(
    ledger: &Ledger,
    team: &TeamService,
    clock: Clock,
    organisation: OrganisationId,
    pinned: Option<EventId>,
) -> anyhow::Result<Vec<DemoUser>> {
    let mut users = Vec::new();
    for (username, role) in USERS {
        let event = pinned.filter(|_| role.sees_listed_events_only());
        if ledger.member_by_username(organisation, username).await?.is_none() {
            let person =
                person(&team.passwords, Faults::default(), username, &format!("{username}@example.org"), username, password(username))
                    .await?;
            let now = clock.now();
            let (membership, user) = images(organisation, &person, role, event.into_iter().collect(), now);
            ledger
                .change(organisation, || async {
                    let mut change = Change::new(organisation, now, Vec::new());
                    change.images.users.push(user.clone());
                    change.images.memberships.push(membership.clone());
                    Ok::<_, TeamError>((change, ()))
                })
                .await?;
        }
        users.push(DemoUser { username, password: password(username), role, event: event.map(|event| event.0) });
    }
    Ok(users)
}

/// Ten scanners and four tills, each with a code that works for a day.
async fn ensure_devices(ledger: &Ledger, clock: Clock, organisation: OrganisationId) -> anyhow::Result<Vec<DemoDevice>> {
    let known = ledger.devices(organisation, Page { limit: limits::PAGE_ROWS_MAX, after: Uuid::nil() }).await?;
    let scanners = (1..=10).map(|n| (format!("Scanner {n}"), DeviceKind::Scanner, if n % 2 == 0 { "South" } else { "North" }));
    let tills = (1..=4).map(|n| (format!("Till {n}"), DeviceKind::Pos, "Box office"));
    let now = clock.now();
    let mut change = Change::new(organisation, now, Vec::new());
    let mut devices = Vec::new();
    for (name, kind, gate) in scanners.chain(tills) {
        let code = make_code(now, TimeDelta::days(1));
        let image = match known.iter().find(|device| device.name == name && device.revoked_at.is_none()) {
            Some(device) => {
                let mut device = device.clone();
                device.version += 1;
                device.enrolment_hash = Some(code.hash.clone());
                device.enrolment_expires_at = Some(code.expires_at);
                device
            }
            None => waiting(clock, organisation, name.clone(), kind, Some(gate.to_owned()), &code),
        };
        change.images.devices.push(image);
        devices.push(DemoDevice { name, kind, enrolment_code: code.text });
    }
    ledger.store(&change).await?;
    Ok(devices)
}

/// Tells what is in an event now.
async fn describe(ledger: &Ledger, event: EventId, now: Moment) -> anyhow::Result<DemoEvent> {
    let facts = ledger.event(event).await?.ok_or_else(|| anyhow::anyhow!("the event {event} is gone"))?;
    let currency = Currency::parse(&facts.event.currency)?;
    let ticket_types = facts.types.iter().map(|t| DemoType {
        id: t.id.0,
        name: t.name.clone(),
        price: currency.from_minor(t.price_minor),
        quota: t.quota,
        left: t.left(),
    });
    let mut described = DemoEvent {
        id: event.0,
        name: facts.event.name.clone(),
        status: facts.event.status,
        ticket_types: ticket_types.collect(),
        ticket_codes: Vec::new(),
        odd_tickets: Vec::new(),
    };
    for (ticket, scanned) in ledger.tickets_with_use(event).await? {
        match odd(&ticket, scanned, now) {
            None => described.ticket_codes.push(ticket.code),
            Some(reason) => described.odd_tickets.push(OddTicket { code: ticket.code, reason: reason.to_owned() }),
        }
    }
    Ok(described)
}

fn odd(ticket: &Ticket, scanned: bool, now: Moment) -> Option<&'static str> {
    match ticket.status {
        TicketStatus::Valid if ticket.valid_from.is_some_and(|from| now < from) => Some("too_early"),
        TicketStatus::Valid if ticket.valid_until.is_some_and(|until| now > until) => Some("too_late"),
        TicketStatus::Valid if ticket.entries_allowed > 1 => Some("multi_entry"),
        TicketStatus::Valid if scanned => Some("already_admitted"),
        TicketStatus::Valid => None,
        status => Some(status.as_str()),
    }
}

//! What the stories are played with: an organisation, one member at one terminal, one event with two ticket types, all of version 1.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use stagedoor::authenticate::{Caller, judge};
use stagedoor::clock::{self, Clock};
use stagedoor::ledger::Ledger;
use stagedoor::ledger::change::{Change, Guard, Images};
use stagedoor::ledger::entry::DecidedOn;
use stagedoor::ledger::kinds::{DeviceKind, EndReason, EventStatus, MemberStatus, Permission, Role, SessionKind};
use stagedoor::ledger::rows::{
    Authority, Device, Event, EventFacts, Membership, Organisation, OrganisationNames, Session, TicketType, User,
};

use super::Ledgers;
use crate::support::new_id;

/// Rows as the ledger has them.
#[derive(Clone)]
pub struct Stage {
    pub organisation: Organisation,
    pub user: User,
    pub membership: Membership,
    pub device: Device,
    pub session: Session,
    pub event: Event,
    /// Without a quota.
    pub seat: TicketType,
    /// Ten of them.
    pub lounge: TicketType,
}

/// The four versions that every entry at the door is decided on.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Session,
    Membership,
    Device,
    Event,
}

impl Part {
    pub const ALL: [Self; 4] = [Self::Session, Self::Membership, Self::Device, Self::Event];
}

impl Stage {
    /// Writes it all into the ledger.
    pub async fn open(ledgers: &Ledgers) -> Self {
        let stage = Self::imagined();
        ledgers.stored(&stage.change(stage.images())).await;
        stage
    }

    /// The same, in no ledger yet.
    pub fn imagined() -> Self {
        let at = Clock::of_this_machine().now();
        let organisation =
            Organisation { id: clock::new_id(), slug: format!("hall-{}", new_id()), name: "Hall".into(), version: 1, created_at: at };
        let user = User {
            id: clock::new_id(),
            name: "Mia".into(),
            email: "mia@example.org".into(),
            password_hash: "$argon2id$".into(),
            version: 1,
            created_at: at,
        };
        let membership = Membership {
            id: clock::new_id(),
            organisation_id: organisation.id,
            user_id: user.id,
            username: "Mia".into(),
            username_key: "mia".into(),
            role: Role::BoxOffice,
            grants: Permission::SalesView | Permission::EventsManage,
            revokes: Permission::FinanceView.into(),
            events: vec![],
            status: MemberStatus::Active,
            version: 1,
            created_at: at,
        };
        let device = Device {
            id: clock::new_id(),
            organisation_id: organisation.id,
            name: "Till 1".into(),
            kind: DeviceKind::Pos,
            gate: Some("North".into()),
            enrolment_hash: None,
            enrolment_expires_at: None,
            enrolment_id: Some(clock::new_id()),
            enrolled_at: Some(at),
            revoked_at: None,
            hardware: Some(json!({"model": "T1"})),
            version: 1,
            created_at: at,
            seen_at: None,
        };
        let session = Session {
            id: clock::new_id(),
            organisation_id: organisation.id,
            membership_id: membership.id,
            device_id: Some(device.id),
            kind: SessionKind::Pos,
            started_at: at,
            expires_at: at + TimeDelta::hours(12),
            idle_seconds: 3_600,
            ended_at: None,
            end_reason: None,
            displaced_by: None,
            version: 1,
            seen_at: at,
        };
        let event = Event {
            id: clock::new_id(),
            organisation_id: organisation.id,
            name: "Gala".into(),
            venue: Some("Hall".into()),
            starts_at: at,
            ends_at: at + TimeDelta::hours(4),
            timezone: "Europe/Berlin".into(),
            currency: "EUR".into(),
            status: EventStatus::Live,
            version: 1,
            created_at: at,
        };
        let seat = ticket_type(&event, "Seat", None);
        let lounge = ticket_type(&event, "Lounge", Some(10));
        Self { organisation, user, membership, device, session, event, seat, lounge }
    }

    /// Every row of it.
    pub fn images(&self) -> Images {
        Images {
            organisations: vec![self.organisation.clone()],
            users: vec![self.user.clone()],
            memberships: vec![self.membership.clone()],
            devices: vec![self.device.clone()],
            events: vec![self.event.clone()],
            ticket_types: vec![self.seat.clone(), self.lounge.clone()],
            sessions: vec![self.session.clone()],
        }
    }

    /// The caller at this terminal.
    pub fn caller(&self) -> Caller {
        let names = OrganisationNames { slug: self.organisation.slug.clone(), name: self.organisation.name.clone() };
        let authority = Authority {
            session: self.session.clone(),
            membership: self.membership.clone(),
            device: Some(self.device.clone()),
            user_name: self.user.name.clone(),
            organisation: Arc::new(names),
        };
        judge(Some(Arc::new(authority)), None, Clock::of_this_machine().now()).unwrap()
    }

    /// The event with its types.
    pub fn facts(&self) -> EventFacts {
        EventFacts { event: self.event.clone(), types: vec![self.seat.clone(), self.lounge.clone()] }
    }

    /// The same at these versions, whether they are the newest or not.
    pub fn as_of(&self, decided_on: DecidedOn) -> Self {
        let mut stage = self.clone();
        stage.session.version = decided_on.session.1;
        stage.membership.version = decided_on.membership.1;
        stage.device.version = decided_on.device.unwrap().1;
        stage.event.version = decided_on.event.1;
        stage
    }

    /// A change of this organisation that rests on nothing else.
    pub fn change(&self, images: Images) -> Change {
        self.guarded(vec![], images)
    }

    pub fn guarded(&self, guards: Vec<Guard>, images: Images) -> Change {
        Change { images, ..Change::new(self.organisation.id, Clock::of_this_machine().now(), guards) }
    }

    /// The image of this part, one version on.
    pub fn step(&mut self, part: Part) -> Images {
        let nothing = Images::default();
        match part {
            Part::Session => {
                self.session.version += 1;
                Images { sessions: vec![self.session.clone()], ..nothing }
            }
            Part::Membership => {
                self.membership.version += 1;
                Images { memberships: vec![self.membership.clone()], ..nothing }
            }
            Part::Device => {
                self.device.version += 1;
                Images { devices: vec![self.device.clone()], ..nothing }
            }
            Part::Event => {
                self.event.version += 1;
                Images { events: vec![self.event.clone()], ..nothing }
            }
        }
    }

    /// Moves this part in the ledger, through this gateway.
    pub async fn move_on(&mut self, ledger: &Ledger, part: Part) {
        let images = self.step(part);
        ledger.store(&self.change(images)).await.unwrap();
    }

    pub fn new_device(&self, name: &str) -> Device {
        Device { id: clock::new_id(), name: name.into(), ..self.device.clone() }
    }

    pub fn new_session(&self, device: Option<&Device>, kind: SessionKind) -> Session {
        Session { id: clock::new_id(), device_id: device.map(|d| d.id), kind, ..self.session.clone() }
    }

    /// The member's session, one version on and over.
    pub fn ended(&self) -> Session {
        let over =
            Session { ended_at: Some(Clock::of_this_machine().now()), end_reason: Some(EndReason::Displaced), ..self.session.clone() };
        Session { displaced_by: Some("Till 2".into()), version: self.session.version + 1, ..over }
    }
}

/// A type of this event, at 12.50.
pub fn ticket_type(event: &Event, name: &str, quota: Option<i32>) -> TicketType {
    TicketType {
        id: clock::new_id(),
        organisation_id: event.organisation_id,
        event_id: event.id,
        name: name.into(),
        price_minor: 1_250,
        quota,
        entries_allowed: 1,
        reentry: true,
        gates: vec!["North".into()],
        valid_from: Some(event.starts_at),
        valid_until: None,
        taken: 0,
        held: 0,
        created_at: event.created_at,
    }
}

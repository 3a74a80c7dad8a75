//! The ledger's rows as they are read and written: plain values without behaviour beyond what their columns say.
//!
//! The same structs are the images of a change (as JSON in Postgres) and the copies in Redis.

mod attendance;
mod recorded;

use std::sync::Arc;

use enumset::EnumSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

pub(super) use self::attendance::AttendanceCell;
pub use self::attendance::{Attendance, GateAttendance, TypeAttendance};
pub use self::recorded::{
    Hold, ListedSale, Movement, QuarterSum, RecordedHold, RecordedSale, RecordedScan, Reversal, Sale, SaleFilter, SaleLine, SaleSum,
    SoldTicket, TypeSum, Void,
};
use super::kinds::{DeviceKind, EndReason, EventStatus, MemberStatus, Permission, Role, SessionKind, TicketStatus};
pub use super::refused_scan::rows::{ListedRefusal, RefusalFilter, RefusedScan};
use crate::{
    clock::Moment,
    ids::{DeviceId, EnrolmentId, EventId, MembershipId, Named, OrganisationId, SessionId, TicketId, TicketTypeId, UserId},
};

/// A version: grows by one with each change of the row.
pub type Version = i64;

/// A row of `organisations`.
#[derive(Clone, Debug, FromRow, Serialize, Deserialize)]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// Its name in addresses and at sign-in.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Moves with each change of the team, so that such changes are made one after the other.
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
}

/// A row of `users`.
#[derive(Clone, FromRow, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The person's name.
    pub name: String,
    /// The person's address.
    pub email: String,
    /// Argon2id, as a PHC string.
    pub password_hash: String,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
}

impl std::fmt::Debug for User {
    /// Without the hash: a person's secret is in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// A row of `memberships`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// The person.
    pub user_id: UserId,
    /// The user name as it was written.
    pub username: String,
    /// The user name as it is compared.
    pub username_key: String,
    /// The role.
    pub role: Role,
    /// Permissions given on top of the role.
    #[sqlx(json)]
    pub grants: EnumSet<Permission>,
    /// Permissions taken away from the role.
    #[sqlx(json)]
    pub revokes: EnumSet<Permission>,
    /// The events granted to a viewer; the pin of a door operator.
    #[sqlx(json)]
    pub events: Vec<EventId>,
    /// Whether it is in force.
    pub status: MemberStatus,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
}

impl Membership {
    /// The one event in the list, if there is exactly one.
    pub fn only_event(&self) -> Option<EventId> {
        match self.events.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

/// A row of `devices`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: DeviceKind,
    /// The gate that it stands at.
    pub gate: Option<String>,
    /// The hash of the enrolment code that waits to be used.
    pub enrolment_hash: Option<String>,
    /// Until when that code works.
    pub enrolment_expires_at: Option<Moment>,
    /// The enrolment whose token is good.
    pub enrolment_id: Option<EnrolmentId>,
    /// When it was last enrolled.
    pub enrolled_at: Option<Moment>,
    /// When it was revoked.
    pub revoked_at: Option<Moment>,
    /// What the app said of the hardware.
    #[sqlx(json(nullable))]
    pub hardware: Option<Value>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
    /// When it was last used; written at most once a minute.
    pub seen_at: Option<Moment>,
}

/// A row of `sessions`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// Whose it is.
    pub membership_id: MembershipId,
    /// The device that it was begun on.
    pub device_id: Option<DeviceId>,
    /// Where it was begun.
    pub kind: SessionKind,
    /// When it began.
    pub started_at: Moment,
    /// When it ends at the latest.
    pub expires_at: Moment,
    /// Seconds without use after which it is over.
    pub idle_seconds: i64,
    /// When it ended before its time.
    pub ended_at: Option<Moment>,
    /// Why.
    pub end_reason: Option<EndReason>,
    /// The device that took over, or `backstage`.
    pub displaced_by: Option<String>,
    /// Its version.
    pub version: Version,
    /// When it was last used; written at most once a minute.
    pub seen_at: Moment,
}

/// A row of `events`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// Its name.
    pub name: String,
    /// Where it takes place.
    pub venue: Option<String>,
    /// When it begins.
    pub starts_at: Moment,
    /// When it ends.
    pub ends_at: Moment,
    /// The IANA name of its time zone.
    pub timezone: String,
    /// The ISO 4217 code of its prices.
    pub currency: String,
    /// Where it stands.
    pub status: EventStatus,
    /// Its version: moves with its ticket types, prices and changed tickets as well.
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
}

/// A row of `ticket_types`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct TicketType {
    /// Its id.
    pub id: TicketTypeId,
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// The event.
    pub event_id: EventId,
    /// Its name.
    pub name: String,
    /// Its price in minor units of the event's currency.
    pub price_minor: i64,
    /// How many there may be; none is no bound.
    pub quota: Option<i32>,
    /// Entries that a ticket of this type allows.
    pub entries_allowed: i32,
    /// Whether going out gives the entry back.
    pub reentry: bool,
    /// The gates that admit it; none named admits at all.
    #[sqlx(json)]
    pub gates: Vec<String>,
    /// From when it is admitted.
    pub valid_from: Option<Moment>,
    /// Until when it is admitted.
    pub valid_until: Option<Moment>,
    /// Tickets of this type that are not void.
    pub taken: i32,
    /// Tickets of this type that live holds keep; told with an event only, and no column.
    #[sqlx(default)]
    #[serde(skip)]
    pub held: i32,
    /// When it was created.
    pub created_at: Moment,
}

impl TicketType {
    /// What is left to sell: neither taken nor held; none where there is no quota.
    pub fn left(&self) -> Option<i32> {
        self.quota.map(|quota| (quota - self.taken - self.held).max(0))
    }
}

/// A row of `tickets`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// Its type.
    pub ticket_type_id: TicketTypeId,
    /// What its bar code holds.
    pub code: String,
    /// Whose it is.
    pub holder: Option<String>,
    /// Its state.
    pub status: TicketStatus,
    /// Entries that it allows.
    pub entries_allowed: i32,
    /// From when it is admitted, and until when, if it has a window of its own: it is used instead of its type's.
    pub valid_from: Option<Moment>,
    /// The other end.
    pub valid_until: Option<Moment>,
    /// The event's version at which it last changed; 0 as created.
    pub version: Version,
}

/// A signing key.
#[derive(Clone, FromRow)]
pub struct SigningKey {
    /// Its name in a token's header.
    pub kid: String,
    /// The 32 bytes of an Ed25519 seed, base64url.
    pub seed: String,
    /// When it was made.
    pub created_at: Moment,
    /// When it stopped signing; it verifies until it is pruned.
    pub retired_at: Option<Moment>,
}

/// A row of `changes`: which things have changed.
#[derive(Clone, Debug, FromRow)]
pub struct Altered {
    /// Its number; without gaps, over all organisations.
    pub seq: i64,
    /// Whose.
    pub organisation_id: OrganisationId,
    /// The things.
    #[sqlx(json)]
    pub ids: Vec<Uuid>,
}

/// Who may act: a session, its member, its device and their names, as the ledger had them at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Authority {
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub membership: Membership,
    /// The device that it was begun on.
    pub device: Option<Device>,
    /// The person's name.
    pub user_name: String,
    /// What the organisation is called.
    pub organisation: Arc<OrganisationNames>,
}

/// What an organisation is called: its sessions tell it, and share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganisationNames {
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// An event with its ticket types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventFacts {
    /// The event.
    pub event: Event,
    /// Its types, oldest first.
    pub types: Vec<TicketType>,
}

impl EventFacts {
    /// The id and name of a type.
    pub fn named(&self, id: TicketTypeId) -> Named {
        Named::new(id, self.ticket_type(id).map_or("", |t| t.name.as_str()))
    }

    /// The type with this id.
    pub fn ticket_type(&self, id: TicketTypeId) -> Option<&TicketType> {
        self.types.iter().find(|t| t.id == id)
    }
}

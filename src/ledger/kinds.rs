//! The sets of words in the ledger's columns.

use enumset::{EnumSet, EnumSetType};

use crate::string_enum::string_enum;

string_enum! {
    /// What a member is in an organisation.
    pub enum Role {
        /// Everything but selling at a pinned door.
        OrganisationAdmin = "organisation_admin",
        /// Events, ticket types, devices, guest lists, check-in.
        EventManager = "event_manager",
        /// Sales and statement only.
        FinanceManager = "finance_manager",
        /// Check-in only.
        Scanner = "scanner",
        /// Read-only sales view of granted events.
        Viewer = "viewer",
        /// Sells in person for all live events; scans.
        BoxOffice = "box_office",
        /// Sells in person for one pinned event; scans.
        DoorOperator = "door_operator",
        /// Nothing at all.
        None = "none",
    }
}

/// One thing that a member may do.
#[derive(EnumSetType, Debug, PartialOrd, Ord, Hash, serde::Serialize, utoipa::ToSchema)]
#[enumset(serialize_repr = "list")]
pub enum Permission {
    /// See the team.
    #[serde(rename = "team:view")]
    TeamView,
    /// Change the team.
    #[serde(rename = "team:manage")]
    TeamManage,
    /// Change the organisation's settings.
    #[serde(rename = "settings:manage")]
    SettingsManage,
    /// Enrol and revoke devices.
    #[serde(rename = "devices:manage")]
    DevicesManage,
    /// Change events, ticket types and tickets.
    #[serde(rename = "events:manage")]
    EventsManage,
    /// Change guest lists.
    #[serde(rename = "guestlist:manage")]
    GuestlistManage,
    /// See events.
    #[serde(rename = "events:view")]
    EventsView,
    /// Scan tickets.
    #[serde(rename = "entry:scan")]
    EntryScan,
    /// Check guests in.
    #[serde(rename = "guestlist:checkin")]
    GuestlistCheckin,
    /// Sell for every live event.
    #[serde(rename = "pos:boxoffice")]
    PosBoxoffice,
    /// Sell for the pinned event.
    #[serde(rename = "pos:door")]
    PosDoor,
    /// Take cash.
    #[serde(rename = "pos:cash")]
    PosCash,
    /// See counts, the timeline and the gross.
    #[serde(rename = "sales:summary")]
    SalesSummary,
    /// See sales one by one.
    #[serde(rename = "sales:view")]
    SalesView,
    /// See statements.
    #[serde(rename = "finance:view")]
    FinanceView,
}

impl<'de> serde::Deserialize<'de> for Permission {
    /// From its name and nothing else.
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let found = EnumSet::<Self>::all().iter().find(|permission| permission.as_str() == name);
        found.ok_or_else(|| serde::de::Error::custom(format!("“{name}” is not a permission")))
    }
}

impl Permission {
    /// Its name in the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TeamView => "team:view",
            Self::TeamManage => "team:manage",
            Self::SettingsManage => "settings:manage",
            Self::DevicesManage => "devices:manage",
            Self::EventsManage => "events:manage",
            Self::GuestlistManage => "guestlist:manage",
            Self::EventsView => "events:view",
            Self::EntryScan => "entry:scan",
            Self::GuestlistCheckin => "guestlist:checkin",
            Self::PosBoxoffice => "pos:boxoffice",
            Self::PosDoor => "pos:door",
            Self::PosCash => "pos:cash",
            Self::SalesSummary => "sales:summary",
            Self::SalesView => "sales:view",
            Self::FinanceView => "finance:view",
        }
    }
}

string_enum! {
    /// What a device is for.
    pub enum DeviceKind {
        /// A phone that scans.
        Scanner = "scanner",
        /// A terminal that sells.
        Pos = "pos",
    }
}

impl DeviceKind {
    /// What people call such a device.
    pub const fn for_people(self) -> &'static str {
        match self {
            Self::Scanner => "Scanner",
            Self::Pos => "Till",
        }
    }
}

string_enum! {
    /// Where a session was begun; follows from the device.
    pub enum SessionKind {
        /// On a scanner device: many at once per member.
        Scanner = "scanner",
        /// On a POS device: one desk at a time per member.
        Pos = "pos",
        /// Without a device: one desk at a time per member.
        Backstage = "backstage",
    }
}

string_enum! {
    /// Why a session ended before its time.
    pub enum EndReason {
        /// A newer sign-in took its place.
        Displaced = "displaced",
        /// Its user signed out.
        SignedOut = "signed_out",
        /// An administrator ended it, or what it stood on was taken away.
        Ended = "ended",
        /// Its time was over when a newer sign-in found it.
        Expired = "expired",
    }
}

string_enum! {
    /// Whether a membership is in force.
    pub enum MemberStatus {
        /// In force.
        Active = "active",
        /// Suspended by an administrator; can be made active again.
        Suspended = "suspended",
        /// Removed from the organisation; kept for the ledger's sake.
        Removed = "removed",
    }
}

string_enum! {
    /// Where an event stands. Only a live one is scanned and sold for.
    pub enum EventStatus {
        /// Being prepared.
        Draft = "draft",
        /// Doors may open.
        Live = "live",
        /// Over.
        Ended = "ended",
        /// Called off.
        Cancelled = "cancelled",
    }
}

string_enum! {
    /// The state of a ticket. Only a valid one is admitted.
    pub enum TicketStatus {
        /// Good for entry.
        Valid = "valid",
        /// Not paid for yet.
        Unpaid = "unpaid",
        /// Cancelled; counts against no quota.
        Void = "void",
        /// Paid back.
        Refunded = "refunded",
        /// Held back by the organiser.
        Blocked = "blocked",
    }
}

string_enum! {
    /// Which way a ticket moves.
    pub enum Direction {
        /// Into the venue.
        In = "in",
        /// Out of it.
        Out = "out",
    }
}

impl Direction {
    /// The other way.
    pub const fn reversed(self) -> Self {
        match self {
            Self::In => Self::Out,
            Self::Out => Self::In,
        }
    }

    /// People that a movement of this direction brings inside.
    pub const fn moves(self) -> i32 {
        match self {
            Self::In => 1,
            Self::Out => -1,
        }
    }
}

string_enum! {
    /// How a sale is paid.
    pub enum PaymentMethod {
        /// In cash, with change.
        Cash = "cash",
        /// By card on a terminal of its own.
        Card = "card",
    }
}

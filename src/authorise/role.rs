//! Roles and permissions as one table: the contract's "Who may", row by row (features E1, E9, E11, E12).

use enumset::EnumSet;

pub use crate::ledger::kinds::{Permission, Role};

/// Entry permissions: all that a scanner session ever carries, even if its user may do more elsewhere.
pub fn entry_permissions() -> EnumSet<Permission> {
    Permission::EventsView | Permission::EntryScan | Permission::GuestlistCheckin
}

impl Role {
    /// The permissions that come with the role.
    pub fn permissions(self) -> EnumSet<Permission> {
        use Permission as P;
        match self {
            Self::OrganisationAdmin => EnumSet::all() - P::PosDoor,
            Self::EventManager => {
                P::DevicesManage
                    | P::EventsManage
                    | P::GuestlistManage
                    | P::EventsView
                    | P::EntryScan
                    | P::GuestlistCheckin
                    | P::SalesSummary
            }
            Self::FinanceManager => P::EventsView | P::SalesSummary | P::SalesView | P::FinanceView,
            Self::Scanner => entry_permissions(),
            Self::Viewer => P::EventsView | P::SalesSummary,
            Self::BoxOffice => entry_permissions() | P::PosBoxoffice | P::PosCash,
            Self::DoorOperator => entry_permissions() | P::PosDoor | P::PosCash,
            Self::None => EnumSet::empty(),
        }
    }

    /// Whether the role sees only the events in its member's list.
    pub fn sees_listed_events_only(self) -> bool {
        matches!(self, Self::Viewer | Self::DoorOperator)
    }
}

/// What a member may do: the role's permissions, with the single ones granted and revoked. A revocation is the last word.
pub fn effective(role: Role, grants: EnumSet<Permission>, revokes: EnumSet<Permission>) -> EnumSet<Permission> {
    (role.permissions() | grants) - revokes
}

//! Who may: the contract's table word for word, and what grants and revokes make of it. The pin is in `pin`, the order of refusals in `permit`.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may stop")]

use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;

use super::{
    role::{Permission as P, Role},
    *,
};
use crate::{
    authenticate::{
        judge,
        tests::{authority, now},
    },
    ledger::{
        entry::DecidedOn,
        kinds::EventStatus,
        rows::{Authority, Event, EventFacts},
    },
};

mod permit;
mod pin;

const WHO_MAY: &str = "
| permission | organisation_admin | event_manager | finance_manager | scanner | viewer | box_office | door_operator |
|---|---|---|---|---|---|---|---|
| `team:view` `team:manage` `settings:manage` | ● | | | | | | |
| `devices:manage` `events:manage` `guestlist:manage` | ● | ● | | | | | |
| `events:view` | ● | ● | ● | ● | granted events | ● | pinned event |
| `entry:scan` `guestlist:checkin` | ● | ● | | ● | | ● | ● |
| `pos:boxoffice` | ● | | | | | ● | |
| `pos:door` | | | | | | | ● |
| `pos:cash` | ● | | | | | ● | ● |
| `sales:summary` (counts, timeline, gross) | ● | ● | ● | | granted events | | |
| `sales:view` `finance:view` | ● | | ● | | | | |
";

/// One cell of the table: a permission, a role, and its entry.
struct Entry {
    permission: Permission,
    role: Role,
    cell: &'static str,
}

impl Entry {
    fn is_held(&self) -> bool {
        match self.cell {
            "●" | "granted events" | "pinned event" => true,
            "" => false,
            other => panic!("{other:?}"),
        }
    }
}

fn permission(name: &str) -> Permission {
    EnumSet::<Permission>::all().iter().find(|permission| permission.as_str() == name).unwrap()
}

fn cells(line: &'static str) -> Vec<&'static str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

fn table() -> Vec<Entry> {
    let mut lines = WHO_MAY.trim().lines().map(cells);
    let roles: Vec<Role> = lines.next().unwrap()[1..].iter().map(|role| role.parse().unwrap()).collect();
    let mut entries = Vec::new();
    for line in lines.skip(1) {
        // The names are between back quotes.
        for name in line[0].split('`').skip(1).step_by(2) {
            assert_eq!(line[1..].len(), roles.len(), "{name}");
            entries.extend(roles.iter().zip(&line[1..]).map(|(role, cell)| Entry { permission: permission(name), role: *role, cell }));
        }
    }
    entries
}

/// What the contract gives to a role.
fn contract(role: Role) -> EnumSet<Permission> {
    table().iter().filter(|entry| entry.role == role && entry.is_held()).map(|entry| entry.permission).collect()
}

#[test]
fn every_role_may_what_the_contract_says_and_no_more() {
    let table = table();
    assert_eq!(table.len(), EnumSet::<Permission>::all().len() * (Role::ALL.len() - 1), "each permission once for each role but none");
    for entry in &table {
        assert_eq!(entry.role.permissions().contains(entry.permission), entry.is_held(), "{} {}", entry.role, entry.permission.as_str());
    }
    for role in Role::ALL {
        assert_eq!(role.permissions(), contract(*role), "{role}");
    }
    assert_eq!(Role::None.permissions(), EnumSet::empty());
}

#[test]
fn who_sees_only_events_in_the_list_is_in_the_table_too() {
    for entry in table().iter().filter(|entry| entry.permission == P::EventsView) {
        assert_eq!(entry.role.sees_listed_events_only(), entry.cell != "●", "{}", entry.role);
    }
}

#[test]
fn permissions_are_spelled_alike_everywhere() {
    for permission in EnumSet::<Permission>::all() {
        assert_eq!(serde_json::to_value(permission).unwrap(), permission.as_str());
    }
    assert_eq!(serde_json::to_string(&(P::PosCash | P::EntryScan)).unwrap(), r#"["entry:scan","pos:cash"]"#);
}

fn here() -> EventId {
    Uuid::from_u128(100).into()
}

fn there() -> EventId {
    Uuid::from_u128(101).into()
}

fn event(status: EventStatus) -> EventFacts {
    let event = Event {
        id: here(),
        organisation_id: Uuid::from_u128(2).into(),
        name: "Here".to_owned(),
        venue: None,
        starts_at: now(),
        ends_at: now(),
        timezone: "Europe/Berlin".to_owned(),
        currency: "EUR".to_owned(),
        status,
        version: 14,
        created_at: now(),
    };
    EventFacts { event, types: Vec::new() }
}

fn caller(authority: Authority) -> Caller {
    judge(Some(Arc::new(authority)), None, now()).unwrap()
}

/// A member of this role, with these events in the list.
fn member(kind: SessionKind, role: Role, events: &[EventId]) -> Authority {
    let mut authority = authority(kind, role);
    authority.membership.events = events.to_vec();
    authority
}

fn at_the_live_event(authority: Authority, act: Act) -> Result<(), Refused> {
    may(&caller(authority), act, Some(&event(EventStatus::Live)), None)
}

const CARD: Act = Act::Sell { cash: false, admit: false };
const CASH: Act = Act::Sell { cash: true, admit: false };

fn any_permissions() -> impl Strategy<Value = EnumSet<Permission>> {
    let all: Vec<Permission> = EnumSet::<Permission>::all().iter().collect();
    let count = all.len();
    prop::sample::subsequence(all, 0..=count).prop_map(|some| some.into_iter().collect())
}

fn any_role() -> impl Strategy<Value = Role> {
    prop::sample::select(Role::ALL)
}

#[test]
fn one_grant_gives_one_permission_and_one_revocation_takes_it() {
    for role in Role::ALL {
        for permission in EnumSet::<Permission>::all() {
            let (one, none) = (EnumSet::only(permission), EnumSet::empty());
            let (with, without) = (contract(*role) | permission, contract(*role) - permission);
            for (grants, revokes, expected) in [(none, none, contract(*role)), (one, none, with), (none, one, without), (one, one, without)]
            {
                assert_eq!(effective(*role, grants, revokes), expected, "{role} {} {grants:?} {revokes:?}", permission.as_str());
            }
        }
    }
}

proptest! {
    #[test]
    fn a_revocation_is_the_last_word(role in any_role(), grants in any_permissions(), revokes in any_permissions()) {
        let held = effective(role, grants, revokes);
        for permission in EnumSet::<Permission>::all() {
            let given = contract(role).contains(permission) || grants.contains(permission);
            prop_assert_eq!(held.contains(permission), given && !revokes.contains(permission));
        }
    }

    #[test]
    fn a_scanner_session_carries_entry_permissions_only(role in any_role(), grants in any_permissions(), revokes in any_permissions()) {
        let entry = [P::EventsView, P::EntryScan, P::GuestlistCheckin];
        for kind in SessionKind::ALL {
            let mut authority = authority(*kind, role);
            (authority.membership.grants, authority.membership.revokes) = (grants, revokes);
            let held = effective(role, grants, revokes);
            prop_assert_eq!(session_permissions(*kind, &authority.membership), permissions(&caller(authority.clone())));
            for permission in EnumSet::<Permission>::all() {
                let carried = held.contains(permission) && (*kind != SessionKind::Scanner || entry.contains(&permission));
                prop_assert_eq!(permissions(&caller(authority.clone())).contains(permission), carried);
                let told = mandate(caller(authority.clone()), permission).map(drop);
                prop_assert_eq!(told, if carried { Ok(()) } else { Err(Refused::PermissionMissing(permission)) });
            }
        }
    }
}

//! The pin: which members it binds, to what, and what they see.

use super::*;

/// All that can be made of two permissions.
fn subsets(of: [Permission; 2]) -> [EnumSet<Permission>; 4] {
    [EnumSet::empty(), EnumSet::only(of[0]), EnumSet::only(of[1]), of[0] | of[1]]
}

#[test]
fn the_pin_binds_whoever_sells_at_a_door_and_not_at_the_box_office() {
    let lists = [vec![], vec![here()], vec![here(), there()]];
    for role in Role::ALL {
        for grants in subsets([P::PosDoor, P::PosBoxoffice]) {
            for revokes in subsets([P::PosDoor, P::PosBoxoffice]) {
                for events in &lists {
                    let mut member = member(SessionKind::Pos, *role, events).membership;
                    (member.grants, member.revokes) = (grants, revokes);
                    let sells = |permission, by_role: &[Role]| {
                        (by_role.contains(role) || grants.contains(permission)) && !revokes.contains(permission)
                    };
                    let door = sells(P::PosDoor, &[Role::DoorOperator]);
                    let box_office = sells(P::PosBoxoffice, &[Role::OrganisationAdmin, Role::BoxOffice]);
                    let expected = match (door && !box_office, events.len()) {
                        (false, _) => Pin::Unbound,
                        (true, 1) => Pin::At(here()),
                        (true, _) => Pin::Nowhere,
                    };
                    assert_eq!(pin(&member), expected, "{role} {grants:?} {revokes:?} {events:?}");
                }
            }
        }
    }
}

#[test]
fn the_pin_binds_sales_and_scans_on_every_kind_of_device() {
    for (kind, act) in
        [(SessionKind::Scanner, Act::Scan), (SessionKind::Pos, Act::Scan), (SessionKind::Pos, CARD), (SessionKind::Pos, CASH)]
    {
        for (events, told) in [
            (vec![here()], Ok(())),
            (vec![there()], Err(Refused::EventNotPinned(Named::new(there(), "another event")))),
            (vec![], Err(Refused::NoEventPinned)),
            (vec![here(), there()], Err(Refused::NoEventPinned)),
        ] {
            assert_eq!(at_the_live_event(member(kind, Role::DoorOperator, &events), act), told, "{kind} {act:?} {events:?}");
            // Who sells for every event is bound by no list.
            assert_eq!(at_the_live_event(member(kind, Role::BoxOffice, &events), act), Ok(()), "{kind} {act:?} {events:?}");
        }
    }
}

#[test]
fn the_pinned_event_is_told_by_its_name() {
    let caller = caller(member(SessionKind::Pos, Role::DoorOperator, &[there()]));
    let pinned = Named::new(there(), "Next door");
    let refused = may(&caller, CARD, Some(&event(EventStatus::Live)), Some(&pinned)).unwrap_err();
    assert_eq!(refused.to_string(), "You are assigned to Next door.");
    assert_eq!(refused, Refused::EventNotPinned(pinned));
    assert_eq!(Refused::NoEventPinned.to_string(), "No event is assigned to you.");
}

#[test]
fn an_event_is_seen_by_whom_the_table_lets_see_it() {
    for role in Role::ALL {
        for events in [vec![], vec![here()], vec![there()], vec![here(), there()]] {
            let told = may_see(&caller(member(SessionKind::Backstage, *role, &events)), here());
            let cell =
                table().into_iter().find(|entry| entry.role == *role && entry.permission == P::EventsView).map_or("", |entry| entry.cell);
            let expected = match cell {
                "●" => Ok(()),
                "granted events" if events.contains(&here()) => Ok(()),
                "pinned event" if events == [here()] => Ok(()),
                "granted events" | "pinned event" => Err(Refused::NotFound),
                _ => Err(Refused::PermissionMissing(P::EventsView)),
            };
            assert_eq!(told, expected, "{role} {events:?}");
        }
    }
}

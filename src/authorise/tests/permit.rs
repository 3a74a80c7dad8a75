//! The permit: who gets one, which refusal comes first, and what it carries.

use super::*;

#[test]
fn who_may_scan_and_sell_at_a_live_event() {
    // A letter for each act that is permitted: s(can), sell by c(ard), sell for m(oney).
    let table = [
        (Role::OrganisationAdmin, "s", "scm"),
        (Role::EventManager, "s", "s"),
        (Role::FinanceManager, "", ""),
        (Role::Scanner, "s", "s"),
        (Role::Viewer, "", ""),
        (Role::BoxOffice, "s", "scm"),
        (Role::DoorOperator, "s", "scm"),
        (Role::None, "", ""),
    ];
    assert_eq!(table.map(|(role, ..)| role), Role::ALL);
    for (role, on_a_phone, on_a_till) in table {
        for (kind, expected) in [(SessionKind::Scanner, on_a_phone), (SessionKind::Pos, on_a_till), (SessionKind::Backstage, "")] {
            let may = |act| at_the_live_event(member(kind, role, &[here()]), act).is_ok();
            let permitted: String =
                [('s', Act::Scan), ('c', CARD), ('m', CASH)].into_iter().filter(|(_, act)| may(*act)).map(|(letter, _)| letter).collect();
            assert_eq!(permitted, expected, "{role} {kind}");
        }
    }
}

/// A request for a permit, and what is wrong with it.
struct Scene {
    authority: Authority,
    event: Option<EventFacts>,
}

impl Scene {
    fn ask(&self, act: Act) -> Result<(), Refused> {
        may(&caller(self.authority.clone()), act, self.event.as_ref(), None)
    }
}

fn backstage(scene: &mut Scene) {
    scene.authority.session.kind = SessionKind::Backstage;
    scene.authority.session.device_id = None;
    scene.authority.device = None;
}

fn revoke(scene: &mut Scene, permission: Permission) {
    scene.authority.membership.revokes |= permission;
}

fn set_status(scene: &mut Scene, status: EventStatus) {
    scene.event.iter_mut().for_each(|facts| facts.event.status = status);
}

/// Something that is wrong, and its refusal.
type Wrong = (fn(&mut Scene), Refused);

/// Of all that is wrong, in every combination, the first in this order is reported.
fn assert_order(act: Act, order: &[Wrong]) {
    for choice in 0..1_u32 << order.len() {
        let authority = member(SessionKind::Pos, Role::DoorOperator, &[here()]);
        let mut scene = Scene { authority, event: Some(event(EventStatus::Live)) };
        let mut first = Ok(());
        for (place, (spoil, refused)) in order.iter().enumerate() {
            if choice & (1 << place) != 0 {
                spoil(&mut scene);
                first = first.and(Err(refused.clone()));
            }
        }
        assert_eq!(scene.ask(act), first, "{act:?} {choice:b}");
    }
}

#[test]
fn a_scan_is_refused_in_the_order_of_the_contract() {
    let order: [Wrong; 5] = [
        (backstage, Refused::DeviceRequired("Scanning needs a session on an enrolled device.")),
        (|scene| scene.event = None, Refused::NotFound),
        (|scene| revoke(scene, P::EntryScan), Refused::PermissionMissing(P::EntryScan)),
        (|scene| scene.authority.membership.events.clear(), Refused::NoEventPinned),
        (|scene| set_status(scene, EventStatus::Ended), Refused::EventNotLive),
    ];
    assert_order(Act::Scan, &order);
}

#[test]
fn a_sale_is_refused_in_the_order_of_the_contract() {
    let another = Refused::EventNotPinned(Named::new(there(), "another event"));
    let order: [Wrong; 7] = [
        (backstage, Refused::DeviceRequired("Selling needs a session on a POS device.")),
        (|scene| scene.event = None, Refused::NotFound),
        (|scene| revoke(scene, P::PosDoor), Refused::PermissionMissing(P::PosBoxoffice)),
        (|scene| scene.authority.membership.events = vec![there()], another),
        (|scene| set_status(scene, EventStatus::Draft), Refused::EventNotLive),
        (|scene| revoke(scene, P::PosCash), Refused::PermissionMissing(P::PosCash)),
        (|scene| revoke(scene, P::EntryScan), Refused::PermissionMissing(P::EntryScan)),
    ];
    assert_order(Act::Sell { cash: true, admit: true }, &order);
    // A sale without cash needs no permission for cash, and one that admits no one needs none for that.
    assert_order(CARD, &order[..5]);
    assert_order(CASH, &order[..6]);
}

#[test]
fn cash_and_entry_are_asked_for_only_where_they_are_meant() {
    let without = |permission| {
        let mut authority = member(SessionKind::Pos, Role::BoxOffice, &[]);
        authority.membership.revokes = EnumSet::only(permission);
        authority
    };
    assert_eq!(at_the_live_event(without(P::PosCash), CARD), Ok(()));
    assert_eq!(at_the_live_event(without(P::PosCash), CASH), Err(Refused::PermissionMissing(P::PosCash)));
    assert_eq!(at_the_live_event(without(P::EntryScan), CASH), Ok(()));
    let admitting = Act::Sell { cash: false, admit: true };
    assert_eq!(at_the_live_event(without(P::EntryScan), admitting), Err(Refused::PermissionMissing(P::EntryScan)));
}

#[test]
fn only_a_live_event_is_scanned_and_sold_for() {
    for status in EventStatus::ALL {
        for act in [Act::Scan, CARD, CASH] {
            let caller = caller(member(SessionKind::Pos, Role::OrganisationAdmin, &[]));
            let told = may(&caller, act, Some(&event(*status)), None);
            let expected = if *status == EventStatus::Live { Ok(()) } else { Err(Refused::EventNotLive) };
            assert_eq!(told, expected, "{status} {act:?}");
        }
    }
}

#[test]
fn a_phone_never_sells_whatever_its_user_may_do_elsewhere() {
    for role in Role::ALL {
        let mut authority = member(SessionKind::Scanner, *role, &[here()]);
        authority.membership.grants = EnumSet::all();
        let refused = Refused::DeviceRequired("Selling needs a session on a POS device.");
        assert_eq!(at_the_live_event(authority, CARD), Err(refused), "{role}");
    }
}

#[test]
fn a_permit_carries_the_versions_that_it_was_given_on() {
    let authority = member(SessionKind::Pos, Role::BoxOffice, &[]);
    let given = to_sell(&caller(authority.clone()), true, false, Some(&event(EventStatus::Live)), None).unwrap();
    let device = authority.device.unwrap();
    let expected = DecidedOn {
        session: (authority.session.id, 11),
        membership: (authority.membership.id, 12),
        device: Some((device.id, 13)),
        event: (here(), 14),
    };
    assert_eq!(given.decided_on(), expected);
    assert_eq!(given.device(), Some(&device));
    assert_eq!(given.caller().organisation(), authority.membership.organisation_id);
}

//! Changes: whole or not at all, on what was read or not at all, and names only once.

use std::sync::Arc;

use futures::future::join_all;
use stagedoor::clock::{self, Clock};
use stagedoor::ledger::change::{Change, Guard, Images};
use stagedoor::ledger::kinds::{MemberStatus, Role, SessionKind};
use stagedoor::ledger::rows::{Authority, Membership, Organisation, OrganisationNames, SigningKey, User, Version};
use stagedoor::ledger::{LedgerError, Name, Note};

use super::stage::ticket_type;
use super::{Ledgers, Part, Stage, on_both_ledgers};

type Spoil = fn(&mut Images, Version);

/// One image of each kind that carries a version.
const VERSIONED: [Spoil; 6] = [
    |images, version| images.organisations[0].version = version,
    |images, version| images.users[0].version = version,
    |images, version| images.memberships[0].version = version,
    |images, version| images.devices[0].version = version,
    |images, version| images.events[0].version = version,
    |images, version| images.sessions[0].version = version,
];

on_both_ledgers!(images_are_stored_whole_or_not_at_all);
async fn images_are_stored_whole_or_not_at_all(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    for spoil in VERSIONED {
        for wrong in [0, 1, 3] {
            let mut images = second_version(&stage);
            spoil(&mut images, wrong);
            assert_moved(&ledgers, &stage.change(images)).await;
            assert_eq!(census(&ledgers).await, [6, 6, 2, 0], "version {wrong} of an image let something through");
        }
    }
    ledgers.stored(&stage.change(second_version(&stage))).await;
    assert_eq!(census(&ledgers).await, [6, 12, 3, 1]);
}

on_both_ledgers!(what_is_stored_is_read_back);
async fn what_is_stored_is_read_back(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    assert_stands(&ledgers, &stage.images()).await;
    let next = stage.change(second_version(&stage));
    ledgers.stored(&next).await;
    assert_stands(&ledgers, &next.images).await;
}

/// The ledger returns these images exactly.
async fn assert_stands(ledgers: &Ledgers, images: &Images) {
    let expected = Authority {
        session: images.sessions[0].clone(),
        membership: images.memberships[0].clone(),
        device: Some(images.devices[0].clone()),
        user_name: images.users[0].name.clone(),
        organisation: Arc::new(OrganisationNames {
            slug: images.organisations[0].slug.clone(),
            name: images.organisations[0].name.clone(),
        }),
    };
    assert_eq!(ledgers.b.authority(images.sessions[0].id).await.unwrap(), Some(expected));
    let facts = ledgers.b.event(images.events[0].id).await.unwrap().unwrap();
    assert_eq!(facts.event, images.events[0]);
    for kind in &images.ticket_types {
        assert_eq!(facts.ticket_type(kind.id), Some(kind));
    }
}

on_both_ledgers!(a_moved_guard_stores_nothing);
async fn a_moved_guard_stores_nothing(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    for part in Part::ALL {
        let stranger = Stage::imagined();
        let standing = guard(&stage, part, 0);
        for moved in [guard(&stage, part, -1), guard(&stage, part, 1), guard(&stranger, part, 0)] {
            let device = Images { devices: vec![stage.new_device("Never")], ..Images::default() };
            assert_moved(&ledgers, &stage.guarded(vec![standing.clone(), moved], device)).await;
        }
        stage.move_on(&ledgers.b, part).await;
        let device = Images { devices: vec![stage.new_device("Never")], ..Images::default() };
        assert_moved(&ledgers, &stage.guarded(vec![standing], device)).await;
    }
    assert_eq!(ledgers.rows("devices").await, 1);
    let guards = Part::ALL.map(|part| guard(&stage, part, 0)).to_vec();
    ledgers.stored(&stage.guarded(guards, Images { devices: vec![stage.new_device("Now")], ..Images::default() })).await;
    assert_eq!(ledgers.rows("devices").await, 2);
}

on_both_ledgers!(a_session_that_began_meanwhile_moves_the_count);
async fn a_session_that_began_meanwhile_moves_the_count(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let (member, device) = (stage.membership.id, stage.new_device("Phone"));
    let sign_in = stage.new_session(Some(&device), SessionKind::Scanner);
    let suspend = |of_member, of_device| {
        let guards =
            vec![Guard::OpenOfMember { id: member, version: of_member }, Guard::OpenOfDevice { id: device.id, version: of_device }];
        stage.guarded(guards, stage.clone().step(Part::Membership))
    };
    ledgers.stored(&stage.change(Images { devices: vec![device.clone()], sessions: vec![sign_in], ..Images::default() })).await;
    for (of_member, of_device) in [(1, 1), (3, 1), (2, 0), (2, 2)] {
        assert_moved(&ledgers, &suspend(of_member, of_device)).await;
    }
    ledgers.stored(&suspend(2, 1)).await;
}

on_both_ledgers!(of_two_authors_one_wins);
async fn of_two_authors_one_wins(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let image = stage.step(Part::Membership).memberships.remove(0);
    let authors = (0..8).map(|n| {
        let role = if n % 2 == 0 { Role::Viewer } else { Role::Scanner };
        let change = stage.change(Images {
            users: vec![User { id: clock::new_id(), ..stage.user.clone() }],
            memberships: vec![Membership { role, ..image.clone() }],
            ..Images::default()
        });
        let ledger = ledgers.turn(n).clone();
        async move { ledger.store(&change).await }
    });
    assert_one_stored(&join_all(authors).await);
    assert_eq!(ledgers.rows("users").await, 2, "of a change that had moved, something was written");
    assert_eq!(ledgers.number("select version from memberships where id = $1", stage.membership.id).await, 2);
}

on_both_ledgers!(names_are_taken_once);
async fn names_are_taken_once(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let other = Stage::imagined();
    let organisation = Organisation { slug: stage.organisation.slug.clone(), ..other.organisation.clone() };
    let same_slug = other.change(Images { organisations: vec![organisation], users: vec![other.user.clone()], ..Images::default() });
    assert_taken(&ledgers, &same_slug, Name::Slug).await;

    assert_taken(&ledgers, &newcomer(&stage), Name::Username).await;

    let mut images = stage.step(Part::Event);
    images.ticket_types = vec![ticket_type(&stage.event, "Standing", None), ticket_type(&stage.event, &stage.seat.name, None)];
    assert_taken(&ledgers, &stage.change(images), Name::TicketType).await;

    let rows = [ledgers.rows("organisations").await, ledgers.rows("users").await, ledgers.rows("ticket_types").await];
    assert_eq!(rows, [1, 1, 2], "of a change whose name was taken, something was written");
    assert_eq!(ledgers.number("select version from events where id = $1", stage.event.id).await, 1);
    // In another organisation, and for another event, they are free.
    ledgers.stored(&other.change(other.images())).await;
}

on_both_ledgers!(a_removed_members_name_is_free_again);
async fn a_removed_members_name_is_free_again(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    stage.membership.status = MemberStatus::Suspended;
    stage.move_on(&ledgers.a, Part::Membership).await;
    assert_taken(&ledgers, &newcomer(&stage), Name::Username).await;
    stage.membership.status = MemberStatus::Removed;
    stage.move_on(&ledgers.a, Part::Membership).await;
    assert!(ledgers.b.member(stage.organisation.id, stage.user.id).await.unwrap().is_none());

    let change = newcomer(&stage);
    ledgers.stored(&change).await;
    let (found, _) = ledgers.b.member_by_username(stage.organisation.id, "mia").await.unwrap().unwrap();
    assert_eq!(found, change.images.memberships[0]);
}

on_both_ledgers!(a_device_has_one_live_session);
async fn a_device_has_one_live_session(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let phone = stage.new_device("Phone");
    ledgers.stored(&stage.change(Images { devices: vec![phone.clone()], ..Images::default() })).await;
    // As scanners, so that only the device matters.
    let sign_ins = (0..8).map(|n| {
        let session = stage.new_session(Some(&phone), SessionKind::Scanner);
        let (ledger, change) = (ledgers.turn(n).clone(), stage.change(Images { sessions: vec![session], ..Images::default() }));
        async move { ledger.store(&change).await }
    });
    assert_one_stored(&join_all(sign_ins).await);
    let live = "select count(*) from sessions where ended_at is null and device_id = $1";
    assert_eq!(ledgers.number(live, phone.id).await, 1);
}

on_both_ledgers!(a_member_sits_at_one_desk_and_carries_many_scanners);
async fn a_member_sits_at_one_desk_and_carries_many_scanners(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let devices = [stage.new_device("Till 2"), stage.new_device("Phone 1"), stage.new_device("Phone 2")];
    ledgers.stored(&stage.change(Images { devices: devices.to_vec(), ..Images::default() })).await;
    let desks = [stage.new_session(Some(&devices[0]), SessionKind::Pos), stage.new_session(None, SessionKind::Backstage)];
    for signed_in in &desks {
        assert_moved(&ledgers, &stage.change(Images { sessions: vec![signed_in.clone()], ..Images::default() })).await;
    }
    for phone in &devices[1..] {
        let scanner = stage.new_session(Some(phone), SessionKind::Scanner);
        ledgers.stored(&stage.change(Images { sessions: vec![scanner], ..Images::default() })).await;
    }
    // In one change the older one ends before the newer one begins.
    let displacing = Images { sessions: vec![stage.ended(), desks[1].clone()], ..Images::default() };
    ledgers.stored(&stage.change(displacing)).await;
    let open = ledgers.b.open_sessions(Some(stage.membership.id), None).await.unwrap();
    let kinds: Vec<SessionKind> = open.iter().map(|authority| authority.session.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == SessionKind::Scanner).count(), 2);
    assert_eq!((kinds.len(), kinds.contains(&SessionKind::Backstage)), (3, true));
}

on_both_ledgers!(a_second_signing_key_does_nothing);
async fn a_second_signing_key_does_nothing(ledgers: Ledgers) {
    let key = |n: usize| SigningKey {
        kid: format!("key {n}"),
        seed: format!("seed {n}"),
        created_at: Clock::of_this_machine().now(),
        retired_at: None,
    };
    let keys: Vec<SigningKey> = (0..6).map(key).collect();
    let offers = keys.iter().enumerate().map(|(n, key)| ledgers.turn(n).note(Note::SigningKey(key)));
    assert!(join_all(offers).await.iter().all(Result::is_ok));
    let first = ledgers.a.signing_keys().await.unwrap();
    assert_eq!(first.len(), 1, "gateways would sign with different keys");
    ledgers.b.note(Note::SigningKey(&key(7))).await.unwrap();
    let kept = ledgers.b.signing_keys().await.unwrap();
    assert_eq!((kept.len(), &kept[0].kid, &kept[0].seed), (1, &first[0].kid, &first[0].seed));
}

/// Every row with a version one version on, its session over, and a device and a ticket type that are new.
fn second_version(stage: &Stage) -> Images {
    let mut next = stage.clone();
    next.organisation.name = "Old House".into();
    next.organisation.version = 2;
    next.user.name = "Mia M.".into();
    next.user.version = 2;
    next.membership =
        Membership { role: Role::Viewer, status: MemberStatus::Suspended, events: vec![stage.event.id], version: 2, ..next.membership };
    next.device.name = "Till 9".into();
    next.device.version = 2;
    next.event.name = "Encore".into();
    next.event.version = 2;
    next.session = stage.ended();
    let mut images = next.images();
    images.devices.push(stage.new_device("Till 2"));
    images.ticket_types = vec![ticket_type(&stage.event, "Standing", None)];
    images
}

/// How many rows with a version there were at first, all their versions, the ticket types, and the devices that are new.
async fn census(ledgers: &Ledgers) -> [i64; 4] {
    let sums = ["organisations", "users", "memberships", "devices", "events", "sessions"].map(|table| {
        let new = if table == "devices" { "where name <> 'Till 2'" } else { "" };
        (format!("select count(*) from {table} {new}"), format!("select cast(sum(version) as bigint) from {table} {new}"))
    });
    let (mut rows, mut versions) = (0, 0);
    for (count, sum) in sums {
        rows += ledgers.total(&count).await;
        versions += ledgers.total(&sum).await;
    }
    [rows, versions, ledgers.rows("ticket_types").await, ledgers.total("select count(*) from devices where name = 'Till 2'").await]
}

/// A new person with the user name of the member on the stage.
fn newcomer(stage: &Stage) -> Change {
    let user = User { id: clock::new_id(), ..stage.user.clone() };
    let fresh = Membership { id: clock::new_id(), user_id: user.id, status: MemberStatus::Active, version: 1, ..stage.membership.clone() };
    stage.change(Images { users: vec![user], memberships: vec![fresh], ..Images::default() })
}

/// The version of this part, or one that is off by some.
fn guard(stage: &Stage, part: Part, off: Version) -> Guard {
    match part {
        Part::Session => Guard::Session { id: stage.session.id, version: stage.session.version + off },
        Part::Membership => Guard::Membership { id: stage.membership.id, version: stage.membership.version + off },
        Part::Device => Guard::Device { id: stage.device.id, version: stage.device.version + off },
        Part::Event => Guard::Event { id: stage.event.id, version: stage.event.version + off },
    }
}

async fn assert_moved(ledgers: &Ledgers, change: &Change) {
    let answer = ledgers.b.store(change).await;
    assert!(matches!(answer, Err(LedgerError::Moved)), "{answer:?} for {change:?}");
}

async fn assert_taken(ledgers: &Ledgers, change: &Change, name: Name) {
    let answer = ledgers.b.store(change).await;
    assert!(matches!(answer, Err(LedgerError::Taken(taken)) if taken == name), "{answer:?} for {change:?}");
}

fn assert_one_stored(answers: &[Result<(), LedgerError>]) {
    let moved = answers.iter().filter(|answer| matches!(answer, Err(LedgerError::Moved))).count();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert_eq!(moved, answers.len() - 1, "{answers:?}");
}

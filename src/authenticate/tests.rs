//! The verdict on a session in every state of it, its member and its device.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may stop")]

use enumset::EnumSet;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ledger::{
    kinds::{DeviceKind, Role},
    rows::{Membership, OrganisationNames, Session},
};

const TICK: TimeDelta = TimeDelta::milliseconds(1);

pub(crate) fn now() -> Moment {
    "2026-11-22T19:30:00.000Z".parse().unwrap()
}

/// So many minutes before now.
fn ago(minutes: i64) -> Moment {
    now() - TimeDelta::minutes(minutes)
}

/// A member who is signed in: used a minute ago, idle after an hour, over in a day, on a device if the kind has one.
pub(crate) fn authority(kind: SessionKind, role: Role) -> Authority {
    let device = match kind {
        SessionKind::Scanner => Some(device(DeviceKind::Scanner)),
        SessionKind::Pos => Some(device(DeviceKind::Pos)),
        SessionKind::Backstage => None,
    };
    Authority {
        session: session(kind, device.as_ref()),
        membership: membership(role),
        device,
        user_name: "Ada".to_owned(),
        organisation: Arc::new(OrganisationNames { slug: "arena".to_owned(), name: "Arena".to_owned() }),
    }
}

fn session(kind: SessionKind, device: Option<&Device>) -> Session {
    Session {
        id: Uuid::from_u128(1).into(),
        organisation_id: Uuid::from_u128(2).into(),
        membership_id: Uuid::from_u128(3).into(),
        device_id: device.map(|device| device.id),
        kind,
        started_at: ago(30),
        expires_at: now() + TimeDelta::hours(24),
        idle_seconds: 3_600,
        ended_at: None,
        end_reason: None,
        displaced_by: None,
        version: 11,
        seen_at: ago(1),
    }
}

fn membership(role: Role) -> Membership {
    Membership {
        id: Uuid::from_u128(3).into(),
        organisation_id: Uuid::from_u128(2).into(),
        user_id: Uuid::from_u128(4).into(),
        username: "Ada".to_owned(),
        username_key: "ada".to_owned(),
        role,
        grants: EnumSet::empty(),
        revokes: EnumSet::empty(),
        events: Vec::new(),
        status: MemberStatus::Active,
        version: 12,
        created_at: ago(10_000),
    }
}

fn device(kind: DeviceKind) -> Device {
    Device {
        id: Uuid::from_u128(5).into(),
        organisation_id: Uuid::from_u128(2).into(),
        name: "Phone 5".to_owned(),
        kind,
        gate: None,
        enrolment_hash: None,
        enrolment_expires_at: None,
        enrolment_id: None,
        enrolled_at: Some(ago(9_000)),
        revoked_at: None,
        hardware: None,
        version: 13,
        created_at: ago(10_000),
        seen_at: None,
    }
}

/// A session on a phone, altered.
fn altered(alter: impl Fn(&mut Authority)) -> Authority {
    let mut authority = authority(SessionKind::Scanner, Role::Scanner);
    alter(&mut authority);
    authority
}

fn verdict_at(authority: &Authority, used: Option<Moment>, now: Moment) -> Result<(), NotAuthenticated> {
    judge(Some(Arc::new(authority.clone())), used, now).map(drop)
}

fn verdict(authority: &Authority) -> Result<(), NotAuthenticated> {
    verdict_at(authority, None, now())
}

/// Something that has become of a session.
type Fate = fn(&mut Session);

fn end(session: &mut Session, reason: Option<EndReason>) {
    (session.ended_at, session.end_reason) = (Some(ago(3)), reason);
}

/// Everything that can happen to a session by itself, and the answer to its holder.
fn fates() -> Vec<(&'static str, Fate, Result<(), NotAuthenticated>)> {
    let displaced = |by: &str| Err(NotAuthenticated::Displaced { at: ago(3), by: by.to_owned() });
    let ended = || Err(NotAuthenticated::SessionEnded { at: ago(3) });
    let expired = || Err(NotAuthenticated::TokenExpired);
    vec![
        ("live", |_| {}, Ok(())),
        (
            "displaced by a device",
            |session| {
                end(session, Some(EndReason::Displaced));
                session.displaced_by = Some("Till 2".to_owned());
            },
            displaced("Till 2"),
        ),
        (
            "displaced backstage",
            |session| {
                end(session, Some(EndReason::Displaced));
                session.displaced_by = Some("backstage".to_owned());
            },
            displaced("backstage"),
        ),
        ("signed out", |session| end(session, Some(EndReason::SignedOut)), ended()),
        ("ended by an administrator", |session| end(session, Some(EndReason::Ended)), ended()),
        ("ended, nobody knows why", |session| end(session, None), ended()),
        ("found expired by the next sign-in", |session| end(session, Some(EndReason::Expired)), expired()),
        ("over", |session| session.expires_at = ago(2), expired()),
        ("over this very moment", |session| session.expires_at = now(), expired()),
        ("over in a moment", |session| session.expires_at = now() + TICK, Ok(())),
        ("idle for too long", |session| session.seen_at = ago(61), expired()),
        ("idle for too long this very moment", |session| session.seen_at = ago(60), expired()),
        ("idle for almost too long", |session| session.seen_at = ago(60) + TICK, Ok(())),
        (
            "displaced, and over since",
            |session| {
                end(session, Some(EndReason::Displaced));
                session.displaced_by = Some("Till 2".to_owned());
                session.expires_at = ago(2);
                session.seen_at = ago(100);
            },
            displaced("Till 2"),
        ),
        (
            "signed out, and over since",
            |session| {
                end(session, Some(EndReason::SignedOut));
                session.expires_at = ago(2);
            },
            ended(),
        ),
    ]
}

#[test]
fn the_holder_gets_the_reason_for_a_session() {
    for kind in SessionKind::ALL {
        for (fate, befall, told) in fates() {
            let mut authority = authority(*kind, Role::Scanner);
            befall(&mut authority.session);
            assert_eq!(verdict(&authority), told, "{kind} {fate}");
        }
    }
}

#[test]
fn a_session_that_is_not_in_the_ledger_has_a_token_that_is_not_ours() {
    assert_eq!(judge(None, Some(now()), now()).map(drop), Err(NotAuthenticated::TokenInvalid));
}

#[test]
fn a_revoked_device_says_so_whatever_else_has_ended() {
    for status in MemberStatus::ALL {
        for (fate, befall, _) in fates() {
            let authority = altered(|authority| {
                befall(&mut authority.session);
                authority.membership.status = *status;
                authority.device.as_mut().unwrap().revoked_at = Some(ago(1));
            });
            assert_eq!(verdict(&authority), Err(NotAuthenticated::DeviceRevoked), "{status} {fate}");
        }
    }
}

#[test]
fn a_suspended_member_is_refused_before_the_session_is_checked() {
    for kind in SessionKind::ALL {
        for (fate, befall, _) in fates() {
            let mut authority = authority(*kind, Role::OrganisationAdmin);
            befall(&mut authority.session);
            authority.membership.status = MemberStatus::Suspended;
            assert_eq!(verdict(&authority), Err(NotAuthenticated::UserDeactivated), "{kind} {fate}");
        }
    }
}

#[test]
fn a_removed_member_gets_session_ended() {
    let authority = altered(|authority| {
        end(&mut authority.session, Some(EndReason::Ended));
        authority.membership.status = MemberStatus::Removed;
    });
    assert_eq!(verdict(&authority), Err(NotAuthenticated::SessionEnded { at: ago(3) }));
}

#[test]
fn a_removed_member_whose_session_was_overlooked_is_out_all_the_same() {
    let overlooked = altered(|authority| authority.membership.status = MemberStatus::Removed);
    assert_eq!(verdict(&overlooked), Err(NotAuthenticated::UserDeactivated));
}

#[test]
fn a_use_that_this_gateway_noted_counts_though_the_ledger_has_it_not_yet() {
    let idle = altered(|authority| authority.session.seen_at = ago(100));
    for (used, told) in [
        (None, Err(NotAuthenticated::TokenExpired)),
        (Some(ago(120)), Err(NotAuthenticated::TokenExpired)),
        (Some(ago(60)), Err(NotAuthenticated::TokenExpired)),
        (Some(ago(60) + TICK), Ok(())),
        (Some(now()), Ok(())),
    ] {
        assert_eq!(verdict_at(&idle, used, now()), told, "{used:?}");
    }
    // An older note takes nothing away from what the ledger has seen, and a newer one prolongs no session.
    assert_eq!(verdict_at(&altered(|_| {}), Some(ago(600)), now()), Ok(()));
    let over = altered(|authority| authority.session.expires_at = now());
    assert_eq!(verdict_at(&over, Some(now()), now()), Err(NotAuthenticated::TokenExpired));
    let displaced = altered(|authority| end(&mut authority.session, Some(EndReason::Displaced)));
    assert!(matches!(verdict_at(&displaced, Some(now()), now()), Err(NotAuthenticated::Displaced { .. })));
}

#[test]
fn what_a_caller_changes_rests_on_all_that_they_were_judged_by() {
    for (kind, expected) in [(SessionKind::Pos, &[11, 12, 13][..]), (SessionKind::Backstage, &[11, 12])] {
        let caller = judge(Some(Arc::new(authority(kind, Role::BoxOffice))), None, now()).unwrap();
        let versions: Vec<_> = caller
            .guards()
            .into_iter()
            .map(|guard| match guard {
                Guard::Session { id, version } if id.0 == Uuid::from_u128(1) => version,
                Guard::Membership { id, version } if id.0 == Uuid::from_u128(3) => version,
                Guard::Device { id, version } if id.0 == Uuid::from_u128(5) => version,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(versions, expected, "{kind}");
    }
}

#[test]
fn a_displaced_person_hears_the_devices_name_or_backstage() {
    assert_eq!(session_place(SessionKind::Pos, Some(&device(DeviceKind::Pos))), "Phone 5");
    assert_eq!(session_place(SessionKind::Backstage, None), "backstage");
}

proptest! {
    /// Time alone never brings a session back.
    #[test]
    fn a_session_that_is_over_stays_over(
        expires in -200..200_i64,
        seen in 0..200_i64,
        used in prop::option::of(0..200_i64),
        later in 0..10_000_i64,
    ) {
        let authority = altered(|authority| {
            authority.session.expires_at = now() + TimeDelta::minutes(expires);
            authority.session.seen_at = ago(seen);
        });
        let used = used.map(ago);
        prop_assert_eq!(is_over(&authority, used, now()), verdict_at(&authority, used, now()).is_err());
        if is_over(&authority, used, now()) {
            prop_assert!(is_over(&authority, used, now() + TimeDelta::milliseconds(later)));
        }
    }
}

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn now() -> Moment {
    DateTime::from_timestamp_millis(1_795_000_000_000).unwrap()
}

fn device() -> DeviceId {
    Uuid::from_u128(5).into()
}

/// A scan of this direction that used so many entries, of a ticket for two, made just now.
fn scan(direction: Direction, uses: i32) -> RecordedScan {
    RecordedScan {
        id: Uuid::from_u128(1).into(),
        device_id: Some(device()),
        fingerprint: String::new(),
        seq: 1,
        direction,
        uses,
        used: 1,
        gate: None,
        recorded_at: now(),
        back_seq: None,
        back_used: None,
        back_recorded_at: None,
        ticket_id: Uuid::from_u128(2).into(),
        holder: None,
        entries_allowed: 2,
        ticket_type_id: Uuid::from_u128(3).into(),
        ticket_type_name: "Regular".to_owned(),
    }
}

/// The current state of the ticket.
fn standing(used: i32, inside: i32) -> Movement {
    Movement {
        seq: 7,
        direction: Direction::In,
        used,
        inside,
        gate: None,
        recorded_at: now(),
        device_id: Some(device()),
        device_name: Some("Phone 5".to_owned()),
    }
}

fn verdict(recorded: &RecordedScan, last: &Movement) -> Result<Back, Objection> {
    decide(&Question { recorded, last: Some(last), device: Some(device()), now: now() })
}

#[test]
fn a_scan_is_reversed_exactly_if_nothing_went_on_since() {
    let back = |direction, uses| Ok(Back { direction, uses });
    let moved_since = Err(Objection::MovedSince);
    let (entry, exit, exit_with_reentry) = (scan(Direction::In, 1), scan(Direction::Out, 0), scan(Direction::Out, -1));
    for (case, recorded, used, inside, expected) in [
        ("a mistaken entry", &entry, 1, 1, back(Direction::Out, -1)),
        ("one of two entries", &entry, 2, 2, back(Direction::Out, -1)),
        ("one of two entries, one of them gone", &entry, 2, 1, back(Direction::Out, -1)),
        ("who came in has left", &entry, 1, 0, moved_since),
        ("who came in has left and may come again", &entry, 0, 0, moved_since),
        ("a mistaken exit", &exit, 1, 0, back(Direction::In, 0)),
        ("a mistaken exit of a ticket that is used up", &exit, 2, 1, back(Direction::In, 0)),
        ("a mistaken exit that gave the entry back", &exit_with_reentry, 1, 1, back(Direction::In, 1)),
        ("the entry that it gave back is used", &exit_with_reentry, 2, 2, moved_since),
    ] {
        assert_eq!(verdict(recorded, &standing(used, inside)), expected, "{case}");
    }
}

#[test]
fn only_its_device_takes_it_back_and_only_for_a_quarter_of_an_hour() {
    let (good, last) = (scan(Direction::In, 1), standing(1, 1));
    let until = now() + TimeDelta::minutes(15);
    let asked = |recorded: &RecordedScan, device, now| decide(&Question { recorded, last: Some(&last), device: Some(device), now });
    assert!(asked(&good, device(), until).is_ok(), "the last millisecond");
    assert_eq!(asked(&good, device(), until + TimeDelta::milliseconds(1)), Err(Objection::TooLate(until)));
    let other = Uuid::from_u128(6).into();
    assert_eq!(asked(&good, other, now()), Err(Objection::OtherDevice));
    assert_eq!(asked(&good, other, until + TimeDelta::days(1)), Err(Objection::OtherDevice), "and is not told when it was");
    // What another system recorded was made on none of our devices.
    let carried_over = RecordedScan { device_id: None, ..good.clone() };
    assert_eq!(asked(&carried_over, device(), now()), Err(Objection::OtherDevice));
}

proptest! {
    /// Whatever a ticket went through, what is taken back leaves it within its bounds.
    #[test]
    fn what_is_taken_back_stays_within_bounds(
        entry in any::<bool>(), gave_back in any::<bool>(), allowed in 1..5, used in 0..6, inside in 0..6,
    ) {
        let (direction, uses) = if entry { (Direction::In, 1) } else { (Direction::Out, -i32::from(gave_back)) };
        let recorded = RecordedScan { entries_allowed: allowed, ..scan(direction, uses) };
        if let Ok(back) = verdict(&recorded, &standing(used, inside)) {
            prop_assert!(used + back.uses >= 0 && inside + back.direction.moves() >= 0);
            prop_assert!(back.uses <= 0 || used + back.uses <= allowed);
            prop_assert_eq!((back.uses, back.direction.moves()), (-uses, -direction.moves()));
        }
    }
}

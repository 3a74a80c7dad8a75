//! The verdict on a ticket, against a second telling of its rules ([`Scene::objections`]): case by case in `every_case`, and for any
//! ticket at all in `any_scene`.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may stop")]

use chrono::TimeDelta;
use uuid::Uuid;

use super::*;

#[path = "decide_tests/any_scene.rs"]
mod any_scene;
#[path = "decide_tests/every_case.rs"]
mod every_case;

/// The valid one first.
const STATUSES: &[TicketStatus] = TicketStatus::ALL;
const DIRECTIONS: [Direction; 2] = [Direction::In, Direction::Out];
const WINDOWS: [Window; 6] = [Window::None, Window::Before, Window::Begins, Window::Inside, Window::Ends, Window::After];
const GATES: [Gates; 5] = [Gates::AnyNamed, Gates::AnyUnnamed, Gates::Listed, Gates::NotListed, Gates::Unnamed];

/// The position of now in the type's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    None,
    Before,
    Begins,
    Inside,
    Ends,
    After,
}

/// The relation of the scan's gate to the gates that the type names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gates {
    /// The type names none, the scan names one.
    AnyNamed,
    /// Neither names one.
    AnyUnnamed,
    Listed,
    NotListed,
    /// The type names some and the scan none.
    Unnamed,
}

/// A scan in words.
#[derive(Clone, Copy, Debug)]
struct Scene {
    status: TicketStatus,
    direction: Direction,
    window: Window,
    gates: Gates,
    allowed: i32,
    used: i32,
    inside: i32,
    /// Whether the ticket has a movement in the ledger; one that has not has used nothing.
    moved: bool,
    reentry: bool,
}

/// A paid ticket for one entry, at a door that is open, for the first time.
const GOOD: Scene = Scene {
    status: TicketStatus::Valid,
    direction: Direction::In,
    window: Window::Inside,
    gates: Gates::Listed,
    allowed: 1,
    used: 0,
    inside: 0,
    moved: false,
    reentry: false,
};

fn now() -> Moment {
    "2026-11-22T19:30:00.000Z".parse().unwrap()
}

fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

/// The resolution of the clock.
const TICK: TimeDelta = TimeDelta::milliseconds(1);

fn ticket(status: TicketStatus, entries_allowed: i32) -> Ticket {
    Ticket {
        id: Uuid::from_u128(1).into(),
        ticket_type_id: Uuid::from_u128(2).into(),
        code: "k7qj2kz5cmyyphx4jcrw3gcvbd".to_owned(),
        holder: None,
        status,
        entries_allowed,
        valid_from: None,
        valid_until: None,
        version: 0,
    }
}

fn ticket_type(window: Window, gates: &[&str], reentry: bool) -> TicketType {
    let (valid_from, valid_until) = match window {
        Window::None => (None, None),
        Window::Before => (Some(now() + TICK), Some(now() + minutes(60))),
        Window::Begins => (Some(now()), Some(now() + minutes(60))),
        Window::Inside => (Some(now() - minutes(60)), Some(now() + minutes(60))),
        Window::Ends => (Some(now() - minutes(60)), Some(now())),
        Window::After => (Some(now() - minutes(60)), Some(now() - TICK)),
    };
    TicketType {
        id: Uuid::from_u128(2).into(),
        organisation_id: Uuid::from_u128(3).into(),
        event_id: Uuid::from_u128(4).into(),
        name: "Regular".to_owned(),
        price_minor: 2_500,
        quota: None,
        // The ticket's own number counts; the type's is only what a new ticket begins with.
        entries_allowed: 99,
        reentry,
        gates: gates.iter().map(|gate| (*gate).to_owned()).collect(),
        valid_from,
        valid_until,
        taken: 1,
        held: 0,
        created_at: now() - minutes(1_000),
    }
}

fn movement(used: i32, inside: i32) -> Movement {
    Movement {
        seq: 7,
        direction: Direction::In,
        used,
        inside,
        gate: None,
        recorded_at: now() - minutes(5),
        device_id: Some(Uuid::from_u128(5).into()),
        device_name: Some("Phone 5".to_owned()),
    }
}

fn named() -> Named {
    Named::new(Uuid::from_u128(6), "Next door")
}

impl Scene {
    fn verdict(self) -> Verdict {
        let (listed, gate): (&[&str], Option<&str>) = match self.gates {
            Gates::AnyNamed => (&[], Some("South")),
            Gates::AnyUnnamed => (&[], None),
            Gates::Listed => (&["North", "South"], Some("South")),
            Gates::NotListed => (&["North", "South"], Some("south")),
            Gates::Unnamed => (&["North", "South"], None),
        };
        let ticket = ticket(self.status, self.allowed);
        let ticket_type = ticket_type(self.window, listed, self.reentry);
        let last = self.moved.then(|| movement(self.used, self.inside));
        decide(&Question {
            ticket: Some(&ticket),
            ticket_type: Some(&ticket_type),
            last: last.as_ref(),
            elsewhere: None,
            direction: self.direction,
            gate,
            now: now(),
        })
    }

    /// All that can be said against a scan, most important first.
    fn objections(self) -> Vec<Reason> {
        let coming = self.direction == Direction::In;
        [
            (self.status == TicketStatus::Void, Reason::Void),
            (self.status == TicketStatus::Refunded, Reason::Refunded),
            (self.status == TicketStatus::Unpaid, Reason::Unpaid),
            (self.status == TicketStatus::Blocked, Reason::Blocked),
            (coming && self.window == Window::Before, Reason::TooEarly),
            (coming && self.window == Window::After, Reason::TooLate),
            (coming && matches!(self.gates, Gates::NotListed | Gates::Unnamed), Reason::WrongGate),
            (coming && self.used >= self.allowed, Reason::AlreadyAdmitted),
            (!coming && self.inside < 1, Reason::NotInside),
        ]
        .into_iter()
        .filter_map(|(applies, reason)| applies.then_some(reason))
        .collect()
    }

    fn expected(self) -> Verdict {
        match (self.objections().first(), self.direction) {
            (Some(reason), _) => Verdict::Refuse(*reason),
            (None, Direction::In) => Verdict::Admit { uses: 1 },
            (None, Direction::Out) if self.reentry => Verdict::Admit { uses: -1 },
            (None, Direction::Out) => Verdict::Admit { uses: 0 },
        }
    }
}

#[test]
fn a_window_may_be_open_at_one_end() {
    let open_start = |until| TicketType { valid_from: None, valid_until: Some(until), ..ticket_type(Window::None, &[], false) };
    let open_end = |from| TicketType { valid_from: Some(from), valid_until: None, ..ticket_type(Window::None, &[], false) };
    for (ticket_type, verdict) in [
        (open_start(now()), Verdict::Admit { uses: 1 }),
        (open_start(now() - TICK), Verdict::Refuse(Reason::TooLate)),
        (open_end(now()), Verdict::Admit { uses: 1 }),
        (open_end(now() + TICK), Verdict::Refuse(Reason::TooEarly)),
    ] {
        let ticket = ticket(TicketStatus::Valid, 1);
        let question = Question { ticket: Some(&ticket), ticket_type: Some(&ticket_type), ..nothing(Direction::In) };
        assert_eq!(decide(&question), verdict, "{ticket_type:?}");
    }
}

#[test]
fn a_tickets_own_window_is_used_instead_of_its_types() {
    let own = |valid_from, valid_until| Ticket { valid_from, valid_until, ..ticket(TicketStatus::Valid, 1) };
    for of_type in WINDOWS {
        let ticket_type = ticket_type(of_type, &[], false);
        for (ticket, verdict) in [
            (own(Some(now()), Some(now())), Verdict::Admit { uses: 1 }),
            (own(Some(now()), None), Verdict::Admit { uses: 1 }),
            (own(None, Some(now())), Verdict::Admit { uses: 1 }),
            (own(Some(now() + TICK), None), Verdict::Refuse(Reason::TooEarly)),
            (own(None, Some(now() - TICK)), Verdict::Refuse(Reason::TooLate)),
        ] {
            let question = Question { ticket: Some(&ticket), ticket_type: Some(&ticket_type), ..nothing(Direction::In) };
            assert_eq!(decide(&question), verdict, "{ticket:?} {of_type:?}");
        }
    }
}

/// A scan of which nothing was found.
fn nothing<'q>(direction: Direction) -> Question<'q> {
    Question { ticket: None, ticket_type: None, last: None, elsewhere: None, direction, gate: None, now: now() }
}

#[test]
fn a_code_that_is_not_of_this_event_is_unknown_or_of_another() {
    let (ticket, ticket_type, elsewhere) = (ticket(TicketStatus::Valid, 1), ticket_type(Window::None, &[], false), named());
    for direction in DIRECTIONS {
        let nothing = nothing(direction);
        // A ticket without its type is no better than none: it is unknown when and where it is valid.
        for question in [nothing, Question { ticket: Some(&ticket), ..nothing }, Question { ticket_type: Some(&ticket_type), ..nothing }] {
            assert_eq!(decide(&question), Verdict::Refuse(Reason::UnknownTicket), "{question:?}");
            let question = Question { elsewhere: Some(&elsewhere), ..question };
            assert_eq!(decide(&question), Verdict::Refuse(Reason::WrongEvent), "{question:?}");
        }
    }
    // Where this event has the ticket, it does not matter that another has one with the same code.
    let question =
        Question { ticket: Some(&ticket), ticket_type: Some(&ticket_type), elsewhere: Some(&elsewhere), ..nothing(Direction::In) };
    assert_eq!(decide(&question), Verdict::Admit { uses: 1 });
}

#[test]
fn the_reasons_are_spelled_as_in_the_contract() {
    let contract = "unknown_ticket wrong_event already_admitted void refunded unpaid blocked too_early too_late wrong_gate not_inside";
    assert!(Reason::ALL.iter().map(|reason| reason.as_str()).eq(contract.split(' ')));
    for reason in Reason::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
    }
    assert_eq!(serde_json::to_value([VerdictWord::Admit, VerdictWord::Refuse]).unwrap(), serde_json::json!(["admit", "refuse"]));
}

//! The whole table: every status, direction, window, gate, number of entries and people inside, with and without re-entry.

use super::*;

/// Entries allowed and used, people inside, and whether the ticket has moved: all that can come about with up to three entries.
fn counts() -> Vec<(i32, i32, i32, bool)> {
    let mut counts = Vec::new();
    for allowed in 1..=3 {
        counts.push((allowed, 0, 0, false));
        for used in 0..=allowed {
            counts.extend((0..=used).map(|inside| (allowed, used, inside, true)));
        }
    }
    counts
}

/// Every scene of the table.
fn scenes() -> Vec<Scene> {
    let mut scenes = Vec::new();
    for &status in STATUSES {
        for direction in DIRECTIONS {
            for window in WINDOWS {
                for gates in GATES {
                    for (allowed, used, inside, moved) in counts() {
                        for reentry in [false, true] {
                            scenes.push(Scene { status, direction, window, gates, allowed, used, inside, moved, reentry });
                        }
                    }
                }
            }
        }
    }
    scenes
}

#[test]
fn every_case_is_decided_as_the_rules_say() {
    let scenes = scenes();
    assert_eq!(scenes.len(), 5 * 2 * 6 * 5 * (4 + 7 + 11) * 2);
    for scene in &scenes {
        assert_eq!(scene.verdict(), scene.expected(), "{scene:?}");
    }
    // No reason of a ticket that was found is out of the table's reach.
    for reason in Reason::ALL.iter().filter(|reason| !matches!(reason, Reason::UnknownTicket | Reason::WrongEvent)) {
        assert!(scenes.iter().any(|scene| scene.verdict() == Verdict::Refuse(*reason)), "{reason}");
    }
}

#[test]
fn the_cases_that_everybody_at_a_door_knows() {
    use Verdict::{Admit, Refuse};
    const IN: Scene = Scene { moved: true, used: 1, inside: 1, ..GOOD };
    const OUT: Scene = Scene { direction: Direction::Out, ..IN };
    let table = [
        ("the first scan", GOOD, Admit { uses: 1 }),
        ("the second scan", IN, Refuse(Reason::AlreadyAdmitted)),
        ("the second scan of a ticket for two", Scene { allowed: 2, ..IN }, Admit { uses: 1 }),
        ("the third scan of a ticket for two", Scene { allowed: 2, used: 2, inside: 2, ..IN }, Refuse(Reason::AlreadyAdmitted)),
        ("out for a smoke", OUT, Admit { uses: 0 }),
        ("out for a smoke, re-entry allowed", Scene { reentry: true, ..OUT }, Admit { uses: -1 }),
        ("in again", Scene { inside: 0, ..IN }, Refuse(Reason::AlreadyAdmitted)),
        ("in again, re-entry allowed", Scene { used: 0, inside: 0, reentry: true, ..IN }, Admit { uses: 1 }),
        ("out twice", Scene { inside: 0, ..OUT }, Refuse(Reason::NotInside)),
        ("out without ever having come", Scene { direction: Direction::Out, ..GOOD }, Refuse(Reason::NotInside)),
        (
            "out after the last minute, by a gate of others",
            Scene { window: Window::After, gates: Gates::NotListed, ..OUT },
            Admit { uses: 0 },
        ),
        ("the moment the window begins", Scene { window: Window::Begins, ..GOOD }, Admit { uses: 1 }),
        ("the moment the window ends", Scene { window: Window::Ends, ..GOOD }, Admit { uses: 1 }),
        ("a millisecond too early", Scene { window: Window::Before, ..GOOD }, Refuse(Reason::TooEarly)),
        ("a millisecond too late", Scene { window: Window::After, ..GOOD }, Refuse(Reason::TooLate)),
        ("a gate spelled otherwise", Scene { gates: Gates::NotListed, ..GOOD }, Refuse(Reason::WrongGate)),
        ("no gate where gates are named", Scene { gates: Gates::Unnamed, ..GOOD }, Refuse(Reason::WrongGate)),
        ("no gate where none is named", Scene { gates: Gates::AnyUnnamed, ..GOOD }, Admit { uses: 1 }),
        ("not paid for", Scene { status: TicketStatus::Unpaid, ..GOOD }, Refuse(Reason::Unpaid)),
        ("paid back while inside", Scene { status: TicketStatus::Refunded, ..OUT }, Refuse(Reason::Refunded)),
    ];
    for (case, scene, verdict) in table {
        assert_eq!(scene.verdict(), verdict, "{case}");
    }
}

/// A reason, and what brings it about.
type Fault = (Reason, fn(&mut Scene));

#[test]
fn status_goes_before_time_before_gate_before_entries() {
    let faults: [Fault; 4] = [
        (Reason::Blocked, |scene| scene.status = TicketStatus::Blocked),
        (Reason::TooLate, |scene| scene.window = Window::After),
        (Reason::WrongGate, |scene| scene.gates = Gates::NotListed),
        (Reason::AlreadyAdmitted, |scene| (scene.moved, scene.used, scene.inside) = (true, 1, 1)),
    ];
    for choice in 0..1_u32 << faults.len() {
        let mut scene = GOOD;
        let mut first = None;
        for (place, (reason, spoil)) in faults.iter().enumerate() {
            if choice & (1 << place) != 0 {
                spoil(&mut scene);
                first = first.or(Some(*reason));
            }
        }
        assert_eq!(scene.verdict(), first.map_or(Verdict::Admit { uses: 1 }, Verdict::Refuse), "{scene:?}");
    }
}

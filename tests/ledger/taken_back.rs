//! Movements that take others back, and movements that another system made.

use futures::future::join_all;
use stagedoor::clock;
use stagedoor::ledger::LedgerError;
use stagedoor::ledger::entry::Outcome;
use stagedoor::ledger::scan::ScanRecorded;

use super::entries::{ScanDraft, ScanOutcome};
use super::ledgers::{look, scan};
use super::{Ledgers, Stage, on_both_ledgers};
use crate::support::PATIENCE;

/// Number, entries used and how many are inside, where it was written.
fn written(outcome: &ScanOutcome) -> Option<(i32, i32, i32)> {
    match *outcome {
        Outcome::Recorded(ScanRecorded { seq, used, inside, .. }) => Some((seq, used, inside)),
        Outcome::Moved => None,
        Outcome::Refused(never) => match never {},
    }
}

on_both_ledgers!(a_movement_is_taken_back_once);
async fn a_movement_is_taken_back_once(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let ticket = stage.ticket(&ledgers, "A-1", 2).await;
    let (first, second) = (stage.entry(&ticket), stage.entry(&ticket));
    for (entry, expected) in [
        (first.clone(), Some((1, 1, 1))),
        (second.clone(), Some((2, 2, 2))),
        (stage.back(&first), Some((3, 1, 1))),
        (stage.back(&first), None),
        (stage.entry(&ticket), Some((4, 2, 2))),
        (stage.entry(&ticket), None),
        (stage.back(&second), Some((5, 1, 1))),
    ] {
        assert_eq!(written(&scan(&ledgers.a, &stage, &entry).await), expected, "{entry:?}");
    }
}

on_both_ledgers!(an_exit_is_taken_back_as_it_was);
async fn an_exit_is_taken_back_as_it_was(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    for (code, uses, left, back) in [("KEPT", 0, (2, 1, 0), (3, 1, 1)), ("GIVEN BACK", -1, (2, 0, 0), (3, 1, 1))] {
        let ticket = stage.ticket(&ledgers, code, 1).await;
        let exit = stage.exit(&ticket, uses);
        assert_eq!(written(&scan(&ledgers.a, &stage, &stage.entry(&ticket)).await), Some((1, 1, 1)));
        assert_eq!(written(&scan(&ledgers.a, &stage, &exit).await), Some(left));
        assert_eq!(written(&scan(&ledgers.b, &stage, &stage.back(&exit)).await), Some(back), "{code}");
    }
}

on_both_ledgers!(what_has_gone_on_is_not_taken_back);
async fn what_has_gone_on_is_not_taken_back(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    // The guest has left: there is no one inside to take back.
    for (code, uses) in [("LEFT", 0), ("LEFT, MAY COME AGAIN", -1)] {
        let ticket = stage.ticket(&ledgers, code, 1).await;
        let entry = stage.entry(&ticket);
        scan(&ledgers.a, &stage, &entry).await;
        assert!(written(&scan(&ledgers.a, &stage, &stage.exit(&ticket, uses)).await).is_some());
        assert_eq!(written(&scan(&ledgers.a, &stage, &stage.back(&entry)).await), None, "{code}");
    }
    // The entry that the exit gave back is used again.
    let ticket = stage.ticket(&ledgers, "AGAIN", 1).await;
    let exit = stage.exit(&ticket, -1);
    for entry in [&stage.entry(&ticket), &exit, &stage.entry(&ticket)] {
        assert!(written(&scan(&ledgers.a, &stage, entry).await).is_some());
    }
    assert_eq!(written(&scan(&ledgers.a, &stage, &stage.back(&exit)).await), None);
}

on_both_ledgers!(one_of_many_takes_it_back);
async fn one_of_many_takes_it_back(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    for round in 0..8 {
        let ticket = stage.ticket(&ledgers, &format!("T-{round}"), 4).await;
        let entry = stage.entry(&ticket);
        assert!(written(&scan(&ledgers.a, &stage, &entry).await).is_some());
        // Eight people take it back while eight others come in on the same ticket.
        let all: Vec<ScanDraft> = (0..8).flat_map(|_| [stage.back(&entry), stage.entry(&ticket)]).collect();
        let outcomes = join_all(all.iter().enumerate().map(|(turn, entry)| scan(ledgers.turn(turn), &stage, entry))).await;
        let backs = all.iter().zip(&outcomes).filter(|(entry, outcome)| entry.undoes.is_some() && written(outcome).is_some()).count();
        assert!(backs <= 1, "taken back {backs} times");
        let broken = "select count(*) from admissions f left join admissions b on b.ticket_id = f.ticket_id and b.seq = f.seq - 1
            where f.ticket_id = $1 and f.seq > 1 and (b.seq is null
                or f.inside <> b.inside + case f.direction when 'in' then 1 else -1 end
                or f.used <> b.used + case f.direction when 'in' then 1 else -1 end)";
        assert_eq!(ledgers.number(broken, ticket.id).await, 0, "each movement counts from the one before");
        assert_eq!(ledgers.number("select count(*) from admissions where ticket_id = $1 and used > 4", ticket.id).await, 0);
        assert_eq!(
            ledgers.number("select count(*) from admissions where ticket_id = $1 and undoes is not null", ticket.id).await,
            backs as i64
        );
    }
}

on_both_ledgers!(the_ledger_itself_sees_that_it_is_reversed);
async fn the_ledger_itself_sees_that_it_is_reversed(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let (ticket, other) = (stage.ticket(&ledgers, "A-1", 9).await, stage.ticket(&ledgers, "A-2", 9).await);
    let entry = stage.entry(&ticket);
    for entry in [&entry, &stage.entry(&ticket), &stage.entry(&other)] {
        assert!(written(&scan(&ledgers.a, &stage, entry).await).is_some());
    }
    let back = stage.back(&entry);
    let back_again = ScanDraft { undoes: Some(back.id), ..stage.back(&back) };
    assert!(written(&scan(&ledgers.a, &stage, &back).await).is_some());
    let second = stage.entry(&ticket);
    assert!(written(&scan(&ledgers.a, &stage, &second).await).is_some());
    for wrong in [
        ScanDraft { uses: 0, ..stage.back(&second) },
        ScanDraft { direction: second.direction, uses: 1, ..stage.back(&second) },
        ScanDraft { ticket: other.id, ..stage.back(&second) },
        ScanDraft { undoes: Some(clock::new_id()), ..stage.back(&second) },
        back_again,
    ] {
        let refused = ledgers.a.commit_scan(wrong.entry(&stage), clock::deadline(PATIENCE)).await;
        assert!(matches!(refused, Err(LedgerError::Broken)), "{wrong:?}: {refused:?}");
    }
}

on_both_ledgers!(a_movement_of_another_system_has_no_device);
async fn a_movement_of_another_system_has_no_device(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let ticket = stage.ticket(&ledgers, "A-1", 2).await;
    let carry_over =
        "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, recorded_at, fingerprint)
        select organisation_id, id, event_id, id, 1, 'in', 1, 1, created_at, 'carried over' from tickets";
    ledgers.execute(carry_over).await.unwrap();
    let (_, last) = look(&ledgers.a, stage.look_for("A-1")).await.ticket.unwrap();
    let last = last.unwrap();
    assert_eq!((last.seq, last.used, last.inside, last.device()), (1, 1, 1, None));
    assert_eq!(written(&scan(&ledgers.a, &stage, &stage.entry(&ticket)).await), Some((2, 2, 2)));

    let half = "insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, recorded_at, fingerprint)
        select organisation_id, event_id, event_id, id, 3, 'in', 3, 3, id, created_at, 'half' from tickets";
    assert!(ledgers.execute(half).await.is_err(), "a session without a device");
}

//! Movements: numbered and counted by the ledger itself, written once, and only while what they were decided on is unchanged.

use futures::future::join_all;
use stagedoor::clock;
use stagedoor::ids::ScanId;
use stagedoor::ledger::entry::Outcome;
use stagedoor::ledger::scan::ScanRecorded;
use stagedoor::ledger::{Ledger, UploadTicket};

use super::entries::{ScanDraft, ScanOutcome};
use super::ledgers::{look, scan};
use super::{Ledgers, Part, Stage, on_both_ledgers};

/// Number, entries used and how many are inside, where it was written.
type Written = Option<(i32, i32, i32)>;

fn written(outcome: &ScanOutcome) -> Written {
    match *outcome {
        Outcome::Recorded(ScanRecorded { seq, used, inside, .. }) => Some((seq, used, inside)),
        Outcome::Moved => None,
        Outcome::Refused(never) => match never {},
    }
}

on_both_ledgers!(movements_are_numbered_and_counted);
async fn movements_are_numbered_and_counted(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let ticket = stage.ticket(&ledgers, "A-1", 2).await;
    let (enter, leave, give_back) = (stage.entry(&ticket), stage.exit(&ticket, 0), stage.exit(&ticket, -1));
    let story: [(&ScanDraft, Written); 11] = [
        (&give_back, None),
        (&leave, None),
        (&enter, Some((1, 1, 1))),
        (&enter, Some((2, 2, 2))),
        (&enter, None),
        (&leave, Some((3, 2, 1))),
        (&enter, None),
        (&give_back, Some((4, 1, 0))),
        (&leave, None),
        (&enter, Some((5, 2, 1))),
        (&enter, None),
    ];
    for (turn, (movement, expected)) in story.into_iter().enumerate() {
        let again = ScanDraft { id: clock::new_id(), ..movement.clone() };
        assert_eq!(written(&scan(ledgers.turn(turn), &stage, &again).await), expected, "movement {turn}");
    }
    assert_eq!(numbers(&ledgers, &ticket).await, (5, 5));
}

on_both_ledgers!(sixteen_entries_are_sixteen_green_lights);
async fn sixteen_entries_are_sixteen_green_lights(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let ticket = stage.ticket(&ledgers, "A-1", 16).await;
    let phones = (0..40).map(|n| {
        let (ledger, stage, ticket) = (ledgers.turn(n).clone(), stage.clone(), ticket.clone());
        tokio::spawn(async move { enter(&ledger, &stage, &ticket).await })
    });
    let answers: Vec<Written> = join_all(phones).await.into_iter().map(Result::unwrap).collect();
    let mut green: Vec<(i32, i32, i32)> = answers.into_iter().flatten().collect();
    green.sort_unstable();
    let expected: Vec<(i32, i32, i32)> = (1..=16).map(|n| (n, n, n)).collect();
    assert_eq!(green, expected);
    assert_eq!(numbers(&ledgers, &ticket).await, (16, 16));
}

/// As an attempt does it: a scan that was not written is decided again, until the entries are used up.
async fn enter(ledger: &Ledger, stage: &Stage, ticket: &UploadTicket) -> Written {
    loop {
        let green = written(&scan(ledger, stage, &stage.entry(ticket)).await);
        let (_, last) = look(ledger, stage.look_for(&ticket.code)).await.ticket.unwrap();
        if green.is_some() || last.is_some_and(|last| last.used >= ticket.entries_allowed) {
            return green;
        }
    }
}

on_both_ledgers!(an_id_is_written_once);
async fn an_id_is_written_once(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let (ticket, second) = (stage.ticket(&ledgers, "A-1", 99).await, stage.ticket(&ledgers, "A-2", 99).await);
    let entry = stage.entry(&ticket);
    // The same request at both gateways at once, among others for the same ticket.
    let same = (0..8).map(|n| (n, entry.clone()));
    let others = (0..8).map(|n| (n, stage.entry(&ticket)));
    let all: Vec<(usize, ScanDraft)> = same.zip(others).flat_map(|(same, other)| [other, same]).collect();
    let outcomes = join_all(all.iter().map(|(n, entry)| scan(ledgers.turn(*n), &stage, entry))).await;
    let green = |id: ScanId| all.iter().zip(&outcomes).filter(|((_, e), o)| e.id == id && written(o).is_some()).count();
    assert_eq!(green(entry.id), 1);
    let (rows, last) = numbers(&ledgers, &ticket).await;
    assert_eq!(rows, last, "the numbers have a gap");

    for turn in 0..2 {
        for repeated in
            [entry.clone(), ScanDraft { id: entry.id, ..stage.entry(&second) }, ScanDraft { id: entry.id, ..stage.exit(&ticket, 0) }]
        {
            assert_eq!(written(&scan(ledgers.turn(turn), &stage, &repeated).await), None);
        }
    }
    assert_eq!(numbers(&ledgers, &ticket).await, (rows, last));
    assert_eq!(numbers(&ledgers, &second).await, (0, 0));
    // Ids are each organisation's own.
    let neighbour = Stage::open(&ledgers).await;
    let theirs = neighbour.ticket(&ledgers, "A-1", 1).await;
    let entry = ScanDraft { id: entry.id, ..neighbour.entry(&theirs) };
    assert_eq!(written(&scan(&ledgers.a, &neighbour, &entry).await), Some((1, 1, 1)));
}

on_both_ledgers!(a_moved_ground_holds_back_only_its_own);
async fn a_moved_ground_holds_back_only_its_own(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    for part in Part::ALL {
        stage.move_on(&ledgers.b, part).await;
    }
    let ticket = stage.ticket(&ledgers, "A-1", 99).await;
    let moved = stage.moved_grounds().into_iter().map(|decided_on| ScanDraft { decided_on, ..stage.entry(&ticket) });
    let entries: Vec<ScanDraft> = moved.flat_map(|moved| [moved, stage.entry(&ticket)]).collect();
    // At one gateway at once: while the first is being written, the others gather in one batch.
    let outcomes = join_all(entries.iter().map(|entry| scan(&ledgers.a, &stage, entry))).await;
    for (entry, outcome) in entries.iter().zip(&outcomes) {
        assert_eq!(written(outcome).is_some(), entry.decided_on == stage.decided_on(), "{entry:?}: {outcome:?}");
    }
    assert_eq!(numbers(&ledgers, &ticket).await, (8, 8));
}

on_both_ledgers!(one_of_many_tickets_holds_back_only_itself);
async fn one_of_many_tickets_holds_back_only_itself(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let mut entries = Vec::new();
    for n in 0..12 {
        entries.push(stage.entry(&stage.ticket(&ledgers, &format!("A-{n}"), 1).await));
    }
    // One is in the ledger already, under its own id; one under another; one was decided on what has moved.
    assert!(written(&scan(&ledgers.b, &stage, &entries[3]).await).is_some());
    let elsewhere = ScanDraft { id: clock::new_id(), ..entries[6].clone() };
    assert!(written(&scan(&ledgers.b, &stage, &elsewhere).await).is_some());
    entries[9].decided_on = stage.moved_grounds()[0];
    // All at one gateway at once: each of these three is in a batch among others.
    let outcomes = join_all(entries.iter().map(|entry| scan(&ledgers.a, &stage, entry))).await;
    for (n, (entry, outcome)) in entries.iter().zip(&outcomes).enumerate() {
        let expected = ![3, 6, 9].contains(&n);
        assert_eq!(written(outcome), expected.then_some((1, 1, 1)), "{n}: {entry:?}");
        let rows = ledgers.number("select count(*) from admissions where ticket_id = $1", entry.ticket).await;
        assert_eq!(rows, i64::from(n != 9), "{n}");
    }
}

on_both_ledgers!(what_was_decided_before_a_change_is_not_written_after_it);
async fn what_was_decided_before_a_change_is_not_written_after_it(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let ticket = stage.ticket(&ledgers, "A-1", 99).await;
    for part in Part::ALL {
        let decided = stage.entry(&ticket);
        stage.move_on(&ledgers.b, part).await;
        assert_eq!(written(&scan(&ledgers.a, &stage, &decided).await), None, "{part:?} has moved");
        let afresh = ScanDraft { decided_on: stage.decided_on(), ..decided };
        assert!(written(&scan(&ledgers.a, &stage, &afresh).await).is_some(), "{part:?} stands");
    }
    assert_eq!(numbers(&ledgers, &ticket).await, (4, 4));
}

/// How many movements a ticket has, and the last one's number: the same where there is no gap.
async fn numbers(ledgers: &Ledgers, ticket: &UploadTicket) -> (i64, i64) {
    let rows = ledgers.number("select count(*) from admissions where ticket_id = $1", ticket.id).await;
    let last = "select cast(coalesce(max(seq), 0) as bigint) from admissions where ticket_id = $1";
    (rows, ledgers.number(last, ticket.id).await)
}

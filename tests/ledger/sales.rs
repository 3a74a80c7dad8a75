//! Sales: receipts without gaps, never over the quota, all of a sale or nothing of it.

use futures::future::join_all;
use stagedoor::clock;
use stagedoor::ids::{Named, TicketTypeId};
use stagedoor::ledger::change::Images;
use stagedoor::ledger::entry::Outcome;
use stagedoor::ledger::rows::TicketType;
use stagedoor::ledger::sale::{SaleRecorded, SoldOut};

use super::entries::{SaleDraft, SaleOutcome};
use super::ledgers::{look, sell};
use super::stage::ticket_type;
use super::{Ledgers, Part, Stage, on_both_ledgers};

fn receipt(outcome: &SaleOutcome) -> Option<i64> {
    match outcome {
        Outcome::Recorded(SaleRecorded { receipt_number, .. }) => Some(*receipt_number),
        Outcome::Refused(_) | Outcome::Moved => None,
    }
}

fn sold_out(outcome: &SaleOutcome) -> Option<(TicketTypeId, i32)> {
    match outcome {
        Outcome::Refused(SoldOut { ticket_type, left }) => Some((*ticket_type, *left)),
        Outcome::Recorded(_) | Outcome::Moved => None,
    }
}

/// All of these at once, over both gateways.
async fn all_at_once(ledgers: &Ledgers, stage: &Stage, sales: &[SaleDraft]) -> Vec<SaleOutcome> {
    join_all(sales.iter().enumerate().map(|(n, sale)| sell(ledgers.turn(n), stage, sale))).await
}

on_both_ledgers!(a_sale_is_written_with_all_that_belongs_to_it);
async fn a_sale_is_written_with_all_that_belongs_to_it(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let entry = stage.sale(&[(&stage.seat, 1), (&stage.lounge, 2)]);
    assert_eq!(receipt(&sell(&ledgers.a, &stage, &entry).await), Some(1));

    let recorded = ledgers.b.sale(stage.organisation.id, entry.id).await.unwrap().unwrap();
    let sale = &recorded.sale;
    assert_eq!((sale.id, sale.event_id, sale.device_id, sale.receipt_number), (entry.id, stage.event.id, stage.device.id, 1));
    assert_eq!((sale.currency.as_str(), sale.total_minor, sale.method), ("EUR", 3_750, entry.method));
    assert_eq!((sale.tendered_minor, sale.change_minor, &sale.reference), (Some(3_900), Some(150), &None));
    assert_eq!((&sale.fingerprint, &recorded.event), (&entry.fingerprint, &Named::new(stage.event.id, "Gala")));
    let lines: Vec<_> =
        recorded.lines.iter().map(|l| (l.ticket_type_id, l.name.as_str(), l.quantity, l.unit_minor, l.amount_minor)).collect();
    assert_eq!(lines, [(stage.seat.id, "Seat", 1, 1_250, 1_250), (stage.lounge.id, "Lounge", 2, 1_250, 2_500)]);
    assert_eq!(recorded.tickets.len(), 3);
    for ticket in &entry.tickets {
        let found = recorded.tickets.iter().find(|found| found.id == ticket.id).unwrap();
        assert_eq!((&found.code, found.ticket_type_id), (&ticket.code, ticket.ticket_type_id));
        let (_, last) = look(&ledgers.b, stage.look_for(&ticket.code)).await.ticket.unwrap();
        let told = last.map(|m| (m.seq, m.used, m.inside, m.gate));
        assert_eq!(told, ticket.admission.map(|_| (1, 1, 1, Some("North".to_owned()))));
    }
    assert_eq!(taken(&ledgers, &[&stage.seat, &stage.lounge]).await, [1, 2]);
    let admission = entry.tickets[0].admission.unwrap();
    assert_eq!(ledgers.number("select count(*) from admissions where id = $1", admission).await, 1);
}

on_both_ledgers!(receipts_have_no_gaps);
async fn receipts_have_no_gaps(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let good = (0..12).map(|_| stage.sale(&[(&stage.seat, 1)]));
    let too_many = (0..12).map(|_| stage.sale(&[(&stage.seat, 1), (&stage.lounge, 11)]));
    let moved = stage.moved_grounds().into_iter().cycle().map(|decided_on| SaleDraft { decided_on, ..stage.sale(&[(&stage.seat, 1)]) });
    let sales: Vec<SaleDraft> = good.zip(too_many).zip(moved).flat_map(|((a, b), c)| [a.clone(), b, c, a]).collect();
    let outcomes = all_at_once(&ledgers, &stage, &sales).await;
    let mut receipts: Vec<i64> = outcomes.iter().filter_map(receipt).collect();
    receipts.sort_unstable();
    assert_eq!(receipts, (1..=12).collect::<Vec<i64>>());
    assert_eq!(ledgers.total("select max(receipt_number) from sales").await, 12);
    assert_eq!(census(&ledgers).await, [12, 12, 12, 12]);
    // Each organisation counts for itself.
    let neighbour = Stage::open(&ledgers).await;
    assert_eq!(receipt(&sell(&ledgers.b, &neighbour, &neighbour.sale(&[(&neighbour.seat, 1)])).await), Some(1));
    assert_eq!(receipt(&sell(&ledgers.b, &stage, &stage.sale(&[(&stage.seat, 1)])).await), Some(13));
}

on_both_ledgers!(the_quota_holds);
async fn the_quota_holds(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    // Baskets in two orders: locks taken in the order of the lines would deadlock.
    let basket = |n: i32| {
        let lines = [(&stage.seat, 1), (&stage.lounge, 1 + n % 3)];
        stage.sale(&if n % 2 == 0 { lines } else { [lines[1], lines[0]] })
    };
    let sales: Vec<SaleDraft> = (0..30).map(basket).collect();
    let outcomes = all_at_once(&ledgers, &stage, &sales).await;
    let mut sold = 0;
    for (sale, outcome) in sales.iter().zip(&outcomes) {
        let wanted = sale.lines.iter().find(|line| line.ticket_type_id == stage.lounge.id).unwrap().quantity;
        match sold_out(outcome) {
            Some((lacking, left)) => assert!(lacking == stage.lounge.id && left < wanted, "{wanted} were wanted: {outcome:?}"),
            None => sold += i64::from(wanted),
        }
    }
    assert_eq!(sold, 10, "one ticket at a time was asked for as well: what was left could be sold");
    assert_eq!(ledgers.number("select count(*) from tickets where ticket_type_id = $1", stage.lounge.id).await, 10);
    assert_eq!(taken(&ledgers, &[&stage.lounge]).await, [10]);
    let last = sell(&ledgers.b, &stage, &stage.sale(&[(&stage.lounge, 1)])).await;
    assert_eq!(sold_out(&last), Some((stage.lounge.id, 0)));
}

on_both_ledgers!(sold_out_names_the_first_that_lacks_and_what_is_left);
async fn sold_out_names_the_first_that_lacks_and_what_is_left(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let balcony = ticket_type(&stage.event, "Balcony", Some(4));
    let event = stage.step(Part::Event);
    ledgers.stored(&stage.change(Images { ticket_types: vec![balcony.clone()], ..event })).await;
    let (seat, lounge) = (stage.seat.clone(), stage.lounge.clone());
    assert!(receipt(&sell(&ledgers.a, &stage, &stage.sale(&[(&lounge, 8), (&balcony, 1)])).await).is_some());
    let before = census(&ledgers).await;
    let stories = [
        (vec![(&seat, 1), (&lounge, 3), (&balcony, 4)], (lounge.id, 2)),
        (vec![(&balcony, 4), (&lounge, 3), (&seat, 1)], (balcony.id, 3)),
        (vec![(&balcony, 3), (&lounge, 3)], (lounge.id, 2)),
        (vec![(&lounge, 2), (&balcony, 5)], (balcony.id, 3)),
    ];
    for (turn, (basket, lacking)) in stories.into_iter().enumerate() {
        assert_eq!(sold_out(&sell(ledgers.turn(turn), &stage, &stage.sale(&basket)).await), Some(lacking));
        assert_eq!(census(&ledgers).await, before, "a part of a sale was written");
        assert_eq!(taken(&ledgers, &[&seat, &lounge, &balcony]).await, [0, 8, 1]);
    }
    // What is left to the last one can be sold.
    assert_eq!(receipt(&sell(&ledgers.b, &stage, &stage.sale(&[(&lounge, 2), (&balcony, 3)])).await), Some(2));

    // A quota that was lowered below what is sold leaves nothing, and not less.
    let event = stage.step(Part::Event);
    let fewer = TicketType { quota: Some(5), ..lounge.clone() };
    ledgers.stored(&stage.change(Images { ticket_types: vec![fewer], ..event })).await;
    assert_eq!(taken(&ledgers, &[&lounge]).await, [10], "a new image of a type has no say in what is taken");
    assert_eq!(sold_out(&sell(&ledgers.a, &stage, &stage.sale(&[(&lounge, 1)])).await), Some((lounge.id, 0)));
}

on_both_ledgers!(an_id_is_sold_once);
async fn an_id_is_sold_once(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let entry = stage.sale(&[(&stage.lounge, 1)]);
    // Repeated as it is, and with another basket that locks other stock.
    let other = SaleDraft { id: entry.id, ..stage.sale(&[(&stage.seat, 2)]) };
    let same: Vec<SaleDraft> = (0..8).flat_map(|_| [entry.clone(), entry.clone(), other.clone(), other.clone()]).collect();
    let outcomes = all_at_once(&ledgers, &stage, &same).await;
    assert_eq!(outcomes.iter().filter_map(receipt).collect::<Vec<i64>>(), [1]);
    let before = (census(&ledgers).await, taken(&ledgers, &[&stage.seat, &stage.lounge]).await);
    assert_eq!((before.0[0], before.0[1]), (1, 1));
    for turn in 0..2 {
        for repeated in [&entry, &other] {
            let outcome = sell(ledgers.turn(turn), &stage, repeated).await;
            assert!(matches!(outcome, Outcome::Moved), "{outcome:?}");
        }
    }
    assert_eq!((census(&ledgers).await, taken(&ledgers, &[&stage.seat, &stage.lounge]).await), before);
    let neighbour = Stage::open(&ledgers).await;
    let theirs = SaleDraft { id: entry.id, ..neighbour.sale(&[(&neighbour.seat, 1)]) };
    assert_eq!(receipt(&sell(&ledgers.a, &neighbour, &theirs).await), Some(1));
}

on_both_ledgers!(a_moved_ground_sells_nothing);
async fn a_moved_ground_sells_nothing(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let moved = stage.moved_grounds().into_iter().map(|decided_on| SaleDraft { decided_on, ..stage.sale(&[(&stage.seat, 1)]) });
    let sales: Vec<SaleDraft> = moved.flat_map(|moved| [moved, stage.sale(&[(&stage.seat, 1)])]).collect();
    // At one gateway at once: while the first is being written, the others gather in one batch.
    let outcomes = join_all(sales.iter().map(|sale| sell(&ledgers.a, &stage, sale))).await;
    for (sale, outcome) in sales.iter().zip(&outcomes) {
        assert_eq!(receipt(outcome).is_some(), sale.decided_on == stage.decided_on(), "{:?}: {outcome:?}", sale.decided_on);
    }
    assert_eq!((census(&ledgers).await, taken(&ledgers, &[&stage.seat]).await), ([8, 8, 8, 8], vec![8]));

    for (part, number) in Part::ALL.into_iter().zip(9..) {
        let decided = stage.sale(&[(&stage.seat, 1)]);
        stage.move_on(&ledgers.b, part).await;
        let outcome = sell(&ledgers.a, &stage, &decided).await;
        assert!(matches!(outcome, Outcome::Moved), "{part:?} has moved: {outcome:?}");
        let afresh = SaleDraft { decided_on: stage.decided_on(), ..decided };
        assert_eq!(receipt(&sell(&ledgers.a, &stage, &afresh).await), Some(number), "{part:?} stands");
    }
}

on_both_ledgers!(money_that_does_not_add_up_is_refused_by_itself);
async fn money_that_does_not_add_up_is_refused_by_itself(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let right = || stage.sale(&[(&stage.seat, 2)]);
    let mut wrong_line = right();
    wrong_line.lines[0].amount_minor += 1;
    let wrong = [wrong_line, SaleDraft { change_minor: Some(151), ..right() }];
    let sales: Vec<SaleDraft> = wrong.into_iter().flat_map(|wrong| [right(), wrong, right()]).collect();
    // In one batch with those that are right: the ledger refuses the batch, and it is not the others' fault.
    let patience = clock::deadline(crate::support::PATIENCE);
    let outcomes = join_all(sales.iter().map(|sale| ledgers.a.commit_sale(sale.entry(&stage), patience))).await;
    let mut receipts: Vec<i64> = outcomes.iter().flatten().filter_map(receipt).collect();
    receipts.sort_unstable();
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<bool>>(), [true, false, true, true, false, true]);
    assert_eq!(receipts, [1, 2, 3, 4], "a refused sale used up a receipt");
    assert_eq!((census(&ledgers).await, taken(&ledgers, &[&stage.seat]).await), ([4, 4, 8, 4], vec![8]));
}

/// Sales, lines, tickets and admissions.
async fn census(ledgers: &Ledgers) -> [i64; 4] {
    [ledgers.rows("sales").await, ledgers.rows("sale_lines").await, ledgers.rows("tickets").await, ledgers.rows("admissions").await]
}

/// What is taken of these types.
async fn taken(ledgers: &Ledgers, kinds: &[&TicketType]) -> Vec<i64> {
    let mut all = Vec::new();
    for kind in kinds {
        all.push(ledgers.number("select cast(taken as bigint) from ticket_types where id = $1", kind.id).await);
    }
    all
}

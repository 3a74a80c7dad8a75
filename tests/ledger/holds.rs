//! Holds: kept stock is not left, what has expired keeps nothing, and one hold is for one sale.

use chrono::TimeDelta;
use futures::future::{join, join_all};
use stagedoor::ids::TicketTypeId;
use stagedoor::ledger::LedgerError;
use stagedoor::ledger::entry::Outcome;
use stagedoor::ledger::hold::HoldRefused;
use stagedoor::ledger::look::Look;
use stagedoor::ledger::sale::SoldOut;

use super::entries::{HoldDraft, HoldOutcome, SaleDraft, SaleOutcome};
use super::ledgers::{hold, look, sell};
use super::{Ledgers, Part, Stage, on_both_ledgers};
use crate::support::until;

const LONG: TimeDelta = TimeDelta::seconds(60);

fn kept(outcome: &HoldOutcome) -> bool {
    matches!(outcome, Outcome::Recorded(()))
}

fn sold(outcome: &SaleOutcome) -> bool {
    matches!(outcome, Outcome::Recorded(_))
}

fn lacks(outcome: &HoldOutcome) -> Option<(TicketTypeId, i32)> {
    match outcome {
        Outcome::Refused(HoldRefused::SoldOut(SoldOut { ticket_type, left })) => Some((*ticket_type, *left)),
        Outcome::Recorded(()) | Outcome::Refused(HoldRefused::TooMany) | Outcome::Moved => None,
    }
}

/// The sale of what a hold keeps.
fn using(hold: &HoldDraft, sale: SaleDraft) -> SaleDraft {
    SaleDraft { hold: Some(hold.id), ..sale }
}

async fn held(ledgers: &Ledgers, stage: &Stage) -> i32 {
    ledgers.b.event(stage.event.id).await.unwrap().unwrap().ticket_type(stage.lounge.id).unwrap().held
}

on_both_ledgers!(a_hold_is_kept_with_its_prices);
async fn a_hold_is_kept_with_its_prices(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let entry = stage.hold(&[(&stage.seat, 1), (&stage.lounge, 2)], LONG);
    assert!(kept(&hold(&ledgers.a, &stage, &entry).await));
    let seen = look(&ledgers.b, Look { hold: Some(entry.id), ..stage.look() }).await.hold.unwrap();
    let found = &seen.hold;
    assert_eq!((found.id, found.event_id, found.device_id), (entry.id, stage.event.id, stage.device.id));
    assert_eq!((found.currency.as_str(), found.total_minor, &found.fingerprint), ("EUR", 3_750, &entry.fingerprint));
    assert_eq!((found.expires_at, found.used_by, found.released_at), (entry.expires_at, None, None));
    let lines: Vec<_> = seen.lines.iter().map(|l| (l.ticket_type_id, l.quantity, l.unit_minor, l.amount_minor)).collect();
    assert_eq!(lines, [(stage.seat.id, 1, 1_250, 1_250), (stage.lounge.id, 2, 1_250, 2_500)]);
    assert_eq!(held(&ledgers, &stage).await, 2);
    let neighbour = Stage::open(&ledgers).await;
    assert!(ledgers.a.hold(neighbour.organisation.id, entry.id).await.unwrap().is_none());
    assert!(kept(&hold(&ledgers.a, &neighbour, &HoldDraft { id: entry.id, ..neighbour.hold(&[(&neighbour.seat, 1)], LONG) }).await));
}

on_both_ledgers!(held_stock_is_not_left);
async fn held_stock_is_not_left(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let seven = stage.hold(&[(&stage.lounge, 7)], LONG);
    assert!(kept(&hold(&ledgers.a, &stage, &seven).await));
    let refused = hold(&ledgers.b, &stage, &stage.hold(&[(&stage.seat, 1), (&stage.lounge, 4)], LONG)).await;
    assert_eq!(lacks(&refused), Some((stage.lounge.id, 3)));
    let refused = sell(&ledgers.b, &stage, &stage.sale(&[(&stage.lounge, 4)])).await;
    assert!(matches!(refused, Outcome::Refused(SoldOut { left: 3, .. })), "{refused:?}");
    assert!(sold(&sell(&ledgers.b, &stage, &stage.sale(&[(&stage.lounge, 3)])).await));
    assert_eq!((ledgers.rows("holds").await, ledgers.rows("hold_lines").await), (1, 1), "of a refused hold something was written");
    assert!(sold(&sell(&ledgers.b, &stage, &using(&seven, stage.sale(&[(&stage.lounge, 7)]))).await));
    assert_eq!(held(&ledgers, &stage).await, 0);
    assert_eq!(lacks(&hold(&ledgers.a, &stage, &stage.hold(&[(&stage.lounge, 1)], LONG)).await), Some((stage.lounge.id, 0)));
}

on_both_ledgers!(what_has_expired_keeps_nothing);
async fn what_has_expired_keeps_nothing(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let all = || [(&stage.lounge, 10)];
    let gone = stage.hold(&all(), TimeDelta::zero());
    assert!(kept(&hold(&ledgers.a, &stage, &gone).await));
    assert_eq!(held(&ledgers, &stage).await, 0);
    let brief = stage.hold(&all(), TimeDelta::milliseconds(700));
    assert!(kept(&hold(&ledgers.b, &stage, &brief).await));
    assert_eq!(held(&ledgers, &stage).await, 10);
    until("the hold has expired", || async { held(&ledgers, &stage).await == 0 }).await;
    // Nothing had to run for it. A sale that names an expired hold is a sale like any other, once.
    assert!(sold(&sell(&ledgers.a, &stage, &stage.sale(&[(&stage.lounge, 1)])).await));
    let refused = sell(&ledgers.b, &stage, &using(&brief, stage.sale(&all()))).await;
    assert!(matches!(refused, Outcome::Refused(SoldOut { left: 9, .. })), "{refused:?}");
    assert!(sold(&sell(&ledgers.b, &stage, &using(&brief, stage.sale(&[(&stage.lounge, 9)]))).await));
    assert!(!sold(&sell(&ledgers.b, &stage, &using(&brief, stage.sale(&[(&stage.seat, 1)]))).await));
}

on_both_ledgers!(holds_and_sales_at_once_hold_the_quota);
async fn holds_and_sales_at_once_hold_the_quota(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let entries = (0..24).map(|n| {
        let (ledgers, stage) = (&ledgers, &stage);
        let baskets = [(&stage.seat, 1), (&stage.lounge, 1 + n % 2)];
        let basket = if n % 3 == 0 { [baskets[1], baskets[0]] } else { baskets };
        async move {
            let ledger = ledgers.turn(usize::try_from(n).unwrap());
            let taken = match n % 2 {
                0 => sold(&sell(ledger, stage, &stage.sale(&basket)).await),
                _ => kept(&hold(ledger, stage, &stage.hold(&basket, LONG)).await),
            };
            if taken { i64::from(1 + n % 2) } else { 0 }
        }
    });
    let counted: i64 = join_all(entries).await.into_iter().sum();
    let written = ledgers.number("select cast(taken as bigint) from ticket_types where id = $1", stage.lounge.id).await;
    assert_eq!(written + i64::from(held(&ledgers, &stage).await), counted);
    assert!((9..=10).contains(&counted), "{counted} of 10");
}

on_both_ledgers!(one_hold_is_for_one_sale);
async fn one_hold_is_for_one_sale(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    for round in 1..=5 {
        let entry = stage.hold(&[(&stage.seat, 1)], LONG);
        assert!(kept(&hold(&ledgers.a, &stage, &entry).await));
        let sales: Vec<SaleDraft> = (0..8).map(|_| using(&entry, stage.sale(&[(&stage.seat, 1)]))).collect();
        let selling = join_all(sales.iter().enumerate().map(|(n, sale)| sell(ledgers.turn(n), &stage, sale)));
        let release = stage.release(stage.decided_on(), entry.id);
        let (outcomes, released) = join(selling, ledgers.turn(round).release_hold(&release)).await;
        let ended = outcomes.iter().filter(|outcome| sold(outcome)).count() + usize::from(released.unwrap() == Outcome::Recorded(()));
        assert_eq!(ended, 1, "round {round}: {outcomes:?}");
    }
    let used = "select count(*) from holds where used_by is not null";
    assert_eq!(ledgers.total(used).await, ledgers.rows("sales").await);
    let told = "select count(*) from holds h join sales s on s.hold_id = h.id and s.id = h.used_by";
    assert_eq!(ledgers.total(told).await, ledgers.rows("sales").await);
}

on_both_ledgers!(a_till_has_so_many_live_holds);
async fn a_till_has_so_many_live_holds(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    assert!(kept(&hold(&ledgers.a, &stage, &stage.hold(&[(&stage.seat, 1)], TimeDelta::zero())).await));
    let entries: Vec<HoldDraft> = (0..16).map(|_| stage.hold(&[(&stage.seat, 1)], LONG)).collect();
    let outcomes = join_all(entries.iter().enumerate().map(|(n, entry)| hold(ledgers.turn(n), &stage, entry))).await;
    assert_eq!(outcomes.iter().filter(|outcome| kept(outcome)).count(), 10);
    assert!(
        outcomes.iter().all(|outcome| matches!(outcome, Outcome::Recorded(()) | Outcome::Refused(HoldRefused::TooMany))),
        "{outcomes:?}"
    );
}

on_both_ledgers!(an_id_is_held_once);
async fn an_id_is_held_once(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let entry = stage.hold(&[(&stage.lounge, 1)], LONG);
    let other = HoldDraft { id: entry.id, ..stage.hold(&[(&stage.seat, 2)], LONG) };
    let same: Vec<&HoldDraft> = (0..8).flat_map(|_| [&entry, &other]).collect();
    let outcomes = join_all(same.iter().enumerate().map(|(n, entry)| hold(ledgers.turn(n / 2), &stage, entry))).await;
    assert_eq!(outcomes.iter().filter(|outcome| kept(outcome)).count(), 1, "{outcomes:?}");
    assert_eq!((ledgers.rows("holds").await, ledgers.rows("hold_lines").await), (1, 1));
}

on_both_ledgers!(a_moved_ground_holds_and_releases_nothing);
async fn a_moved_ground_holds_and_releases_nothing(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let entry = stage.hold(&[(&stage.lounge, 1)], LONG);
    assert!(kept(&hold(&ledgers.a, &stage, &entry).await));
    for decided_on in stage.moved_grounds() {
        let moved = HoldDraft { decided_on, ..stage.hold(&[(&stage.lounge, 1)], LONG) };
        assert!(matches!(hold(&ledgers.a, &stage, &moved).await, Outcome::Moved));
        let released = ledgers.b.release_hold(&stage.release(decided_on, entry.id)).await;
        assert!(matches!(released, Err(LedgerError::Moved)), "{released:?}");
    }
    for part in Part::ALL {
        let decided = stage.hold(&[(&stage.lounge, 1)], LONG);
        stage.move_on(&ledgers.b, part).await;
        assert!(matches!(hold(&ledgers.a, &stage, &decided).await, Outcome::Moved), "{part:?} has moved");
    }
    assert_eq!((ledgers.rows("holds").await, held(&ledgers, &stage).await), (1, 1));
    for outcome in [Outcome::Recorded(()), Outcome::Moved] {
        assert_eq!(ledgers.a.release_hold(&stage.release(stage.decided_on(), entry.id)).await.unwrap(), outcome);
        assert_eq!(held(&ledgers, &stage).await, 0);
    }
}

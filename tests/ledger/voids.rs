//! Voids: once, whole, at a new version of the event, and never while a ticket is inside.

use futures::future::{join, join_all};
use stagedoor::ledger::LedgerError;
use stagedoor::ledger::entry::Outcome;
use stagedoor::ledger::kinds::{Direction, TicketStatus};
use stagedoor::ledger::rows::TicketType;
use stagedoor::ledger::void::{StillInside, VoidOutcome};
use stagedoor::ledger::{Ledger, UploadTicket};

use super::entries::{SaleDraft, VoidDraft};
use super::ledgers::{look, scan, sell};
use super::{Ledgers, Stage, on_both_ledgers};

async fn void(ledger: &Ledger, stage: &Stage, entry: &VoidDraft) -> Result<VoidOutcome, LedgerError> {
    ledger.commit_void(&entry.entry(stage)).await
}

fn voided(outcome: &Result<VoidOutcome, LedgerError>) -> bool {
    matches!(outcome, Ok(Outcome::Recorded(_)))
}

/// A sale that is in the ledger, with no ticket admitted.
async fn sold(ledgers: &Ledgers, stage: &Stage, basket: &[(&TicketType, i32)]) -> SaleDraft {
    let mut sale = stage.sale(basket);
    sale.tickets.iter_mut().for_each(|ticket| ticket.admission = None);
    let _outcome = sell(&ledgers.a, stage, &sale).await;
    sale
}

/// A ticket of a sale, as it is scanned.
fn ticket(stage: &Stage, sale: &SaleDraft) -> UploadTicket {
    UploadTicket { id: sale.tickets[0].id, ticket_type_id: sale.tickets[0].ticket_type_id, ..stage.upload(&sale.tickets[0].code, 1) }
}

async fn taken(ledgers: &Ledgers, kind: &TicketType) -> i64 {
    ledgers.number("select cast(taken as bigint) from ticket_types where id = $1", kind.id).await
}

on_both_ledgers!(a_void_is_written_with_all_that_belongs_to_it);
async fn a_void_is_written_with_all_that_belongs_to_it(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let sale = sold(&ledgers, &stage, &[(&stage.seat, 1), (&stage.lounge, 3)]).await;
    let other = sold(&ledgers, &stage, &[(&stage.lounge, 2)]).await;
    // One of the tickets was made void by an upload before: its stock came back then.
    let early = UploadTicket { status: TicketStatus::Void, ticket_type_id: stage.lounge.id, ..stage.upload(&sale.tickets[1].code, 1) };
    ledgers.a.store_tickets(&stage.chunk(&[early])).await.unwrap();
    stage.event.version += 1;
    assert_eq!(taken(&ledgers, &stage.lounge).await, 4);
    let before = stage.event.version;

    let entry = stage.void(&sale);
    assert!(voided(&void(&ledgers.a, &stage, &entry).await));
    assert_eq!((taken(&ledgers, &stage.seat).await, taken(&ledgers, &stage.lounge).await), (0, 2));
    stage.event.version += 1;
    let changed = ledgers.b.tickets_changed(stage.event.id, before).await.unwrap();
    assert_eq!(changed.len(), 3, "who knows version {before} learns of the others");
    assert!(changed.iter().all(|ticket| ticket.status == TicketStatus::Void && ticket.version == stage.event.version));
    assert_eq!(ledgers.number("select version from events where id = $1", stage.event.id).await, stage.event.version);
    let recorded = ledgers.b.sale(stage.organisation.id, sale.id).await.unwrap().unwrap();
    let found = ledgers.b.void(stage.organisation.id, entry.id).await.unwrap().unwrap();
    assert_eq!((found.sale_id, found.device_id, &found.fingerprint), (sale.id, stage.device.id, &entry.fingerprint));
    assert_eq!(recorded.voided_at, Some(found.recorded_at));
    assert_eq!(ledgers.b.sale(stage.organisation.id, other.id).await.unwrap().unwrap().voided_at, None);
    assert!(ledgers.b.void(Stage::open(&ledgers).await.organisation.id, entry.id).await.unwrap().is_none());
}

on_both_ledgers!(a_sale_is_void_once);
async fn a_sale_is_void_once(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    for round in 1..=4 {
        let sale = sold(&ledgers, &stage, &[(&stage.lounge, 2)]).await;
        let same = stage.void(&sale);
        let entries: Vec<VoidDraft> = (0..8).map(|n| if n % 4 < 2 { same.clone() } else { stage.void(&sale) }).collect();
        let outcomes = join_all(entries.iter().enumerate().map(|(n, entry)| void(ledgers.turn(n), &stage, entry))).await;
        assert_eq!(outcomes.iter().filter(|outcome| voided(outcome)).count(), 1, "{outcomes:?}");
        assert_eq!((ledgers.rows("sale_voids").await, taken(&ledgers, &stage.lounge).await), (round, 0));
        stage.event.version += 1;
    }
}

on_both_ledgers!(a_voids_id_is_used_once);
async fn a_voids_id_is_used_once(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let (sale, other) = (sold(&ledgers, &stage, &[(&stage.lounge, 2)]).await, sold(&ledgers, &stage, &[(&stage.seat, 1)]).await);
    let first = stage.void(&sale);
    assert!(voided(&void(&ledgers.a, &stage, &first).await));
    stage.event.version += 1;
    let decided_on = stage.decided_on();
    for again in [VoidDraft { decided_on, ..first.clone() }, VoidDraft { sale: other.id, decided_on, ..first.clone() }, stage.void(&sale)] {
        let outcome = void(&ledgers.b, &stage, &again).await.unwrap();
        assert!(matches!(outcome, Outcome::Moved), "{outcome:?}");
    }
    assert_eq!((ledgers.rows("sale_voids").await, taken(&ledgers, &stage.seat).await), (1, 1));
}

on_both_ledgers!(nothing_is_void_while_a_ticket_is_inside);
async fn nothing_is_void_while_a_ticket_is_inside(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let sale = sold(&ledgers, &stage, &[(&stage.lounge, 2)]).await;
    let ticket = ticket(&stage, &sale);
    let _inside = scan(&ledgers.b, &stage, &stage.entry(&ticket)).await;
    let outcome = void(&ledgers.a, &stage, &stage.void(&sale)).await.unwrap();
    assert!(matches!(outcome, Outcome::Refused(StillInside(found)) if found == ticket.id), "{outcome:?}");
    assert_eq!((ledgers.rows("sale_voids").await, taken(&ledgers, &stage.lounge).await), (0, 2));
    let _outside = scan(&ledgers.b, &stage, &stage.exit(&ticket, 0)).await;
    assert!(voided(&void(&ledgers.a, &stage, &stage.void(&sale)).await));
}

on_both_ledgers!(of_a_void_and_an_entry_one_is_written);
async fn of_a_void_and_an_entry_one_is_written(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    for round in 0..10 {
        let sale = sold(&ledgers, &stage, &[(&stage.seat, 1)]).await;
        let entering = stage.entry(&ticket(&stage, &sale));
        let entry = stage.void(&sale);
        let (void, scan) = join(void(ledgers.turn(round), &stage, &entry), scan(ledgers.turn(round + 1), &stage, &entering)).await;
        let entered = matches!(scan, Outcome::Recorded(_));
        assert_ne!(voided(&void), entered, "round {round}: {void:?} {scan:?}");
        if voided(&void) {
            stage.event.version += 1;
            let (found, last) = look(&ledgers.b, stage.look_for(&sale.tickets[0].code)).await.ticket.unwrap();
            assert!(found.status == TicketStatus::Void && last.is_none());
        } else {
            assert!(matches!(void, Ok(Outcome::Refused(StillInside(found))) if found == sale.tickets[0].id), "{void:?}");
            assert_eq!(entering.direction, Direction::In);
        }
    }
}

on_both_ledgers!(a_moved_ground_voids_nothing);
async fn a_moved_ground_voids_nothing(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let sale = sold(&ledgers, &stage, &[(&stage.seat, 1)]).await;
    for decided_on in stage.moved_grounds() {
        let outcome = void(&ledgers.a, &stage, &VoidDraft { decided_on, ..stage.void(&sale) }).await;
        assert!(matches!(outcome, Err(LedgerError::Moved)), "{outcome:?}");
    }
    assert_eq!((ledgers.rows("sale_voids").await, taken(&ledgers, &stage.seat).await), (0, 1));
}

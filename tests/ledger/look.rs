//! A fresh look: all that an attempt decides on, and nothing of another organisation.

use stagedoor::clock;
use stagedoor::ids::Named;
use stagedoor::ledger::change::Images;
use stagedoor::ledger::kinds::{Direction, EventStatus};
use stagedoor::ledger::look::Look;
use stagedoor::ledger::rows::{Event, TicketType};

use super::entries::ScanDraft;
use super::ledgers::{look, scan, sell};
use super::stage::ticket_type;
use super::{Ledgers, Part, Stage, on_both_ledgers};

on_both_ledgers!(a_look_tells_who_asks_and_for_what);
async fn a_look_tells_who_asks_and_for_what(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let ticket = stage.ticket(&ledgers, "A-1", 2).await;
    let seen = look(&ledgers.b, stage.look_for("A-1")).await;
    assert_eq!(seen.authority.as_deref(), ledgers.a.authority(stage.session.id).await.unwrap().as_ref());
    assert_eq!(seen.authority.unwrap().session, stage.session);
    let facts = seen.event.unwrap();
    assert_eq!((&facts.event, facts.types.len()), (&stage.event, 2));
    assert_eq!(facts.ticket_type(stage.seat.id).unwrap().taken, 1);
    let (found, last) = seen.ticket.unwrap();
    assert_eq!((found.id, found.ticket_type_id, found.holder, found.status), (ticket.id, stage.seat.id, ticket.holder, ticket.status));
    assert_eq!((found.entries_allowed, found.version, last), (2, 0, None));
    assert!(seen.elsewhere.is_none() && seen.scan.is_none() && seen.sale.is_none() && seen.pinned.is_none());

    stage.membership.events = vec![stage.event.id];
    stage.move_on(&ledgers.a, Part::Membership).await;
    let pinned = look(&ledgers.b, stage.look()).await;
    assert_eq!((pinned.pinned, pinned.as_of), (Some(Named::new(stage.event.id, "Gala")), seen.as_of + 1));
    assert_eq!(pinned.authority.unwrap().membership, stage.membership);

    let nobody = look(&ledgers.b, Look { session: clock::new_id(), ..stage.look_for("A-1") }).await;
    assert!(nobody.authority.is_none() && nobody.event.is_none() && nobody.ticket.is_none() && nobody.elsewhere.is_none());
}

on_both_ledgers!(a_look_tells_the_last_movement);
async fn a_look_tells_the_last_movement(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let ticket = stage.ticket(&ledgers, "A-1", 2).await;
    let entries = [stage.entry(&ticket), stage.entry(&ticket), ScanDraft { gate: Some("South".into()), ..stage.exit(&ticket, -1) }];
    for entry in &entries {
        scan(&ledgers.a, &stage, entry).await;
    }
    let (_, last) = look(&ledgers.b, stage.look_for("A-1")).await.ticket.unwrap();
    let last = last.unwrap();
    assert_eq!((last.seq, last.direction, last.used, last.inside), (3, Direction::Out, 1, 1));
    assert_eq!((last.gate.as_deref(), last.device()), (Some("South"), Some(Named::new(stage.device.id, "Till 1"))));
}

on_both_ledgers!(a_look_finds_what_is_recorded);
async fn a_look_finds_what_is_recorded(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let ticket = stage.ticket(&ledgers, "A-1", 2).await;
    let (entry, sale) = (stage.entry(&ticket), stage.sale(&[(&stage.seat, 1)]));
    let asked = Look { scan: Some(entry.id), sale: Some(sale.id), ..stage.look() };
    let before = look(&ledgers.b, asked.clone()).await;
    assert!(before.scan.is_none() && before.sale.is_none());
    scan(&ledgers.a, &stage, &entry).await;
    sell(&ledgers.a, &stage, &sale).await;

    let seen = look(&ledgers.b, asked.clone()).await;
    let found = seen.scan.unwrap();
    assert_eq!((found.id, found.device_id, &found.fingerprint), (entry.id, Some(stage.device.id), &entry.fingerprint));
    assert_eq!((found.seq, found.direction, found.used, found.entries_allowed), (1, Direction::In, 1, 2));
    assert_eq!((found.ticket_id, found.holder, found.ticket_type_id), (ticket.id, ticket.holder, stage.seat.id));
    assert_eq!(found.ticket_type_name, "Seat");
    let found = seen.sale.unwrap();
    assert_eq!((found.sale.id, found.sale.receipt_number, found.lines.len(), found.tickets.len()), (sale.id, 1, 1, 1));

    // Another organisation's ids find nothing, though they are in the ledger.
    let neighbour = Stage::open(&ledgers).await;
    let theirs = look(&ledgers.b, Look { session: neighbour.session.id, event: neighbour.event.id, ..asked }).await;
    assert!(theirs.event.is_some() && theirs.scan.is_none() && theirs.sale.is_none());
    assert!(ledgers.b.sale(neighbour.organisation.id, sale.id).await.unwrap().is_none());
}

on_both_ledgers!(another_organisations_event_is_not_there);
async fn another_organisations_event_is_not_there(ledgers: Ledgers) {
    let (stage, neighbour) = (Stage::open(&ledgers).await, Stage::open(&ledgers).await);
    stage.ticket(&ledgers, "A-1", 1).await;
    neighbour.ticket(&ledgers, "A-1", 1).await;
    let seen = look(&ledgers.b, Look { event: neighbour.event.id, ..stage.look_for("A-1") }).await;
    assert!(seen.authority.is_some());
    assert!(seen.event.is_none() && seen.ticket.is_none() && seen.elsewhere.is_none(), "{seen:?}");
}

on_both_ledgers!(elsewhere_is_a_live_event_of_the_same_house);
async fn elsewhere_is_a_live_event_of_the_same_house(ledgers: Ledgers) {
    let (stage, neighbour) = (Stage::open(&ledgers).await, Stage::open(&ledgers).await);
    stage.ticket(&ledgers, "HERE", 1).await;
    neighbour.ticket(&ledgers, "NEXT-DOOR", 1).await;
    for (code, status) in [("DRAFT", EventStatus::Draft), ("ENDED", EventStatus::Ended), ("CANCELLED", EventStatus::Cancelled)] {
        another_event(&ledgers, &stage, code, status).await;
    }
    let live = another_event(&ledgers, &stage, "LIVE", EventStatus::Live).await;
    let at = |code: &str| look(&ledgers.b, stage.look_for(code));
    for unknown in ["DRAFT", "ENDED", "CANCELLED", "NEXT-DOOR", "nowhere", "live"] {
        let seen = at(unknown).await;
        assert!(seen.ticket.is_none() && seen.elsewhere.is_none(), "{unknown}: {:?}", seen.elsewhere);
    }
    let seen = at("LIVE").await;
    assert_eq!((seen.ticket.is_none(), seen.elsewhere), (true, Some(Named::new(live.id, live.name))));
    let seen = at("HERE").await;
    assert!(seen.ticket.is_some() && seen.elsewhere.is_none());
}

/// Puts on another event of the deployment, with a ticket of this code.
async fn another_event(ledgers: &Ledgers, stage: &Stage, code: &str, status: EventStatus) -> Event {
    let event = Event { id: clock::new_id(), name: format!("The {code}"), status, ..stage.event.clone() };
    let seat: TicketType = ticket_type(&event, "Seat", None);
    ledgers.stored(&stage.change(Images { events: vec![event.clone()], ticket_types: vec![seat.clone()], ..Images::default() })).await;
    Stage { event: event.clone(), seat, ..stage.clone() }.ticket(ledgers, code, 1).await;
    event
}

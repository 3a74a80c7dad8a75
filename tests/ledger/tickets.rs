//! Uploads: what is new, what has changed, what stood so already, and what of a quota is taken by it.

use futures::future::join_all;
use stagedoor::clock;
use stagedoor::ids::TicketTypeId;
use stagedoor::ledger::kinds::TicketStatus;
use stagedoor::ledger::{Carried, LedgerError, UploadTicket};

use super::ledgers::look;
use super::{Ledgers, Part, Stage, on_both_ledgers};

/// Created, updated, and whether the change has a number.
async fn upload(ledgers: &Ledgers, stage: &Stage, tickets: &[UploadTicket]) -> (i64, i64, bool) {
    let count = ledgers.b.store_tickets(&stage.chunk(tickets)).await.unwrap();
    (count.created, count.updated, count.seq > 0)
}

on_both_ledgers!(an_upload_tells_what_became_of_it);
async fn an_upload_tells_what_became_of_it(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let tickets: Vec<UploadTicket> = ["A-1", "A-2", "A-3", "a-1"].iter().map(|code| stage.upload(code, 1)).collect();
    assert_eq!(upload(&ledgers, &stage, &tickets[..3]).await, (3, 0, false));
    assert_eq!(state(&ledgers, &stage).await, (1, 3, 0), "nobody has a copy of what is new");
    assert_eq!(upload(&ledgers, &stage, &tickets[..3]).await, (0, 0, false));
    // The same code in a later file: its id there means nothing.
    let anew: Vec<UploadTicket> = tickets.iter().map(|ticket| stage.upload(&ticket.code, 1)).collect();
    assert_eq!(upload(&ledgers, &stage, &anew).await, (1, 0, false));
    assert_eq!(state(&ledgers, &stage).await, (1, 4, 0));

    let changes: [fn(&mut UploadTicket); 3] =
        [|ticket| ticket.holder = None, |ticket| ticket.entries_allowed = 2, |ticket| ticket.status = TicketStatus::Blocked];
    let mut file = tickets[..3].to_vec();
    for ((version, number), (change, place)) in (2..).zip(1..).zip(changes.into_iter().zip(0..)) {
        change(&mut file[place]);
        assert_eq!(upload(&ledgers, &stage, &file).await, (0, 1, true));
        assert_eq!(state(&ledgers, &stage).await, (version, 4, number));
        let changed = ledgers.a.tickets_changed(stage.event.id, version - 1).await.unwrap();
        let told: Vec<_> = changed.into_iter().map(|t| (t.id, t.code, t.holder, t.status, t.entries_allowed, t.version)).collect();
        let wanted = file[place].clone();
        assert_eq!(told, [(wanted.id, wanted.code, wanted.holder, wanted.status, wanted.entries_allowed, version)]);
    }
    let told = format!("select count(*) from changes where cast(ids as text) like '%{}%'", stage.event.id);
    assert_eq!(ledgers.total(&told).await, 1 + 3);
    // New and changed ones in one file.
    assert_eq!(upload(&ledgers, &stage, &[stage.upload("A-1", 9), stage.upload("B-1", 1), stage.upload("a-1", 1)]).await, (1, 1, true));
    assert_eq!(state(&ledgers, &stage).await, (5, 5, 4));
}

/// What a later file says otherwise, given the lounge.
type Edit = fn(&mut [UploadTicket], TicketTypeId);

on_both_ledgers!(taken_follows_status_and_type);
async fn taken_follows_status_and_type(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let mut file: Vec<UploadTicket> = ["A-1", "A-2", "A-3"].iter().map(|code| stage.upload(code, 1)).collect();
    file[2].status = TicketStatus::Void;
    upload(&ledgers, &stage, &file).await;
    assert_eq!(taken(&ledgers, &stage).await, (2, 0), "a void ticket takes nothing");
    let steps: [(Edit, (i64, i64)); 6] = [
        (|file, _| file[0].holder = None, (2, 0)),
        (|file, lounge| file[0].ticket_type_id = lounge, (1, 1)),
        (|file, _| file[1].status = TicketStatus::Void, (0, 1)),
        (|file, _| file[2].status = TicketStatus::Refunded, (1, 1)),
        (|file, lounge| (file[1].status, file[1].ticket_type_id) = (TicketStatus::Unpaid, lounge), (1, 2)),
        (|file, lounge| (file[2].status, file[2].ticket_type_id) = (TicketStatus::Void, lounge), (0, 2)),
    ];
    for (step, (change, expected)) in steps.into_iter().enumerate() {
        change(&mut file, stage.lounge.id);
        assert_eq!(upload(&ledgers, &stage, &file).await, (0, 1, true));
        assert_eq!(taken(&ledgers, &stage).await, expected, "after step {step}");
    }
}

on_both_ledgers!(an_upload_rests_on_its_guards);
async fn an_upload_rests_on_its_guards(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    stage.ticket(&ledgers, "A-1", 1).await;
    for part in [Part::Membership, Part::Session, Part::Device] {
        let tickets = [stage.upload("A-1", 7), stage.upload("A-2", 1)];
        let chunk = stage.chunk(&tickets);
        stage.move_on(&ledgers.a, part).await;
        let answer = ledgers.b.store_tickets(&chunk).await;
        assert!(matches!(answer, Err(LedgerError::Moved)), "{part:?} has moved: {answer:?}");
    }
    assert_eq!((state(&ledgers, &stage).await, taken(&ledgers, &stage).await), ((1, 1, 3), (1, 0)));
    assert_eq!(look(&ledgers.b, stage.look_for("A-1")).await.ticket.unwrap().0.entries_allowed, 1);
}

on_both_ledgers!(a_ticket_used_elsewhere_comes_with_its_entry);
async fn a_ticket_used_elsewhere_comes_with_its_entry(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let used = |code: &str| Carried {
        code: code.into(),
        entry_id: clock::new_id(),
        exit_id: clock::new_id(),
        is_over: false,
        gate: Some("North".into()),
        entered_at: None,
        left_at: None,
    };
    let entries = vec![used("A-1"), used("A-9")];
    let tickets = [stage.upload("A-1", 1), stage.upload("A-2", 1)];
    let chunk = stage.chunk_with(&tickets, entries.clone());
    // One call, one step: a scan that finds the ticket finds it used.
    let count = ledgers.a.store_tickets(&chunk).await.unwrap();
    assert_eq!((count.created, count.carried), (2, 1), "there is no ticket A-9");
    let last = |code: &str| {
        let wanted = stage.look_for(code);
        let ledger = ledgers.b.clone();
        async move { look(&ledger, wanted).await.ticket.unwrap().1.map(|movement| (movement.seq, movement.used, movement.inside)) }
    };
    assert_eq!((last("A-1").await, last("A-2").await), (Some((1, 1, 1)), None));
    let again = ledgers.b.store_tickets(&chunk).await.unwrap();
    assert_eq!((again.created, again.carried), (0, 0), "the same again adds nothing");
}

on_both_ledgers!(uploads_at_once_count_each_ticket_once);
async fn uploads_at_once_count_each_ticket_once(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    // The same twenty codes from both gateways, each half of the time in another order.
    let file = |n: usize| {
        let mut file: Vec<UploadTicket> = (0..20).map(|code| stage.upload(&format!("A-{code}"), 1)).collect();
        if n.is_multiple_of(2) {
            file.reverse();
        }
        file
    };
    let uploads = (0..6).map(|n| (ledgers.turn(n / 2).clone(), file(n)));
    let stage_of_all = &stage;
    let counts =
        join_all(uploads.map(|(ledger, file)| async move { ledger.store_tickets(&stage_of_all.chunk(&file)).await.unwrap() })).await;
    assert_eq!(counts.iter().map(|count| (count.created, count.updated)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)), (20, 0));
    assert_eq!((state(&ledgers, &stage).await, taken(&ledgers, &stage).await), ((1, 20, 0), (20, 0)));
}

/// The event's version, its tickets, and how many changes the log has of it since it was made, which is the first.
async fn state(ledgers: &Ledgers, stage: &Stage) -> (i64, i64, i64) {
    let version = ledgers.number("select version from events where id = $1", stage.event.id).await;
    let tickets = ledgers.number("select count(*) from tickets where event_id = $1", stage.event.id).await;
    (version, tickets, ledgers.total("select change_seq - 1 from book").await)
}

/// What is taken of seat and lounge.
async fn taken(ledgers: &Ledgers, stage: &Stage) -> (i64, i64) {
    let facts = ledgers.a.event(stage.event.id).await.unwrap().unwrap();
    let of = |id: TicketTypeId| i64::from(facts.ticket_type(id).unwrap().taken);
    (of(stage.seat.id), of(stage.lounge.id))
}

//! The log of changes: numbered without gaps, read by every gateway, and what makes a copy trusted or not.

use futures::future::join_all;
use stagedoor::ledger::Ledger;
use stagedoor::ledger::change::Images;
use stagedoor::ledger::kinds::SessionKind;
use tokio::task::yield_now;
use uuid::Uuid;

use super::ledgers::look;
use super::{Ledgers, Part, Stage, on_both_ledgers};
use crate::support::until;

on_both_ledgers!(what_is_altered_gets_the_next_number);
async fn what_is_altered_gets_the_next_number(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let phone = stage.new_device("Phone");
    ledgers.stored(&stage.change(Images { devices: vec![phone.clone()], ..Images::default() })).await;
    let session = stage.new_session(Some(&phone), SessionKind::Scanner);
    ledgers.stored(&stage.change(Images { sessions: vec![session], ..Images::default() })).await;
    assert_eq!(numbers(&ledgers).await, (1, 1), "the new event; nobody has a copy of what else is new");
    for (number, part) in (2..).zip(Part::ALL) {
        stage.move_on(ledgers.turn(number), part).await;
        let altered = id_of(&stage, part);
        let told = format!("select count(*) from changes where seq = {number} and cast(ids as text) like '%{altered}%'");
        assert_eq!(ledgers.total(&told).await, 1, "{part:?} is not in the log under {number}");
    }
    assert_eq!(numbers(&ledgers).await, (5, 5));
}

on_both_ledgers!(numbers_have_no_gaps_whoever_writes);
async fn numbers_have_no_gaps_whoever_writes(ledgers: Ledgers) {
    // Two organisations, whose locks are independent.
    let stages = [Stage::open(&ledgers).await, Stage::open(&ledgers).await];
    let changes = (0..12).map(|n| {
        let mut stage = stages[n / 6].clone();
        let images = stage.step([Part::Session, Part::Membership, Part::Event][n % 3]);
        let (ledger, change) = (ledgers.turn(n).clone(), stage.change(images));
        async move { ledger.store(&change).await.is_ok() }
    });
    // Of the two authors of one image, one has come too late and uses up no number.
    let stored = join_all(changes).await.into_iter().filter(|stored| *stored).count();
    // Beside the two events that were new.
    assert_eq!((stored, numbers(&ledgers).await), (6, (8, 8)));
}

on_both_ledgers!(a_copy_is_trusted_until_it_changes);
async fn a_copy_is_trusted_until_it_changes(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let (member, event) = (stage.membership.id.0, stage.event.id.0);
    let before = look(&ledgers.a, stage.look()).await.as_of;
    trusted(&ledgers.a, before, &[member, event]).await;
    assert!(!ledgers.a.log().trusts(before - 1, &[event]), "older than what this gateway has heard");

    stage.move_on(&ledgers.a, Part::Membership).await;
    assert!(!ledgers.a.log().trusts(before, &[member]), "its own change was answered");
    assert!(!ledgers.a.log().trusts(before, &[event, member]));
    trusted(&ledgers.a, before, &[event]).await;
    let after = look(&ledgers.a, stage.look()).await.as_of;
    trusted(&ledgers.a, after, &[member, event]).await;
}

on_both_ledgers!(the_other_gateway_hears_of_a_change);
async fn the_other_gateway_hears_of_a_change(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    for (part, number) in Part::ALL.into_iter().zip(2..) {
        let before = look(&ledgers.b, stage.look()).await.as_of;
        let (moved, unmoved) = (id_of(&stage, part), stage.organisation.id.0);
        trusted(&ledgers.b, before, &[moved, unmoved]).await;
        stage.move_on(&ledgers.a, part).await;
        until("the change was heard", async || {
            yield_now().await;
            // In step, and yet not trusted: the change has been read.
            let log = ledgers.b.log();
            log.position() == number && !log.trusts(before, &[moved]) && log.trusts(before, &[unmoved])
        })
        .await;
        trusted(&ledgers.b, look(&ledgers.b, stage.look()).await.as_of, &[moved]).await;
    }
}

/// On a busy machine a gateway may be out of step for a moment, and then trusts nothing.
async fn trusted(ledger: &Ledger, as_of: i64, things: &[Uuid]) {
    until("a copy that tells the truth was trusted", async || {
        yield_now().await;
        ledger.log().trusts(as_of, things)
    })
    .await;
}

/// The last number given, and how many changes are written down up to it.
async fn numbers(ledgers: &Ledgers) -> (i64, i64) {
    let written = "select count(*) from changes where seq between 1 and (select change_seq from book)";
    (ledgers.total("select change_seq from book").await, ledgers.total(written).await)
}

fn id_of(stage: &Stage, part: Part) -> Uuid {
    match part {
        Part::Session => stage.session.id.0,
        Part::Membership => stage.membership.id.0,
        Part::Device => stage.device.id.0,
        Part::Event => stage.event.id.0,
    }
}

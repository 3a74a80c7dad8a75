//! The log of refused scans: written down beside the ledger, lossy, and never in the way.

use chrono::TimeDelta;
use stagedoor::clock::{self, Clock, Moment};
use stagedoor::ledger::kinds::Direction;
use stagedoor::ledger::rows::{RefusalFilter, RefusedScan};
use stagedoor::ledger::{Note, Page};
use tokio::task::yield_now;
use uuid::Uuid;

use super::{Ledgers, Stage, on_both_ledgers};
use crate::support::until;

/// More than can wait.
const MANY: u64 = 11_000;

impl Stage {
    fn refused(&self, code: &str, refused_at: Moment) -> RefusedScan {
        RefusedScan {
            id: clock::new_id(),
            organisation_id: self.organisation.id,
            event_id: self.event.id,
            scan_id: clock::new_id(),
            code: code.into(),
            ticket_id: None,
            direction: Direction::In,
            reason: "unknown_ticket",
            gate: None,
            session_id: self.session.id,
            device_id: self.device.id,
            scanned_at: None,
            refused_at,
        }
    }
}

async fn written(ledgers: &Ledgers) -> i64 {
    ledgers.rows("refused_scans").await
}

on_both_ledgers!(a_full_log_loses_rows_and_keeps_nobody_waiting);
async fn a_full_log_loses_rows_and_keeps_nobody_waiting(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let lock = if ledgers.is_postgres { "lock table refused_scans in access exclusive mode" } else { "select 1" };
    let held = ledgers.hold(lock).await;
    for number in 0..MANY {
        ledgers.a.note_refused(stage.refused(&number.to_string(), Clock::of_this_machine().now()));
    }
    let lost = || ledgers.a.refused_lost().get();
    assert!((1..MANY).contains(&lost()), "{} of {MANY} were lost", lost());
    // What is being written meets the lock and gives up; what waits behind it does not wait for it for ever.
    let before = lost();
    until("a batch was given up", async || {
        yield_now().await;
        lost() > before
    })
    .await;
    drop(held);
    until("the rest was written down", async || i64::try_from(MANY - lost()).unwrap() == written(&ledgers).await).await;
}

on_both_ledgers!(what_waits_is_written_down_at_the_end);
async fn what_waits_is_written_down_at_the_end(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    for number in 0..1_000 {
        ledgers.a.note_refused(stage.refused(&number.to_string(), Clock::of_this_machine().now()));
    }
    ledgers.a.close().await;
    assert_eq!((written(&ledgers).await, ledgers.a.refused_lost().get()), (1_000, 0));
    ledgers.a.note_refused(stage.refused("too late", Clock::of_this_machine().now()));
    assert_eq!(ledgers.a.refused_lost().get(), 1);
}

on_both_ledgers!(what_is_old_is_forgotten);
async fn what_is_old_is_forgotten(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let now = Clock::of_this_machine().now();
    for (code, age) in [("new", 1), ("as old as can be", 90), ("old", 91)] {
        ledgers.a.note_refused(stage.refused(code, now - TimeDelta::days(age)));
    }
    ledgers.a.close().await;
    ledgers.a.note(Note::PruneRefused(now - TimeDelta::days(90))).await.unwrap();
    let page = Page { limit: 10, after: Uuid::nil() };
    let kept = ledgers.a.refused_scans(stage.organisation.id, stage.event.id, &RefusalFilter::default(), page).await.unwrap();
    let codes: Vec<&str> = kept.iter().map(|refused| refused.code.as_str()).collect();
    assert_eq!(codes, ["as old as can be", "new"], "newest first: as they were written down");
}

//! Law 1 under full load: once a change has been answered, nothing more is written under the version before it.
//!
//! The experiment that chose the lock: six committers over both gateways write without pause, in the
//! middle of it the membership changes, the rows are counted when the change is answered and again when all of them have been
//! refused many times. With the check in the writing statement and no lock before it, more than half of such rounds go wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use stagedoor::ledger::entry::Outcome;
use stagedoor::ledger::{Ledger, UploadTicket};
use tokio::task::{JoinSet, yield_now};

use super::ledgers::{scan, sell};
use super::{Ledgers, Part, Stage, on_both_ledgers};
use crate::support::until;

const ROUNDS: usize = 20;
const COMMITTERS: usize = 6;

/// What a crew has done so far in a round.
#[derive(Default)]
struct Progress {
    written: AtomicUsize,
    refused: AtomicUsize,
    answered: AtomicBool,
    late: AtomicUsize,
    over: AtomicBool,
}

on_both_ledgers!(nothing_is_written_under_the_old_version);
async fn nothing_is_written_under_the_old_version(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let mut tickets = Vec::new();
    for n in 0..COMMITTERS {
        // One ticket each, so that no scan is refused for any other reason than the change.
        tickets.push(stage.ticket(&ledgers, &format!("A-{n}"), i32::MAX).await);
    }
    for round in 0..ROUNDS {
        let (progress, mut crew) = (Arc::new(Progress::default()), JoinSet::new());
        for (n, ticket) in tickets.iter().enumerate() {
            let old = Committer { ledger: ledgers.turn(n / 3).clone(), stage: stage.clone(), ticket: ticket.clone(), sells: n % 3 == 0 };
            crew.spawn(old.commit(Arc::clone(&progress)));
        }
        reached("everybody writes", &progress.written, 30).await;
        stage.move_on(ledgers.turn(round), Part::Membership).await;
        progress.answered.store(true, Ordering::SeqCst);
        let then = written(&ledgers).await;
        let refused = progress.refused.load(Ordering::SeqCst);
        reached("everybody was refused", &progress.refused, refused + 60).await;
        assert_eq!(written(&ledgers).await, then, "round {round}: written after the change was answered");
        progress.over.store(true, Ordering::SeqCst);
        while let Some(done) = crew.join_next().await {
            done.unwrap();
        }
        assert_eq!(progress.late.load(Ordering::SeqCst), 0, "round {round}: asked after the change and written all the same");
    }
}

struct Committer {
    ledger: Ledger,
    stage: Stage,
    ticket: UploadTicket,
    sells: bool,
}

impl Committer {
    async fn commit(self, progress: Arc<Progress>) {
        while !progress.over.load(Ordering::SeqCst) {
            let answered = progress.answered.load(Ordering::SeqCst);
            if !self.once().await {
                progress.refused.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            progress.written.fetch_add(1, Ordering::SeqCst);
            if answered {
                progress.late.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// Whether it was written.
    async fn once(&self) -> bool {
        if self.sells {
            let sale = self.stage.sale(&[(&self.stage.seat, 1)]);
            return matches!(sell(&self.ledger, &self.stage, &sale).await, Outcome::Recorded(_));
        }
        matches!(scan(&self.ledger, &self.stage, &self.stage.entry(&self.ticket)).await, Outcome::Recorded(_))
    }
}

async fn reached(what: &str, count: &AtomicUsize, goal: usize) {
    until(what, async || {
        yield_now().await;
        count.load(Ordering::SeqCst) >= goal
    })
    .await;
}

async fn written(ledgers: &Ledgers) -> i64 {
    ledgers.rows("admissions").await + ledgers.rows("sales").await
}

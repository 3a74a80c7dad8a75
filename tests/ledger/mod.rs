//! The promises of the ledger, through the library's own door: one suite, run against both ledgers.
//!
//! What the gateways answer is tested elsewhere; here is what they rely on. Every promise is tested on SQLite and on Postgres by
//! the same lines, and where two gateways matter there are two: `a` and `b` on one Postgres, the same handle twice on SQLite.

mod endings;
mod entries;
mod full_tilt;
mod functions;
mod guests;
mod holds;
mod ledgers;
mod log;
mod look;
mod notes;
mod older_release;
mod refused;
mod sales;
mod scans;
mod stage;
mod store;
mod taken_back;
mod tickets;
mod voids;

use ledgers::Ledgers;
use stage::{Part, Stage};

/// Makes two tests of one story: `async fn story(ledgers: Ledgers)` runs on a SQLite file and on a Postgres data base of its own.
macro_rules! on_both_ledgers {
    ($story:ident) => {
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$story($crate::ledger::Ledgers::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$story($crate::ledger::Ledgers::on_postgres().await).await;
            }
        }
    };
}
use on_both_ledgers;

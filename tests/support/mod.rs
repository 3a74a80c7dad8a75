//! The deployment that the tests play in: real gateways on real stores, and the people who use them.
//!
//! A test names an actor and what they do (`phone.scan(&event, "A-1").await`); how a request is made is known here only.
//! Nothing is mocked, nothing sleeps, and every test has a ledger of its own.

mod actors;
mod auditor;
mod command;
mod database;
mod deployment;
mod gateway;
mod older_ledger;
mod postgres;
mod proxy;
mod raw;
mod raw_ledger;
mod redis;
mod sentinels;
mod show;
mod stream;
mod wire;

pub use actors::{Admin, Device, Member, Phone, SignedIn, Till, hold_of, new_event, sale_of, scan_of, words};
pub use auditor::{Auditor, ledger_against_itself};
pub use command::{Finished, stagedoor};
pub use deployment::{Deployment, Plan, Setup};
pub use gateway::{Gateway, signal};
pub use older_ledger::older_member;
pub use postgres::PostgresServer;
pub use proxy::{Direction, Fate, Proxy};
pub use raw::{Raw, RawAnswer, request};
pub use raw_ledger::{Held, RawLedger, sqlite_file};
pub use redis::RedisServer;
pub use sentinels::Sentinels;
pub use show::{Event, TicketType, basket, card, cash};
pub use stream::Listener;
pub use wire::{Answer, Client, ids_of, new_id, ref_id};

use std::time::{Duration, Instant};

/// Past this time a test gives up waiting. Generous, for a machine that compiles something else meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Time within which every request is answered, as a client measures it.
pub const A_SECOND: Duration = Duration::from_secs(1);

/// Makes two tests of one story: on SQLite alone, and on Postgres and Redis with two gateways.
///
/// `on_both!(story)` runs `async fn story(deployment: Deployment)`; settings may follow: `on_both!(story, "STAGEDOOR_…" = "1")`.
macro_rules! on_both {
    ($story:ident $(, $name:literal = $value:literal)*) => {
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                super::$story($crate::support::Plan::embedded()$(.setting($name, $value))*.open().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn shared() {
                super::$story($crate::support::Plan::shared()$(.setting($name, $value))*.open().await).await;
            }
        }
    };
}
pub(crate) use on_both;

/// Asks again and again until the answer is the wanted one; panics when patience ends.
///
/// For changes that come with time (a lifetime that runs out, a store that comes back), where a sleep would only guess.
pub async fn until<Asked: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> Asked) {
    let begun = Instant::now();
    while !ask().await {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
    }
}

//! Last uses: written together, and without delaying anything else.

use chrono::TimeDelta;
use stagedoor::clock::Clock;
use stagedoor::ids::{DeviceId, SessionId};
use stagedoor::ledger::change::Images;
use stagedoor::ledger::kinds::SessionKind;
use stagedoor::ledger::{LedgerError, Note};

use super::{Ledgers, Stage, on_both_ledgers};
use crate::support::until;

/// Phones of a deployment.
const PHONES: usize = 300;
/// Those of them that were used.
const USED_DEVICES: &str = "select count(*) from devices where organisation_id = $1 and seen_at is not null";
/// Sessions of theirs that were used since they began.
const USED_SESSIONS: &str = "select count(*) from sessions where organisation_id = $1 and seen_at > started_at";

/// Phones with a session.
struct Phones {
    devices: Vec<DeviceId>,
    sessions: Vec<SessionId>,
}

impl Phones {
    async fn fill(ledgers: &Ledgers, stage: &Stage) -> Self {
        let devices: Vec<_> = (0..PHONES).map(|n| stage.new_device(&format!("Scanner {n}"))).collect();
        let sessions: Vec<_> = devices.iter().map(|device| stage.new_session(Some(device), SessionKind::Scanner)).collect();
        let phones = Self { devices: devices.iter().map(|d| d.id).collect(), sessions: sessions.iter().map(|s| s.id).collect() };
        ledgers.stored(&stage.change(Images { devices, sessions, ..Images::default() })).await;
        phones
    }

    /// All of them are in use, a second from now.
    async fn note(&self, ledgers: &Ledgers) -> Result<(), LedgerError> {
        ledgers.a.note(Note::Used(&self.sessions, &self.devices, Clock::of_this_machine().now() + TimeDelta::seconds(1))).await
    }
}

on_both_ledgers!(the_uses_of_a_whole_house_are_one_write);
async fn the_uses_of_a_whole_house_are_one_write(ledgers: Ledgers) {
    let (stage, other) = (Stage::open(&ledgers).await, Stage::open(&ledgers).await);
    let phones = Phones::fill(&ledgers, &stage).await;
    phones.note(&ledgers).await.unwrap();
    for used in [USED_DEVICES, USED_SESSIONS] {
        assert_eq!(ledgers.number(used, stage.organisation.id).await, 300, "{used}");
        assert_eq!(ledgers.number(used, other.organisation.id).await, 0, "{used}");
    }
    if ledgers.is_postgres {
        let writes = "select count(distinct written) from (
                          select xmin::text as written, organisation_id, seen_at from devices where seen_at is not null
                          union all
                          select xmin::text, organisation_id, seen_at from sessions where seen_at > started_at
                      ) used where organisation_id = $1";
        assert_eq!(ledgers.number(writes, stage.organisation.id).await, 1, "each write of its own waits for the disk");
    }
}

/// A row that is being changed is left out and not waited for: otherwise uses and changes could deadlock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_being_changed_keeps_no_other_use_waiting() {
    let ledgers = Ledgers::on_postgres().await;
    let stage = Stage::open(&ledgers).await;
    let phones = Phones::fill(&ledgers, &stage).await;
    let (device, session) = (phones.devices[PHONES / 2], phones.sessions[PHONES / 3]);
    let change = format!(
        "with changed as (update devices set gate = 'South' where id = '{device}') update sessions set version = 2 where id = '{session}'"
    );
    let changed = ledgers.hold(&change).await;
    phones.note(&ledgers).await.unwrap();
    for used in [USED_DEVICES, USED_SESSIONS] {
        assert_eq!(ledgers.number(used, stage.organisation.id).await, 299, "{used}");
    }
    drop(changed);
    until("they are noted with the next", async || {
        phones.note(&ledgers).await.unwrap();
        let used = [ledgers.number(USED_DEVICES, stage.organisation.id).await, ledgers.number(USED_SESSIONS, stage.organisation.id).await];
        used == [300, 300]
    })
    .await;
}

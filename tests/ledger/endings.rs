//! Ending many sessions: all of one moment, on what was read or not at all, and quick enough to be one step.

use stagedoor::clock::{self, Clock};
use stagedoor::ledger::change::{Ending, Guard, Images};
use stagedoor::ledger::kinds::SessionKind;
use stagedoor::ledger::{Ledger, LedgerError, Page, SessionFilter};
use uuid::Uuid;

use super::{Ledgers, Part, Stage, on_both_ledgers};

/// Scanners of a deployment that is larger than any that we know.
const SCANNERS: usize = 10_000;
/// Rows that are stored in one change while the deployment is filled.
const CHUNK: usize = 1_000;

on_both_ledgers!(ten_thousand_sessions_end_in_one_step);
async fn ten_thousand_sessions_end_in_one_step(ledgers: Ledgers) {
    let (stage, other) = (Stage::open(&ledgers).await, Stage::open(&ledgers).await);
    for _ in 0..SCANNERS / CHUNK {
        let devices: Vec<_> = (0..CHUNK).map(|n| stage.new_device(&format!("Scanner {n}"))).collect();
        let sessions = devices.iter().map(|device| stage.new_session(Some(device), SessionKind::Scanner)).collect();
        ledgers.stored(&stage.change(Images { devices, sessions, ..Images::default() })).await;
    }
    let logged = "select count(*) from changes where organisation_id = $1";
    let before = ledgers.number(logged, stage.organisation.id).await;
    let begun = clock::mark();
    assert_eq!(ledgers.b.end_sessions(&everybody(&stage)).await.unwrap(), SCANNERS + 1);
    let took = clock::since(begun);
    eprintln!("{SCANNERS} sessions ended in {took:?}");
    let open = "select count(*) from sessions where ended_at is null and organisation_id = $1";
    assert_eq!(ledgers.number(open, stage.organisation.id).await, 0);
    assert_eq!(ledgers.number(open, other.organisation.id).await, 1, "another organisation's goes on");
    assert_eq!(ledgers.number(logged, stage.organisation.id).await, before + 1, "one change, heard as one");
    assert_eq!(ledgers.a.end_sessions(&everybody(&stage)).await.unwrap(), 0);
    assert_eq!(ledgers.number(logged, stage.organisation.id).await, before + 1, "nothing has changed");
}

on_both_ledgers!(nobody_ends_sessions_on_what_has_moved);
async fn nobody_ends_sessions_on_what_has_moved(ledgers: Ledgers) {
    let mut stage = Stage::open(&ledgers).await;
    let ending = Ending { guards: vec![Guard::Membership { id: stage.membership.id, version: 1 }], ..everybody(&stage) };
    stage.move_on(&ledgers.b, Part::Membership).await;
    assert!(matches!(ledgers.a.end_sessions(&ending).await, Err(LedgerError::Moved)));
    assert_eq!(listed(&ledgers.a, &stage).await, [stage.session.id.0]);
}

on_both_ledgers!(only_the_named_sessions_end);
async fn only_the_named_sessions_end(ledgers: Ledgers) {
    let stage = Stage::open(&ledgers).await;
    let device = stage.new_device("Scanner");
    let session = stage.new_session(Some(&device), SessionKind::Scanner);
    ledgers.stored(&stage.change(Images { devices: vec![device.clone()], sessions: vec![session.clone()], ..Images::default() })).await;

    let nobody = Ending { member: Some(clock::new_id()), ..everybody(&stage) };
    assert_eq!(ledgers.a.end_sessions(&nobody).await.unwrap(), 0);
    let kept = Ending { keep: Some(session.id), member: Some(stage.membership.id), ..everybody(&stage) };
    assert_eq!(ledgers.a.end_sessions(&kept).await.unwrap(), 1);
    assert_eq!(listed(&ledgers.b, &stage).await, [session.id.0]);
    let on_device = Ending { device: Some(device.id), ..everybody(&stage) };
    assert_eq!(ledgers.b.end_sessions(&on_device).await.unwrap(), 1);
    assert_eq!(listed(&ledgers.a, &stage).await, Vec::<Uuid>::new());
    assert!(!ledgers.b.log().trusts(0, &[session.id.0]), "no copy of it is trusted where it was ended");
}

fn everybody(stage: &Stage) -> Ending {
    Ending {
        organisation: stage.organisation.id,
        at: Clock::of_this_machine().now(),
        guards: vec![],
        member: None,
        device: None,
        keep: None,
    }
}

async fn listed(ledger: &Ledger, stage: &Stage) -> Vec<Uuid> {
    let filter = SessionFilter { user: None, device: None, kind: None, live: true, at: Clock::of_this_machine().now() };
    let page = Page { limit: 100, after: Uuid::nil() };
    let found = ledger.sessions(stage.organisation.id, filter, page).await.unwrap();
    found.into_iter().map(|authority| authority.session.id.0).collect()
}

//! What a gateway knows of the keys, and how often it reads them.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use futures::future::join_all;
use sqlx::{Connection, SqliteConnection, query};
use tempfile::TempDir;

use super::{rotate::Old, *};
use crate::config::Config;

struct Fixture {
    home: TempDir,
    ledger: Ledger,
    keys: Keys,
}

impl Fixture {
    async fn open() -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = Config::load([("STAGEDOOR_DATA_DIR".to_owned(), home.path().display().to_string())]).unwrap();
        let ledger = Ledger::open(&config.database, 2).await.unwrap();
        let keys = Keys::open(ledger.clone(), Clock::of_this_machine()).await.unwrap();
        Self { home, ledger, keys }
    }

    fn active(&self) -> String {
        self.keys.ring().active().unwrap().0.clone()
    }

    async fn knows(&self, kid: &str) -> bool {
        self.keys.verifying(kid).await.unwrap().is_some()
    }

    fn readings(&self) -> u64 {
        self.keys.begun.load(Ordering::Acquire)
    }

    /// As another gateway would, whose change has not been read here.
    async fn unheard(&self, statement: &'static str, kid: &str) {
        let file = self.home.path().join("stagedoor.db");
        let mut past = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        let seed = make(Clock::of_this_machine()).seed;
        query(statement).bind(kid).bind(seed).execute(&mut past).await.unwrap();
        past.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_key_that_nobody_told_of_is_found_in_the_ledger_at_once() {
    let fixture = Fixture::open().await;
    let add =
        "insert into signing_keys (kid, seed, created_at, retired_at) values ($1, $2, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')";
    // One after the other, without a pause: the answer before is no reason not to look.
    for _ in 0..3 {
        let kid = clock::new_id::<Uuid>().to_string();
        assert!(!fixture.knows(&kid).await);
        fixture.unheard(add, &kid).await;
        assert!(fixture.knows(&kid).await);
    }
}

#[tokio::test]
async fn forged_names_share_the_readings_however_many_come() {
    let fixture = Fixture::open().await;
    let forged: Vec<String> = (0..2_000).map(|_| Uuid::new_v4().to_string()).collect();
    let known = join_all(forged.iter().map(|kid| fixture.knows(kid))).await;
    assert!(!known.contains(&true));
    assert!(fixture.readings() <= 2, "{} readings", fixture.readings());

    let begun = clock::mark();
    for kid in forged.iter().take(5) {
        assert!(!fixture.knows(kid).await);
    }
    assert!(clock::since(begun) >= limits::KEYS_READ_INTERVAL * 4, "one after the other, they are slowed down");
    let before = fixture.readings();
    assert!(!fixture.knows("no name of ours").await && !fixture.knows("").await);
    assert_eq!(fixture.readings(), before, "what no key is called is not looked for");
}

#[tokio::test]
async fn what_is_known_is_not_asked_for_until_it_changes() {
    let fixture = Fixture::open().await;
    let first = fixture.active();
    for _ in 0..100 {
        assert!(fixture.knows(&first).await);
    }
    assert_eq!(fixture.readings(), 0);

    let rotated = rotate::rotate(&fixture.ledger, Clock::of_this_machine(), &Old::default()).await.unwrap();
    assert!(rotated.forgotten.is_empty() && rotated.active != first);
    let now = fixture.keys.current().await.unwrap();
    assert_eq!((now.active().unwrap().0.as_str(), now.losses()), (rotated.active.as_str(), 0));
    assert!(fixture.knows(&first).await, "the old one still verifies");
    assert_eq!(fixture.readings(), 1);

    let last =
        rotate::rotate(&fixture.ledger, Clock::of_this_machine(), &Old { forget: vec![first.clone()], forget_all: false }).await.unwrap();
    assert_eq!(last.forgotten, std::slice::from_ref(&first));
    assert!(!fixture.knows(&first).await && fixture.knows(&rotated.active).await);
    assert_eq!(fixture.keys.current().await.unwrap().losses(), 1);
}

#[tokio::test]
async fn a_key_is_pruned_when_its_last_token_is_too_old() {
    let fixture = Fixture::open().await;
    let first = fixture.active();
    rotate::rotate(&fixture.ledger, Clock::of_this_machine(), &Old::default()).await.unwrap();
    let days = |days: i64| rotate::of_no_more_use_before(Clock::of_this_machine().now() + chrono::TimeDelta::days(days));
    fixture.ledger.note(Note::PruneKeys(days(limits::DEVICE_TOKEN_DAYS))).await.unwrap();
    assert_eq!(fixture.ledger.signing_keys().await.unwrap().len(), 2, "a device token may still be good");
    fixture.ledger.note(Note::PruneKeys(days(limits::DEVICE_TOKEN_DAYS + 2))).await.unwrap();
    let left = fixture.ledger.signing_keys().await.unwrap();
    assert_eq!(left.len(), 1, "the active key stays, however old");
    assert!(left.iter().all(|key| key.kid != first));
}

//! The file of the embedded ledger, copied at random moments under load: every copy opens, is sound, and has all that was answered before.
//!
//! Three ways to copy it. Nothing is written meanwhile, as in a snapshot of the disk: the file and the log beside it (`-wal`). The process
//! was killed a moment ago: the same two. The gateway goes on: `VACUUM INTO`, as `sqlite3 ledger '.backup copy'` does it too.

use std::collections::HashSet;
use std::fs::copy;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::sleep;
use uuid::Uuid;

use super::night::Night;
use crate::support::{Plan, RawLedger, ledger_against_itself, signal, sqlite_file};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_embedded_ledger_is_sound() {
    copied(6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn hundreds_of_copies_of_the_embedded_ledger_are_sound() {
    // Every copy is read from end to end, and a ledger grows all night.
    for _ in 0..6 {
        copied(50).await;
    }
}

async fn copied(times: usize) {
    let mut night = Night::begin(Plan::embedded()).await;
    let crew = night.crew(8);
    for round in 0..times {
        crew.settles(rand::random_range(1..40)).await;
        sleep(Duration::from_micros(rand::random_range(0..5_000))).await;
        let folder = TempDir::new().unwrap();
        let (ledger, target) = (sqlite_file(night.deployment.data()), folder.path().join("copy"));
        let answered = night.auditor.said_yes();
        match round % 3 {
            0 => {
                let process = night.deployment.gateways()[0].process();
                signal("STOP", process);
                both_files(&ledger, &target);
                signal("CONT", process);
            }
            1 => night.deployment.ledger.execute(&format!("vacuum into '{}'", target.display())).await.unwrap(),
            _ => {
                night.deployment.kill(0);
                both_files(&ledger, &target);
                night.deployment.open_anew(0, &[]);
                night.gateways_are_elsewhere();
            }
        }
        is_sound(&target, &answered).await;
    }
    night.is_over(crew).await;
}

/// The ledger and the log beside it.
fn both_files(ledger: &Path, target: &Path) {
    copy(ledger, target).unwrap();
    if log_of(ledger).exists() {
        copy(log_of(ledger), log_of(target)).unwrap();
    }
}

fn log_of(ledger: &Path) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

async fn is_sound(copy: &Path, answered: &HashSet<Uuid>) {
    let ledger = RawLedger::in_file(copy).await;
    for check in ["pragma_integrity_check where integrity_check <> 'ok'", "pragma_foreign_key_check"] {
        assert_eq!(ledger.count(&format!("select count(*) from {check}"), &[]).await, 0, "{check}");
    }
    let findings = ledger_against_itself(&ledger).await;
    assert!(findings.is_empty(), "{findings:?}");
    let written = ledger.numbers("select id, 1 from admissions union all select id, 1 from sales").await;
    let lost = answered.iter().filter(|id| !written.contains_key(*id)).count();
    assert_eq!(lost, 0, "answered before the copy, and not in it");
    ledger.close().await;
}

//! The disk of the embedded ledger is full, and has room again. Scans, sales and changes answer 503 and never a false yes; nothing answered is
//! lost, nothing is doubled; service comes back by itself.

use serde_json::json;

use super::night::Night;
use crate::support::Plan;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_the_embedded_ledger_loses_and_doubles_nothing() {
    outages(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn a_disk_that_is_often_full_loses_and_doubles_nothing() {
    outages(20).await;
}

/// Under load, the disk is full and has room again, so many times.
async fn outages(times: usize) {
    let night = Night::begin(Plan::embedded()).await;
    let event = format!("/v1/events/{}", night.event.id);
    let venue = json!({"venue": "Hall"});
    let crew = night.crew(8);
    for _ in 0..times {
        crew.settles(50).await;
        night.deployment.gateway().can_write(false);
        crew.is_put_off(8).await;
        night.says_so_at_once().await;
        night.deployment.admin.client.patch(&event, &venue).await.problem(503, "ledger_unavailable");
        night.deployment.gateway().can_write(true);
        night.is_back().await;
        night.deployment.admin.client.patch(&event, &venue).await.ok(200);
    }
    crew.settles(50).await;
    crew.answered_in_time();
    night.is_over(crew).await;
}

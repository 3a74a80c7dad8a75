//! A gateway is killed (SIGKILL) at random moments under load, also between the commit and the answer. Every sale and admission that was
//! answered is in the ledger, every id that is sent again finds its one answer, and receipt numbers have no gaps.

use std::time::Duration;

use tokio::time::sleep;

use super::night::Night;
use crate::support::{Deployment, Plan, Setup};

/// The points at which a test build can be made to die: see `fail_point!` in the source.
const POINTS: [&str; 3] = ["before-commit", "after-commit", "before-answer"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded() {
    killed(Plan::embedded(), 10, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shared() {
    killed(Plan::shared(), 10, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn embedded_five_hundred_times() {
    killed(Plan::embedded(), 440, 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn shared_five_hundred_times() {
    killed(Plan::shared(), 440, 20).await;
}

/// So many kills at random moments, then so many at each point.
async fn killed(plan: Plan, times: usize, at_each_point: usize) {
    let mut night = Night::begin(plan).await;
    let crew = night.crew(8);
    for round in 0..times {
        crew.settles(rand::random_range(1..20)).await;
        // The moment itself: anywhere between two answers.
        sleep(Duration::from_micros(rand::random_range(0..5_000))).await;
        let number = round % gateways(&night.deployment);
        night.deployment.open_anew(number, &[]);
        night.gateways_are_elsewhere();
    }
    for round in 0..at_each_point {
        for point in POINTS {
            let number = round % gateways(&night.deployment);
            // One in ten that come by dies there.
            night.deployment.open_anew(number, &[("FAILPOINTS", &format!("{point}=10%return"))]);
            night.gateways_are_elsewhere();
            night.deployment.ended(number);
            night.deployment.open_anew(number, &[]);
            night.gateways_are_elsewhere();
            crew.settles(1).await;
        }
    }
    crew.settles(50).await;
    night.is_over(crew).await;
}

fn gateways(deployment: &Deployment) -> usize {
    match deployment.setup {
        Setup::Embedded => 1,
        Setup::Shared => 2,
    }
}

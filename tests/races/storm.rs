//! The lock's cost: a hundred changes a second of an organisation in which people are let in.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use crate::support::{Deployment, Event, Member, Phone, Plan, new_id};

/// Changes a second.
const CHANGES: u32 = 100;
/// Scans a second: enough that hardly a moment passes without one under way.
const SCANS: u32 = 120;
const PHONES: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scans_go_on_in_a_storm_of_changes_embedded() {
    Storm::begin(Plan::embedded().open().await).await.goes_on(Duration::from_millis(1_500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scans_go_on_in_a_storm_of_changes_shared() {
    Storm::begin(Plan::shared().open().await).await.goes_on(Duration::from_millis(1_500)).await;
}

struct Storm {
    deployment: Deployment,
    event: Event,
    seat: crate::support::TicketType,
    phones: Vec<Phone>,
    bystanders: Vec<Member>,
}

impl Storm {
    async fn begin(deployment: Deployment) -> Self {
        let event = deployment.admin.event("Gala").await;
        let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
        let scanner = deployment.admin.hire("scanner").await;
        let mut phones = Vec::new();
        for number in 0..PHONES {
            phones.push(deployment.admin.phone(&scanner).await.at(deployment.turn(number)));
        }
        let mut bystanders = Vec::new();
        for _ in 0..4 {
            bystanders.push(deployment.admin.hire("door_operator").await);
        }
        Self { deployment, event, seat, phones, bystanders }
    }

    /// People scan for so long while changes are made: every scan is a green light, and changes are made.
    async fn goes_on(&self, long: Duration) {
        let over = AtomicBool::new(false);
        let changes = AtomicU32::new(0);
        let scanning = async {
            let times = self.scan_for(long).await;
            over.store(true, Ordering::Relaxed);
            times
        };
        let (times, ()) = tokio::join!(scanning, self.change_until(&over, &changes));
        let slowest = times.iter().max();
        eprintln!("{} scans beside {changes:?} changes, the slowest in {slowest:?}", times.len());
        assert!(changes.into_inner() > 0 && !times.is_empty());
    }

    /// Scans at a planned rate, each a green light; how long each took, from the moment for which it was planned.
    async fn scan_for(&self, long: Duration) -> Vec<Duration> {
        let each = usize::try_from(SCANS).unwrap() * usize::try_from(long.as_millis()).unwrap() / 1_000 / PHONES;
        let codes: Vec<String> = (0..each * PHONES).map(|_| new_id()).collect();
        for chunk in codes.chunks(1_000) {
            let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
            self.deployment.admin.tickets(&self.event, &self.seat, &chunk).await;
        }
        let begun = Instant::now();
        let pace = long / u32::try_from(each).unwrap();
        let phones = self.phones.iter().zip(codes.chunks(each)).enumerate().map(async |(place, (phone, codes))| {
            let mut times = Vec::new();
            let first = begun + pace * u32::try_from(place).unwrap() / u32::try_from(PHONES).unwrap();
            for (number, code) in codes.iter().enumerate() {
                let planned = first + pace * u32::try_from(number).unwrap();
                tokio::time::sleep_until(planned.into()).await;
                phone.admits(&self.event, code).await;
                times.push(planned.elapsed());
            }
            times
        });
        join_all(phones).await.into_iter().flatten().collect()
    }

    /// Pins, roles and devices change, a hundred times a second or as often as it goes.
    async fn change_until(&self, over: &AtomicBool, changes: &AtomicU32) {
        let mut pace = interval(Duration::from_secs(1) / CHANGES);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let admin = &self.deployment.admin;
        for number in 0.. {
            pace.tick().await;
            if over.load(Ordering::Relaxed) {
                return;
            }
            let member = &self.bystanders[number % self.bystanders.len()];
            match number % 4 {
                0 => admin.pin(member, &[&self.event]).await,
                1 => admin.pin(member, &[]).await,
                2 => drop(admin.change(member, json!({"role": "door_operator", "grant": ["entry:scan"]})).await),
                _ => drop(admin.client.post("/v1/devices", &json!({"name": "Spare", "kind": "scanner"})).await.ok(201)),
            }
            changes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

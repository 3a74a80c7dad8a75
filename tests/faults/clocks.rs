//! Clocks that are wrong, step and drift. The ledger's clock decides for all gateways on it, and never the phone's.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{Deployment, Event, Phone, Plan, Till, basket, card, new_id, scan_of, until};

/// How far from the right time a recorded time may be; the duration of the request is included.
const NEAR: TimeDelta = TimeDelta::seconds(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_clock_is_ahead_decides_as_the_others_do() {
    let mut deployment = Plan::shared().open().await;
    // `wall-clock` is a point of test builds: the clock of the machine is wrong by so many seconds.
    deployment.open_anew(1, &[("FAILPOINTS", "wall-clock=return(7200)")]);
    Evening::begin(&deployment).await.goes_by_one_clock(&deployment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_clock_is_behind_decides_as_the_others_do() {
    let mut deployment = Plan::shared().open().await;
    deployment.open_anew(1, &[("FAILPOINTS", "wall-clock=return(-7200)")]);
    Evening::begin(&deployment).await.goes_by_one_clock(&deployment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_of_a_phone_decides_nothing() {
    let deployment = Plan::shared().open().await;
    let evening = Evening::begin(&deployment).await;
    for (code, hours) in [("A-1", -48), ("A-2", 48)] {
        let mut scan = scan_of(&evening.event, code);
        scan["scanned_at"] = json!((Utc::now() + TimeDelta::hours(hours)).to_rfc3339());
        let answer = evening.phone.send(&scan).await.ok(200);
        assert_eq!(answer["verdict"], "admit", "{answer}");
        is_now(&answer["admission"]["recorded_at"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn clocks_that_are_faked_from_outside_change_nothing() {
    let Some(library) = libfaketime() else { return };
    // Ahead, behind, and twice as fast: the clock that never steps is faked with the other.
    for faked in ["+2h", "-2h", "+0 x2"] {
        let mut deployment = Plan::shared().open().await;
        deployment.open_anew(1, &[("LD_PRELOAD", &library), ("FAKETIME", faked)]);
        Evening::begin(&deployment).await.goes_by_one_clock(&deployment).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn a_clock_that_steps_while_the_gateway_runs_changes_nothing() {
    let Some(library) = libfaketime() else { return };
    let mut deployment = Plan::shared().open().await;
    let file = deployment.data().join("faketime");
    std::fs::write(&file, "+0").unwrap();
    let file = file.display().to_string();
    let settings = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", &file),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    deployment.open_anew(1, &settings);
    let evening = Evening::begin(&deployment).await;
    for step in ["+2h", "-2h", "+0"] {
        std::fs::write(&file, step).unwrap();
        evening.goes_by_one_clock(&deployment).await;
    }
}

fn libfaketime() -> Option<String> {
    let library = std::env::var("STAGEDOOR_TEST_LIBFAKETIME").ok().filter(|library| !library.is_empty());
    if library.is_none() {
        eprintln!("skipped: libfaketime is not installed (on Debian: apt-get install faketime)");
    }
    library
}

/// Members whose phones and tills reach both gateways, and an event whose tickets are valid for this hour.
struct Evening {
    event: Event,
    phone: Phone,
    till: Till,
}

impl Evening {
    async fn begin(deployment: &Deployment) -> Self {
        let event = deployment.admin.event("Gala").await;
        let seat = deployment.admin.ticket_type_with(&event, this_hour()).await;
        deployment.admin.tickets(&event, &seat, &["A-1", "A-2"]).await;
        let (scanner, seller) = (deployment.admin.hire("scanner").await, deployment.admin.hire("box_office").await);
        Self { phone: deployment.admin.phone(&scanner).await, till: deployment.admin.till(&seller).await, event }
    }

    /// Whatever has a time is made at one gateway and judged at the other, both ways.
    async fn goes_by_one_clock(&self, deployment: &Deployment) {
        for (here, there) in [(deployment.a(), deployment.b()), (deployment.b(), deployment.a())] {
            let admin = deployment.admin.at(here);
            // An enrolment code works for a quarter of an hour, a session for hours, and idles for one.
            let device = admin.client.post("/v1/devices", &json!({"name": "Door", "kind": "scanner"})).await.ok(201);
            let device = admin.at(there).enrol(device["enrolment_code"].as_str().unwrap()).await;
            let member = admin.hire("scanner").await;
            let phone = member.phone(&device.at(here)).await;
            is_now(&phone.session["started_at"]);
            phone.at(there).current().await.ok(200);
            let signed_in = admin.hire("organisation_admin").await.signed_in(here).await;
            signed_in.client.at(there).get("/v1/team").await.ok(200);
            signed_in.current().await.ok(200);

            // Windows of a ticket, and what is written down.
            let hour = deployment.admin.ticket_type_with(&self.event, this_hour()).await;
            let codes: Vec<String> = (0..2).map(|_| new_id()).collect();
            deployment.admin.tickets(&self.event, &hour, &[&codes[0], &codes[1]]).await;
            let first = self.phone.at(here).admits(&self.event, &codes[0]).await;
            let second = self.phone.at(there).admits(&self.event, &codes[1]).await;
            is_now(&first["admission"]["recorded_at"]);
            is_now(&second["admission"]["recorded_at"]);
            assert!(
                moment(&first["admission"]["recorded_at"]) <= moment(&second["admission"]["recorded_at"]) + TimeDelta::milliseconds(50)
            );

            // A scan may be taken back for a quarter of an hour.
            self.phone.at(there).take_back(&first["id"]).await.ok(200);

            // A hold keeps its stock for two minutes, at both gateways.
            let last = deployment.admin.ticket_type_with(&self.event, json!({"name": new_id(), "price": "5.00", "quota": 1})).await;
            let one = || basket(&[(&last, 1)]);
            let hold = self.till.at(here).hold(&self.event, one()).await;
            self.till.at(there).try_sell(&self.event, one(), card()).await.problem(409, "sold_out");
            let sold = self.till.at(there).try_sell_held(&self.event, one(), &hold).await.ok(201);
            is_now(&sold["recorded_at"]);

            // The log is followed by a clock that never steps, so it is in step at any time of day.
            until("the gateway is in step", || async { there.get("/readyz").await.ok(200)["status"] == "ready" }).await;
        }
        // No member who was signed in before has been signed out.
        for gateway in [deployment.a(), deployment.b()] {
            self.phone.at(gateway).current().await.ok(200);
            self.till.at(gateway).current().await.ok(200);
            deployment.admin.client.at(gateway).get("/v1/team").await.ok(200);
        }
    }
}

/// A type whose tickets are valid for this hour.
fn this_hour() -> Value {
    let window = |minutes: i64| (Utc::now() + TimeDelta::minutes(minutes)).to_rfc3339();
    json!({"name": new_id(), "price": "10.00", "valid_from": window(-30), "valid_until": window(30)})
}

fn moment(text: &Value) -> DateTime<Utc> {
    text.as_str().unwrap().parse().unwrap()
}

fn is_now(text: &Value) {
    let off = (moment(text) - Utc::now()).abs();
    assert!(off < NEAR, "{text} is {off} off");
}

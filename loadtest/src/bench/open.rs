//! An open loop of scans in a filled deployment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::filled::{Filled, PREFIX};
use crate::run::pace::Shape;
use crate::run::record::{Call, Latencies, Recorder, Tally, latencies};
use crate::run::{Device, Expected, Job, Loop, Planned, Scan, Sends, Stage, play};

/// Scans at a rate for so long, and sign-ins at the same time on the other phones. Returns the latencies of the scans.
pub async fn scans(filled: &Filled, phones: usize, rate: f64, sign_ins: f64, length: Duration) -> anyhow::Result<Latencies> {
    let stage = Arc::new(Stage {
        begun: Instant::now(),
        event: filled.world.event.clone(),
        organisation: filled.world.organisation.clone(),
        recorder: Arc::new(Recorder::new()),
        patience: Duration::from_secs(10),
    });
    let stations = filled.world.phones.iter().cloned();
    let devices: Vec<Device> = stations.enumerate().map(|(place, station)| Device::new(place, station)).collect();
    let scan = |(at, device)| {
        let code = format!("{PREFIX}{:08}", filled.codes.next()).into();
        Planned { at, device, job: Job::Scan(Scan { code, expected: Expected::OneEntry, sends: Sends::default() }) }
    };
    let mut plan: Vec<Planned> = Shape::Constant { rate, length }.moments().zip((0..phones).cycle()).map(scan).collect();
    if sign_ins > 0.0 {
        let others = (phones..devices.len()).cycle();
        let moments = Shape::Constant { rate: sign_ins, length }.moments();
        plan.extend(moments.zip(others).map(|(at, device)| Planned { at, device, job: Job::SignIn }));
        plan.sort_by_key(|planned| planned.at);
    }
    let devices = play(&stage, devices, Box::new(plan.into_iter()), Loop::Open).await?;
    drop(devices);
    let mut tally = Tally::new(Duration::from_secs(1));
    tally.count(&stage.recorder);
    for ((call, verdict), some) in &tally.by_verdict {
        let good = matches!((call, *verdict), (Call::Scan, "admit") | (Call::SignIn, "signed_in"));
        ensure!(good, "{} {call} were answered {verdict}", some.len());
    }
    Ok(tally.by_call.remove(&Call::Scan).unwrap_or_else(latencies))
}

/// Past which a hundredth of them lies, in milliseconds.
pub fn p99(latencies: &Latencies) -> f64 {
    Duration::from_micros(latencies.value_at_quantile(0.99)).as_secs_f64() * 1000.0
}

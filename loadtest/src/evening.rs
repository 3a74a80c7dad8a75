//! A run from its first call to its report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::cli::{Options, Play};
use crate::judge::judge;
use crate::report::{self, Progress, Report};
use crate::run::record::{Recorder, Tally};
use crate::run::{self, Device, Evidence, Loop, Stage};
use crate::scenario::{Phase, Scenario, revocation};
use crate::world::World;

/// Time between two looks at what came back.
const LOOK: Duration = Duration::from_millis(250);

/// Plays a scenario. Answers whether all was right.
pub async fn play(play: Play) -> anyhow::Result<bool> {
    let (scenario, options) = Scenario::of(play);
    let progress = Progress::new(options.progress);
    let size = scenario.size(&options);
    progress.say(&format!("preparing the evening: {} tickets, {} devices", size.tickets, size.devices()));
    let opened = Instant::now();
    let bar = progress.count("devices", u64::try_from(size.devices())?);
    let mut world = World::open(&options.source()?, size, &bar).await?;
    bar.finish_and_clear();
    progress.say(&format!(
        "{} phones, {} tills and {} tickets stand ready after {:.1} s",
        world.phones.len(),
        world.tills.len(),
        world.tickets.len(),
        opened.elapsed().as_secs_f64()
    ));
    let (tally, evidence, took) = perform(scenario, &options, &mut world, &progress).await?;
    progress.say("comparing every answer with the ledger");
    let judgement = judge(&options, &mut world, &evidence, &tally).await?;
    let clean = judgement.clean();
    let report = Report { scenario: scenario.name(), options: &options, world: &world, tally: &tally, took, judgement: &judgement };
    report.print();
    report::write(&report)?;
    Ok(clean)
}

async fn perform(
    scenario: Scenario,
    options: &Options,
    world: &mut World,
    progress: &Progress,
) -> anyhow::Result<(Tally, Evidence, Duration)> {
    let phases = scenario.phases(options, world).await?;
    let stage = Arc::new(Stage {
        begun: Instant::now(),
        event: world.event.clone(),
        organisation: world.organisation.clone(),
        recorder: Arc::new(Recorder::new()),
        patience: Duration::try_from_secs_f64(options.patience)?,
    });
    let stations = world.phones.iter().chain(&world.tills).cloned();
    let mut devices: Vec<Device> = stations.enumerate().map(|(place, station)| Device::new(place, station)).collect();
    let how = if options.closed { Loop::Closed } else { Loop::Open };
    let mut tally = Tally::new(LOOK);
    let changes = async {
        match scenario {
            Scenario::Revocation => revocation::change(options, &stage, world).await,
            _ => Ok(Evidence::default()),
        }
    };
    let doors = async {
        for phase in phases {
            devices = watched(&stage, std::mem::take(&mut devices), phase, how, &mut tally, progress).await?;
        }
        anyhow::Ok(())
    };
    let (changed, played) = tokio::join!(changes, doors);
    played?;
    let took = stage.begun.elapsed();
    tally.count(&stage.recorder);
    let mut evidence = changed?;
    for device in devices {
        evidence.add(device.told());
    }
    Ok((tally, evidence, took))
}

/// Runs a phase and shows the figures meanwhile.
async fn watched(
    stage: &Arc<Stage>,
    devices: Vec<Device>,
    phase: Phase,
    how: Loop,
    tally: &mut Tally,
    progress: &Progress,
) -> anyhow::Result<Vec<Device>> {
    let bar = progress.phase(phase.name, phase.jobs);
    let before = tally.answers();
    let (over, mut ended) = watch::channel(false);
    let looking = async {
        while !*ended.borrow() {
            let _ = tokio::time::timeout(LOOK, ended.changed()).await;
            tally.count(&stage.recorder);
            bar.show(tally, before);
        }
    };
    let playing = async {
        let back = run::play(stage, devices, phase.plan, how).await;
        let _ = over.send(true);
        back
    };
    let ((), back) = tokio::join!(looking, playing);
    bar.finish();
    back
}

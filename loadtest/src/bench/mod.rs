//! The gateway beside what it cannot be faster than, in one run on one machine.
//!
//! Whatever is compared takes turns, several times, and medians are compared: a machine that is busy with something else for a while is
//! busy for both.

pub mod bare;
mod deployment;
mod door;
mod fill;
mod filled;
mod growth;
mod load;
mod memory;
mod open;
mod options;
mod overload;
mod pgbench;
mod servers;
mod storm;
mod till;
mod verdict;

use std::path::PathBuf;

use self::deployment::Stores;
pub use self::options::Options;
use self::verdict::Line;

/// Measures the table. Answers whether every row reaches what it has to.
pub async fn bench(options: &Options) -> anyhow::Result<bool> {
    let program = program(options)?;
    eprintln!("starting Postgres and Redis (fsync and synchronous_commit on)");
    let stores = Stores::start()?;
    // A part that cannot be measured does not stop the others.
    let parts = [
        ("the door", door::measure(options, &stores, &program).await),
        ("overload", overload::measure(options, &stores, &program).await),
        ("the tills", till::measure(options, &stores, &program).await),
        ("the storm", storm::measure(options, &stores, &program).await),
        ("growth", growth::measure(options, &stores, &program).await),
        ("memory and start", memory::measure(options, &stores, &program).await),
    ];
    let mut lines: Vec<Line> = Vec::new();
    let mut whole = true;
    for (name, measured) in parts {
        match measured {
            Ok(some) => lines.extend(some),
            Err(error) => {
                eprintln!("{name} could not be measured: {error:#}");
                whole = false;
            }
        }
    }
    println!("{}", verdict::table(&lines));
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_vec_pretty(&verdict::json(&lines))?)?;
    }
    Ok(whole && lines.iter().all(Line::reached))
}

/// The gateway's program, built from the working copy.
fn program(options: &Options) -> anyhow::Result<PathBuf> {
    if let Some(program) = &options.stagedoor {
        return Ok(program.clone());
    }
    eprintln!("building the gateway");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--release", "--locked", "--package", "stagedoor", "--bin", "stagedoor"];
    let built = std::process::Command::new(cargo).args(arguments).current_dir(&root).status()?;
    anyhow::ensure!(built.success(), "the gateway does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/stagedoor"))
}

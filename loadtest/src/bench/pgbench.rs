//! Single-row durable INSERTs, measured by Postgres' own load generator.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::deployment::Stores;
use super::fill::RawLedger;
use crate::run::record::{Latencies, latencies, put};

const INSERT: &str = "insert into durable_rows (id, kind, amount, at) values (gen_random_uuid(), 1, 2, now());\n";

/// Makes the table and the script.
pub async fn prepare(stores: &Stores) -> anyhow::Result<()> {
    let ledger = RawLedger::open(&stores.postgres.url("postgres")).await?;
    let table =
        "create table if not exists durable_rows (id uuid primary key, kind int not null, amount int not null, at timestamptz not null)";
    ledger.execute(table).await?;
    ledger.close().await;
    std::fs::write(script(stores.home()), INSERT)?;
    Ok(())
}

fn script(home: &Path) -> std::path::PathBuf {
    home.join("insert.sql")
}

fn command(stores: &Stores, connections: usize, length: Duration) -> anyhow::Result<Command> {
    let mut command = stores.postgres.pgbench()?;
    command.args(["-M", "prepared", "-j", "2", "-c", &connections.to_string(), "-T", &length.as_secs().max(1).to_string()]);
    command.arg("-f").arg(script(stores.home())).current_dir(stores.home());
    Ok(command)
}

fn run(mut command: Command) -> anyhow::Result<String> {
    let output = command.arg("postgres").output()?;
    ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// INSERTs a second, as many as there can be.
pub fn rate(stores: &Stores, connections: usize, length: Duration) -> anyhow::Result<f64> {
    let told = run(command(stores, connections, length)?)?;
    let line = told.lines().find_map(|line| line.strip_prefix("tps = ")).context("pgbench tells no rate")?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}

/// Latencies at a planned rate, counted from the planned moments.
pub fn latency(stores: &Stores, connections: usize, rate: u32, length: Duration) -> anyhow::Result<Latencies> {
    let folder = tempfile::tempdir_in(stores.home())?;
    let mut command = command(stores, connections, length)?;
    command.args(["--rate", &rate.to_string(), "--log", "--log-prefix"]).arg(folder.path().join("log"));
    run(command)?;
    let mut all = latencies();
    for file in std::fs::read_dir(folder.path())? {
        for line in std::fs::read_to_string(file?.path())?.lines() {
            // client, transaction, microseconds since the planned moment, script, seconds, microseconds, lag
            let micros = line.split(' ').nth(2).and_then(|text| text.parse().ok()).context("pgbench logs otherwise")?;
            put(&mut all, Duration::from_micros(micros));
        }
    }
    ensure!(!all.is_empty(), "pgbench has logged nothing");
    Ok(all)
}

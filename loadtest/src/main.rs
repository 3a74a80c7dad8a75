//! The load tester of Stagedoor: it makes an evening's traffic, and judges every answer by the ledger.
//!
//! `wire` speaks HTTP, `world` finds or makes what is needed, `scenario` plans, `run` sends and measures, `judge` compares with
//! the ledger, `report` writes the results; `bench` measures the gateway beside the fastest that is possible.

mod bench;
mod cli;
mod evening;
mod judge;
mod report;
mod run;
mod scenario;
mod wire;
mod world;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // Ten thousand devices have ten thousand sockets. Where the system allows fewer, the connections that do not fit say so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let ended = match cli.command {
        cli::Command::Play(play) => evening::play(play).await,
        cli::Command::Bench(options) => tokio::select! {
            measured = bench::bench(&options) => measured,
            // Dropped on the way, the bench ends its servers and takes its ledgers away.
            () = told_to_stop() => Err(anyhow::anyhow!("stopped before the end")),
        },
        cli::Command::Bare(sizes) => bench::bare::serve(sizes).await.map(|()| true),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Somebody wants this to end: on the keyboard, or from outside.
async fn told_to_stop() {
    let mut outside = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
    let ended = async {
        match &mut outside {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = ended => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

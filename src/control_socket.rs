//! The control socket: commands to the gateway that has the embedded ledger open.
//!
//! One process owns the SQLite file, so that a command cannot open it beside a running gateway. The gateway listens on a Unix socket
//! beside the file, which only the file's owner may use: one line of JSON in, one line back. On Postgres, and where no gateway runs, a
//! command opens the ledger itself. An command is the same work either way.

use std::{
    fs::Permissions,
    io::ErrorKind,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    authenticate::keys::rotate::{self, Old},
    clock::{self, Clock},
    config::{Config, Database},
    ledger::{InUse, Ledger},
    limits,
};

/// What a command wants done in the ledger.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "errand", rename_all = "snake_case")]
pub enum ControlCommand {
    /// List the signing keys.
    ListKeys,
    /// Change the signing key.
    RotateKeys(Old),
}

/// The result of a command, as it is sent over the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ControlReply {
    Done(Value),
    Failed(String),
}

/// Does the command: in the ledger itself, or through the gateway that has it open.
pub async fn run(config: &Config, command: &ControlCommand) -> anyhow::Result<Value> {
    let file = match &config.database {
        Database::Postgres(_) => return in_ledger(config, command).await,
        Database::Sqlite(file) => file,
    };
    anyhow::ensure!(file.exists(), "there is no ledger at {}", file.display());
    let until = clock::deadline(limits::CONTROL_WAIT_TIMEOUT);
    loop {
        if let Some(done) = at_gateway(&socket(file), command).await? {
            return Ok(done);
        }
        match in_ledger(config, command).await {
            // The gateway that has the ledger open is starting or stopping.
            Err(error) if error.is::<InUse>() && !clock::is_past(until) => sleep(limits::CHANGE_LOG_POLL_INTERVAL).await,
            done => return done,
        }
    }
}

async fn in_ledger(config: &Config, command: &ControlCommand) -> anyhow::Result<Value> {
    let ledger = Ledger::open(&config.database, config.database_connections).await?;
    let done = carry_out(&ledger, ledger.clock(), command).await;
    ledger.close().await;
    done
}

async fn carry_out(ledger: &Ledger, clock: Clock, command: &ControlCommand) -> anyhow::Result<Value> {
    match command {
        ControlCommand::ListKeys => Ok(json!({ "keys": rotate::list(ledger).await? })),
        ControlCommand::RotateKeys(old) => Ok(serde_json::to_value(rotate::rotate(ledger, clock, old).await?)?),
    }
}

/// Where the gateway that has this file open listens.
fn socket(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sock");
    PathBuf::from(name)
}

/// Asks the gateway; none if none listens.
async fn at_gateway(socket: &Path, command: &ControlCommand) -> anyhow::Result<Option<Value>> {
    let mut line = match UnixStream::connect(socket).await {
        Ok(line) => line,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("the gateway cannot be reached at {}", socket.display())),
    };
    let asked = timeout(limits::CONTROL_TIMEOUT, async {
        line.write_all(format!("{}\n", serde_json::to_string(command)?).as_bytes()).await?;
        anyhow::Ok(serde_json::from_str(&one_line(&mut line).await?)?)
    });
    match asked.await.context("the gateway does not answer")?? {
        ControlReply::Done(done) => Ok(Some(done)),
        ControlReply::Failed(why) => Err(anyhow::anyhow!(why)),
    }
}

async fn one_line(from: &mut UnixStream) -> anyhow::Result<String> {
    let mut text = String::new();
    BufReader::new(from).take(limits::CONTROL_BYTES).read_line(&mut text).await?;
    Ok(text)
}

/// Where a gateway takes commands; ends with it.
pub struct ControlSocket {
    task: JoinHandle<()>,
    socket: PathBuf,
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Takes commands for the ledger that this process has open, one at a time. On Postgres a command opens the ledger itself.
pub fn serve(config: &Config, ledger: Ledger, clock: Clock) -> Option<ControlSocket> {
    let Database::Sqlite(file) = &config.database else { return None };
    let socket = socket(file);
    // What lies there was left by a process that is gone: this one owns the file.
    let _ = std::fs::remove_file(&socket);
    let bound = UnixListener::bind(&socket).and_then(|listener| {
        std::fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
        Ok((listener, std::fs::metadata(&socket)?.uid()))
    });
    let (listener, owner) = match bound {
        Ok(bound) => bound,
        Err(error) => {
            // The path of a socket may have about a hundred bytes. The door does not stay shut for that.
            tracing::warn!(error = %error, socket = %socket.display(), "commands cannot reach this gateway while it runs");
            return None;
        }
    };
    let task = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((line, _)) => {
                    if let Err(error) = attend(line, owner, &ledger, clock).await {
                        tracing::warn!(error = %error, "a control command was not understood");
                    }
                }
                Err(_) => sleep(limits::ACCEPT_RETRY_DELAY).await,
            }
        }
    });
    Some(ControlSocket { task, socket })
}

async fn attend(mut line: UnixStream, owner: u32, ledger: &Ledger, clock: Clock) -> anyhow::Result<()> {
    let peer = line.peer_cred()?.uid();
    anyhow::ensure!(peer == owner || peer == 0, "user {peer} does not own the ledger");
    let told = timeout(limits::CONTROL_TIMEOUT, async {
        let command = serde_json::from_str(&one_line(&mut line).await?)?;
        anyhow::Ok(match carry_out(ledger, clock, &command).await {
            Ok(done) => ControlReply::Done(done),
            Err(error) => ControlReply::Failed(format!("{error:#}")),
        })
    });
    let told = told.await??;
    Ok(timeout(limits::CONTROL_TIMEOUT, line.write_all(format!("{}\n", serde_json::to_string(&told)?).as_bytes())).await??)
}

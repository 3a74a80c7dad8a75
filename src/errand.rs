//! Errands: what a command asks of the gateway that has the embedded book open.
//!
//! One process owns the SQLite file, so that a command cannot open it beside a running gateway. The gateway listens on a Unix socket
//! beside the file, which only the file's owner may use: one line of JSON in, one line back. On Postgres, and where no gateway runs, a
//! command opens the book itself. An errand is the same work either way.

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
    clock::Clock,
    config::{Config, Database},
    ledger::{Book, InUse},
    limits,
};

/// What a command wants done in the book.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "errand", rename_all = "snake_case")]
pub enum Errand {
    /// List the signing keys.
    ListKeys,
    /// Change the signing key.
    RotateKeys(Old),
}

/// What has become of an errand, as it is told over the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Done(Value),
    Failed(String),
}

/// Does the errand: in the book itself, or through the gateway that has it open.
pub async fn run(config: &Config, clock: Clock, errand: &Errand) -> anyhow::Result<Value> {
    let file = match &config.database {
        Database::Postgres(_) => return in_book(config, errand).await,
        Database::Sqlite(file) => file,
    };
    anyhow::ensure!(file.exists(), "there is no book at {}", file.display());
    let until = clock.deadline(limits::ERRAND_WAIT);
    loop {
        if let Some(done) = at_gateway(&socket(file), errand).await? {
            return Ok(done);
        }
        match in_book(config, errand).await {
            // The gateway that has the book open is starting or stopping.
            Err(error) if error.is::<InUse>() && !clock.is_past(until) => sleep(limits::POLL).await,
            done => return done,
        }
    }
}

async fn in_book(config: &Config, errand: &Errand) -> anyhow::Result<Value> {
    let book = Book::open(&config.database, config.database_connections).await?;
    let done = carry_out(&book, book.clock(), errand).await;
    book.close().await;
    done
}

async fn carry_out(book: &Book, clock: Clock, errand: &Errand) -> anyhow::Result<Value> {
    match errand {
        Errand::ListKeys => Ok(json!({ "keys": rotate::list(book).await? })),
        Errand::RotateKeys(old) => Ok(serde_json::to_value(rotate::rotate(book, clock, old).await?)?),
    }
}

/// Where the gateway that has this file open listens.
fn socket(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sock");
    PathBuf::from(name)
}

/// Asks the gateway; none if none listens.
async fn at_gateway(socket: &Path, errand: &Errand) -> anyhow::Result<Option<Value>> {
    let mut line = match UnixStream::connect(socket).await {
        Ok(line) => line,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("the gateway cannot be reached at {}", socket.display())),
    };
    let asked = timeout(limits::ERRAND, async {
        line.write_all(format!("{}\n", serde_json::to_string(errand)?).as_bytes()).await?;
        anyhow::Ok(serde_json::from_str(&one_line(&mut line).await?)?)
    });
    match asked.await.context("the gateway does not answer")?? {
        Told::Done(done) => Ok(Some(done)),
        Told::Failed(why) => Err(anyhow::anyhow!(why)),
    }
}

async fn one_line(from: &mut UnixStream) -> anyhow::Result<String> {
    let mut text = String::new();
    BufReader::new(from).take(limits::ERRAND_BYTES).read_line(&mut text).await?;
    Ok(text)
}

/// Where a gateway takes errands; ends with it.
pub struct Errands {
    task: JoinHandle<()>,
    socket: PathBuf,
}

impl Drop for Errands {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Takes errands for the book that this process has open, one at a time. On Postgres nobody needs them.
pub fn serve(config: &Config, book: Book, clock: Clock) -> Option<Errands> {
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
                    if let Err(error) = attend(line, owner, &book, clock).await {
                        tracing::warn!(error = %error, "an errand was not understood");
                    }
                }
                Err(_) => sleep(limits::ACCEPT_BACK_OFF).await,
            }
        }
    });
    Some(Errands { task, socket })
}

async fn attend(mut line: UnixStream, owner: u32, book: &Book, clock: Clock) -> anyhow::Result<()> {
    let peer = line.peer_cred()?.uid();
    anyhow::ensure!(peer == owner || peer == 0, "user {peer} does not own the book");
    let told = timeout(limits::ERRAND, async {
        let errand = serde_json::from_str(&one_line(&mut line).await?)?;
        anyhow::Ok(match carry_out(book, clock, &errand).await {
            Ok(done) => Told::Done(done),
            Err(error) => Told::Failed(format!("{error:#}")),
        })
    });
    let told = told.await??;
    Ok(timeout(limits::ERRAND, line.write_all(format!("{}\n", serde_json::to_string(&told)?).as_bytes())).await??)
}

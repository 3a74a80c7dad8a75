//! Servers of the bench's own: started on free ports in a directory of their own, ended when it is done with them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

/// Past this, a server that does not start is taken for hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with its handle.
pub struct Server {
    child: Child,
    /// Asked to end with an interrupt, as Postgres wants it.
    gently: bool,
}

impl Server {
    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let asked = self.gently && Command::new("sh").args(["-c", "kill -s INT \"$0\"", &self.child.id().to_string()]).status().is_ok();
        if !asked {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Postgres as the gateway wants it: it waits for the disk, as it does by default.
pub struct Postgres {
    _server: Server,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes a cluster in `home` and starts it.
    pub fn start(home: &Path) -> anyhow::Result<Self> {
        let programs = programs()?;
        let data = home.join("postgres");
        let owner = owner(home)?;
        let as_owner = |program: &str| {
            let mut command = Command::new(programs.join(program));
            command.current_dir(home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
        };
        let mut initdb = as_owner("initdb");
        initdb.arg(format!("--pgdata={}", data.display()));
        let made = initdb.args(["--username=stagedoor", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]).output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port()?;
        let mut command = as_owner("postgres");
        command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-k"]).arg(home);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400", "-c", "fsync=on", "-c", "synchronous_commit=on"]);
        command.args(["-c", "max_wal_size=4GB"]);
        let mut child = command.spawn().context("postgres cannot be started")?;
        let log = child.stderr.take().context("postgres has no log")?;
        let server = Server { child, gently: true };
        wait_for(log, "ready to accept connections")?;
        Ok(Self { _server: server, programs, port })
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://stagedoor@127.0.0.1:{}/{database}", self.port)
    }

    /// pgbench on the database `postgres`.
    pub fn pgbench(&self) -> anyhow::Result<Command> {
        let program = [self.programs.join("pgbench"), PathBuf::from("/usr/bin/pgbench")].into_iter().find(|path| path.exists());
        let mut command = Command::new(program.context("pgbench is missing. On Debian: sudo apt-get install postgresql-contrib")?);
        command.args(["-h", "127.0.0.1", "-U", "stagedoor", "-p", &self.port.to_string(), "-n"]);
        Ok(command)
    }
}

/// Where Postgres' own programs are; Debian keeps them out of PATH, and the newest version counts.
fn programs() -> anyhow::Result<PathBuf> {
    let in_path = std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut debian: Vec<_> = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    debian.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok()));
    let mut all = in_path.chain(debian.into_iter().rev().map(|path| path.join("bin")));
    all.find(|path| path.join("initdb").exists()).context("Postgres is missing. On Debian: sudo apt-get install postgresql")
}

/// Postgres refuses to run as root, so root hands it to a user that owns nothing else.
fn owner(home: &Path) -> anyhow::Result<Option<(u32, u32)>> {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata(home)?.uid() != 0 {
        return Ok(None);
    }
    let people = std::fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let mut fields = people.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let (user, group) = find("postgres").or_else(|| find("nobody")).context("no user to run Postgres as")?;
    std::os::unix::fs::chown(home, Some(user), Some(group))?;
    Ok(Some((user, group)))
}

/// Redis that keeps nothing on disk: what it holds can be derived again.
pub struct Redis {
    _server: Server,
    port: u16,
}

impl Redis {
    pub fn start(home: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let mut child = command
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("redis-server is missing. On Debian: sudo apt-get install redis-server")?;
        let log = child.stdout.take().context("redis-server has no log")?;
        let server = Server { child, gently: false };
        wait_for(log, "Ready to accept connections")?;
        Ok(Self { _server: server, port })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// A process that says where it listens: a gateway, or the bare handler.
pub struct Listening {
    server: Server,
    /// Its address.
    pub url: String,
}

impl Listening {
    /// Starts it.
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let out = child.stdout.take().context("a server without output")?;
        let server = Server { child, gently: true };
        let line = wait_for(out, "listening on ")?;
        let url = line.trim().trim_start_matches("listening on ").to_owned();
        Ok(Self { server, url })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.server.id()
    }
}

/// The gateway's program, with settings of the bench's own and none from the surroundings.
pub fn stagedoor(program: &Path, arguments: &[&str], settings: &[(String, String)]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STAGEDOOR_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).env("STAGEDOOR_LISTEN", "127.0.0.1:0").env("STAGEDOOR_LOG", "warn").envs(settings.iter().cloned());
    command
}

/// Runs a command to its end, with something on its standard input.
pub fn run(mut command: Command, input: &str) -> anyhow::Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("a command failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The line that contains `words`. Reads on in the background, so that the process does not block on a full pipe.
fn wait_for(source: impl std::io::Read + Send + 'static, words: &'static str) -> anyhow::Result<String> {
    let (found, ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut last = Vec::new();
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            if line.contains(words) {
                let _ = found.send(Ok(line));
            } else if last.len() < 20 {
                last.push(line);
            }
        }
        let _ = found.send(Err(last.join("\n")));
    });
    match ready.recv_timeout(PATIENCE) {
        Ok(Ok(line)) => Ok(line),
        Ok(Err(log)) => bail!("a server ended before it was ready: {log}"),
        Err(_) => bail!("a server did not become ready"),
    }
}

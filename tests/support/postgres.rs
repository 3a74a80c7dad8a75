//! A Postgres of one test's own, to be killed, frozen, restarted and starved of disk.

use std::fs::{metadata, read_dir, read_to_string};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use tempfile::TempDir;

use super::PATIENCE;
use super::gateway::signal;

/// Mounts a disk of 100 MB in a name space of its own, which ends with its last process, and opens Postgres there again and again, as a
/// supervisor does. Arguments: where, the template, the server, its arguments.
const ON_A_SMALL_DISK: &str = r#"
    where=$1 template=$2
    shift 2
    mount -t tmpfs -o size=100m,mode=0700 tmpfs "$where" && cp -a "$template/." "$where" || exit 1
    while :; do "$@"; done
"#;

/// A Postgres server on a copy of a fresh cluster, which comes back at the same address.
pub struct PostgresServer {
    port: u16,
    small_disk: bool,
    data: TempDir,
    child: Child,
}

impl PostgresServer {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let data = empty_folder();
        let copied = Command::new("cp").arg("-a").arg(format!("{}/.", template())).arg(data.path()).status().unwrap();
        assert!(copied.success(), "the cluster could not be copied");
        let port = free_port();
        let child = spawn(&mut server(&data, port));
        Self { port, small_disk: false, data, child }
    }

    /// Starts one whose disk is soon full; none where a disk cannot be mounted, not even in a name space of its own.
    pub fn start_on_a_small_disk() -> Option<Self> {
        let data = empty_folder();
        let port = free_port();
        let namespace = ["--user", "--map-current-user", "--keep-caps", "--mount"];
        if !as_owner("unshare").args(namespace).arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: this machine lets nobody make a name space, so there is no small disk to fill");
            return None;
        }
        let server = server(&data, port);
        let mut command = as_owner("unshare");
        command.args(namespace).args(["sh", "-c", ON_A_SMALL_DISK, "sh"]).arg(data.path()).arg(template());
        command.arg(server.get_program()).args(server.get_args()).args(["-c", "min_wal_size=32MB", "-c", "max_wal_size=32MB"]);
        Some(Self { port, small_disk: true, child: spawn(&mut command), data })
    }

    /// The address of a data base on it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://stagedoor@127.0.0.1:{}/{database}", self.port)
    }

    /// Where it keeps its data.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Ends it at once, as a lost machine would.
    pub fn kill(&mut self) {
        assert!(!self.small_disk, "a small disk is lost with its server");
        self.to_all("KILL");
        self.child.wait().unwrap();
    }

    /// Ends it with its fast shutdown: open transactions are rolled back, connections cut.
    pub fn shut_down(&mut self) {
        signal("INT", self.child.id());
        self.child.wait().unwrap();
    }

    /// Brings it back at the same address; answers when it lets connections in.
    pub fn restart(&mut self) {
        let _ = std::fs::remove_file(self.data.path().join("postmaster.pid"));
        self.child = spawn(&mut server(&self.data, self.port));
    }

    /// Stops all of it in the middle of its work: connections stay open and nothing answers.
    pub fn freeze(&self) {
        self.to_all("STOP");
    }

    pub fn thaw(&self) {
        self.to_all("CONT");
    }

    fn to_all(&self, name: &str) {
        // The parent first: it makes no further children meanwhile.
        for process in family(self.child.id()) {
            let _ = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\" 2>/dev/null", name, &process.to_string()]).status();
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.to_all("KILL");
        let _ = self.child.wait();
    }
}

/// A process and all that descend from it, parents first.
fn family(ancestor: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = read_dir("/proc").unwrap().filter_map(|entry| parent(entry.unwrap().file_name().to_str()?)).collect();
    let mut family = vec![ancestor];
    let mut at = 0;
    while let Some(&older) = family.get(at) {
        family.extend(parents.iter().filter(|(_, parent)| *parent == older).map(|(child, _)| *child));
        at += 1;
    }
    family
}

/// A process and its parent.
fn parent(process: &str) -> Option<(u32, u32)> {
    let stat = read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name is in brackets and may contain anything; the state and the parent come after it.
    let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
    Some((process.parse().ok()?, parent))
}

fn template() -> String {
    std::env::var("STAGEDOOR_TEST_POSTGRES_TEMPLATE").expect("start the tests with tests/run")
}

/// Postgres refuses to run as root: then it runs as the owner of the template.
fn as_owner(program: &str) -> Command {
    let mut command = Command::new(program);
    if metadata("/proc/self").unwrap().uid() == 0 {
        let owner = metadata(template()).unwrap();
        command.uid(owner.uid()).gid(owner.gid());
    }
    command
}

fn empty_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let owner = metadata(template()).unwrap();
    chown(folder.path(), Some(owner.uid()), Some(owner.gid())).unwrap();
    folder
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn server(data: &TempDir, port: u16) -> Command {
    let mut command = as_owner(&std::env::var("STAGEDOOR_TEST_POSTGRES_SERVER").expect("start the tests with tests/run"));
    command.arg("-D").arg(data.path()).args(["-p", &port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "shared_buffers=16MB", "lc_messages=C"] {
        command.args(["-c", setting]);
    }
    command
}

fn spawn(command: &mut Command) -> Child {
    let mut child = command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (up, ready) = mpsc::channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    std::thread::spawn(move || {
        let mut log = String::new();
        for line in lines.map_while(Result::ok) {
            if line.contains("ready to accept connections") {
                let _ = up.send(());
            }
            log.push_str(&line);
            log.push('\n');
        }
        log
    });
    ready.recv_timeout(PATIENCE).expect("Postgres did not start");
    child
}

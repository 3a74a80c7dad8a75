//! One gateway: a real process, killed by its handle when the test ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use super::{Client, PATIENCE};

/// A running gateway and all that it has logged.
pub struct Gateway {
    child: Child,
    client: Client,
    log: Arc<Mutex<String>>,
    logger: Option<JoinHandle<()>>,
    /// What it says on standard output; closed when it ends.
    addresses: mpsc::Receiver<String>,
}

impl Gateway {
    /// Starts `serve` or `demo` on a free port and waits until it listens.
    pub fn start(command: &mut Command) -> Self {
        let mut gateway = Self::spawn(command, "127.0.0.1:0");
        gateway.client = Client::to(&gateway.listens());
        gateway
    }

    /// Starts one at this address, and does not wait.
    pub fn spawn(command: &mut Command, address: &str) -> Self {
        let mut child = command.env("STAGEDOOR_LISTEN", address).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let logger = keep_lines(child.stderr.take().unwrap(), log.clone());
        let addresses = listening_lines(child.stdout.take().unwrap());
        Self { child, client: Client::to(&format!("http://{address}")), log, logger: Some(logger), addresses }
    }

    /// Waits until it says where it listens.
    pub fn listens(&self) -> String {
        match self.addresses.recv_timeout(PATIENCE) {
            Ok(base) => base,
            Err(_) => panic!("the gateway did not start to listen:\n{}", self.log()),
        }
    }

    /// An anonymous client to it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Bytes of memory that it holds.
    pub fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// Files and sockets that it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Asks it to stop (SIGTERM), and does not wait.
    pub fn ask_to_stop(&self) {
        signal("TERM", self.child.id());
    }

    /// Asks it to stop and waits for its end; answers how it ended and the whole log.
    pub fn stop(self) -> (ExitStatus, String) {
        self.ask_to_stop();
        self.ended()
    }

    /// Waits for its end; answers how it ended and the whole log.
    pub fn ended(mut self) -> (ExitStatus, String) {
        // Nobody may have waited for it to listen.
        let mut ended = self.addresses.recv_timeout(PATIENCE);
        while ended.is_ok() {
            ended = self.addresses.recv_timeout(PATIENCE);
        }
        assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected), "the gateway does not stop");
        let status = self.child.wait().unwrap();
        self.logger.take().unwrap().join().unwrap();
        (status, self.log())
    }
}

impl Gateway {
    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// It can write to no file, as on a full disk, until it can again.
    pub fn can_write(&self, can: bool) {
        let limit = rustix::process::Rlimit { current: if can { None } else { Some(0) }, maximum: None };
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::prlimit(Some(process), rustix::process::Resource::Fsize, limit).unwrap();
    }

    /// Ends it at once (SIGKILL), as a lost machine would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has died by itself.
    pub fn has_died(&mut self) {
        let ended = self.addresses.recv_timeout(PATIENCE);
        assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected), "the gateway goes on");
        let _ = self.child.wait();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(8_000).map_or(0, |(at, _)| at);
            eprintln!("--- the end of what {} logged:\n{}", self.client.base(), &log[from..]);
        }
    }
}

/// Sends a signal to one process. The shell's own `kill` is on every machine; a program of that name is not.
pub fn signal(name: &str, process: u32) {
    let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &process.to_string()]).status().unwrap();
    assert!(status.success(), "no {name} for process {process}");
}

fn keep_lines(source: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    })
}

/// The addresses that the process says it listens on. Reads on to the end, so that the process never blocks on a full pipe.
fn listening_lines(source: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (found, addresses) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            if let Some(base) = line.strip_prefix("listening on ") {
                let _ = found.send(base.to_owned());
            }
        }
    });
    addresses
}

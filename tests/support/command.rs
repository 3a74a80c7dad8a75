//! The commands of the program, started as an operator would.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use super::PATIENCE;
use super::gateway::signal;

/// The program with these arguments and with no setting from the surroundings.
///
/// An unknown `STAGEDOOR_…` setting stops the start, and `tests/run` speaks to the tests in such names.
pub fn stagedoor(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stagedoor"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STAGEDOOR_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A command that ran to its end.
pub struct Finished {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Runs the command; it gets `input` on standard input.
    pub fn run(command: &mut Command, input: &str) -> Self {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // Who stops at a bad setting never reads on; that is not this side's failure.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let process = child.id();
        let (ended, end) = mpsc::channel::<()>();
        // A command that should have refused, and serves instead, would be waited for in vain.
        let guard = std::thread::spawn(move || {
            if end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                signal("KILL", process);
            }
        });
        let output = child.wait_with_output().unwrap();
        drop(ended);
        guard.join().unwrap();
        Self::from(output)
    }

    /// The command must have done its work.
    pub fn expect_success(self) -> Self {
        assert!(self.success, "the command failed\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The command must have refused, and have said why in a client that holds `reason`.
    pub fn expect_refusal(self, reason: &str) -> Self {
        assert!(!self.success, "the command should have refused for {reason}\n{}\n{}", self.stdout, self.stderr);
        assert!(self.stderr.contains(reason), "the refusal does not name {reason}\n{}", self.stderr);
        self
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            success: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

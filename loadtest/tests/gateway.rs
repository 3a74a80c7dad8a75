//! A demo for the load, and the load tester as an operator would start it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

/// The stores of a demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    Embedded,
    Shared,
}

/// A demo that runs, and ends with its handle.
pub struct Demo {
    children: Vec<Child>,
    pub urls: Vec<String>,
    data: TempDir,
    database: Option<String>,
}

impl Demo {
    /// Starts it: one gateway on the embedded default, two on Postgres and Redis.
    pub async fn start(setup: Setup) -> Self {
        let data = TempDir::new().unwrap();
        let mut demo = Self { children: Vec::new(), urls: Vec::new(), data, database: None };
        let mut settings = vec![("STAGEDOOR_DATA_DIR".to_owned(), demo.data.path().display().to_string())];
        if setup == Setup::Shared {
            static TAKEN: AtomicU32 = AtomicU32::new(0);
            let name = format!("loadtest_{}_{}", std::process::id(), TAKEN.fetch_add(1, Ordering::Relaxed));
            on_postgres(&format!("create database {name}")).await;
            let server = variable("STAGEDOOR_TEST_POSTGRES");
            let (server, _) = server.rsplit_once('/').unwrap();
            settings.push(("STAGEDOOR_DATABASE_URL".to_owned(), format!("{server}/{name}")));
            // Numbers from the end of the common Redis: the gateway's own tests take theirs from the beginning.
            let number = 4_095 - TAKEN.fetch_add(1, Ordering::Relaxed);
            settings.push(("STAGEDOOR_REDIS_URL".to_owned(), format!("{}/{number}", variable("STAGEDOOR_TEST_REDIS"))));
            demo.database = Some(name);
        }
        demo.add("demo", &settings);
        if setup == Setup::Shared {
            demo.add("serve", &settings);
        }
        demo
    }

    fn add(&mut self, command: &str, settings: &[(String, String)]) {
        let mut program = Command::new(stagedoor());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("STAGEDOOR_") {
                program.env_remove(name);
            }
        }
        program.arg(command).env("STAGEDOOR_LISTEN", "127.0.0.1:0").env("STAGEDOOR_LOG", "warn").envs(settings.iter().cloned());
        let mut child = program.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        // Read on to the end, so that the process does not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        self.children.push(child);
        self.urls.push(url.expect("the gateway did not start to listen"));
    }

    pub fn file(&self) -> PathBuf {
        self.data.path().join("demo.json")
    }

    /// The ledger, for the judge to read.
    pub fn ledger(&self) -> String {
        match &self.database {
            Some(name) => format!("{}/{name}", variable("STAGEDOOR_TEST_POSTGRES").rsplit_once('/').unwrap().0),
            None => format!("sqlite://{}", self.data.path().join("stagedoor.db").display()),
        }
    }

    /// Plays a scenario at this demo, by way of these addresses.
    pub async fn play(&self, scenario: &str, targets: &[String], options: &[&str]) -> Played {
        let folder = TempDir::new().unwrap();
        let (json, html) = (folder.path().join("run.json"), folder.path().join("run.html"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
        command.arg(scenario).arg("--demo").arg(self.file()).args(["--progress", "off"]).args(options);
        // On a machine that compiles something else meanwhile, how long a scan takes says nothing.
        if !options.contains(&"--budget") {
            command.args(["--budget", "none"]);
        }
        command.arg("--json").arg(&json).arg("--html").arg(&html);
        for target in targets {
            command.args(["--target", target]);
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let json = std::fs::read(&json).unwrap_or_else(|_| panic!("{scenario} wrote nothing down:\n{told}"));
        Played {
            status: output.status.code().unwrap(),
            told,
            json: serde_json::from_slice(&json).unwrap(),
            html: std::fs::read_to_string(html).unwrap(),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(name) = self.database.take() {
            let dropping = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(on_postgres(&format!("drop database {name} with (force)")));
            });
            let _ = dropping.join();
        }
    }
}

/// How a run ended, and what it printed.
pub struct Played {
    pub status: i32,
    pub told: String,
    pub json: Value,
    pub html: String,
}

impl Played {
    /// The judge has found nothing.
    pub fn expect_clean(&self) {
        assert_eq!((self.status, &self.json["judge"]["clean"]), (0, &Value::Bool(true)), "{}", self.told);
    }

    /// The judge has found this, the run has ended with 1, and the output says so.
    pub fn expect_finding(&self, kind: &str) {
        let kinds: Vec<&Value> = self.json["judge"]["findings"].as_array().unwrap().iter().map(|finding| &finding["kind"]).collect();
        assert!(self.status == 1 && kinds.contains(&&Value::from(kind)), "{kind} is not among {kinds:?}\n{}", self.told);
        assert!(self.told.contains(&format!("FOUND {kind}")) && self.html.contains(kind), "{}", self.told);
    }

    /// How often something was answered.
    pub fn answers(&self, call: &str, verdict: &str) -> u64 {
        let rows = self.json["verdicts"].as_array().unwrap().iter();
        rows.filter(|row| row["call"] == call && row["verdict"] == verdict).map(|row| row["micros"]["count"].as_u64().unwrap()).sum()
    }
}

/// The gateway's program lies beside the load tester's: one build makes both.
fn stagedoor() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_loadtest")).with_file_name("stagedoor");
    assert!(program.exists(), "the gateway is not built: start the tests with tests/run");
    program
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("start the tests with tests/run")
}

async fn on_postgres(statement: &str) {
    let mut connection = PgConnection::connect(&variable("STAGEDOOR_TEST_POSTGRES")).await.unwrap();
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

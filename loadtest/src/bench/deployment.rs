//! A deployment of the bench's own: a gateway on its stores, an organisation, an event, people and devices.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use tempfile::TempDir;
use uuid::Uuid;

use super::fill::RawLedger;
use super::servers::{Listening, Postgres, Redis, run, stagedoor};
use crate::wire::Target;
use crate::world::{Admin, Client, Member, Source, World, WorldSize};

/// Time in which an allocator gives back what a burst has left.
const REST: Duration = Duration::from_secs(20);

/// The stores of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The default: SQLite, no Redis.
    Embedded,
    /// Postgres and Redis.
    Shared,
}

impl Setup {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Shared => "Postgres + Redis",
        }
    }
}

/// The stores that all deployments of a bench share.
pub struct Stores {
    pub postgres: Postgres,
    redis: Redis,
    home: TempDir,
}

impl Stores {
    /// Starts them.
    pub fn start() -> anyhow::Result<Self> {
        let home = TempDir::with_prefix("stagedoor-bench.")?;
        Ok(Self { postgres: Postgres::start(home.path())?, redis: Redis::start(home.path())?, home })
    }

    /// A directory for what the bench writes.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

/// A gateway with its own ledger.
pub struct Deployment {
    program: PathBuf,
    /// Its stores.
    pub setup: Setup,
    settings: Vec<(String, String)>,
    _data: TempDir,
    /// Where its ledger is.
    pub database: String,
    gateway: Option<Listening>,
    admin: Admin,
}

impl Deployment {
    /// Makes the ledger and the organisation. No gateway runs yet.
    pub async fn build(stores: &Stores, program: &Path, setup: Setup, name: &str) -> anyhow::Result<Self> {
        let data = TempDir::with_prefix("stagedoor-bench-gateway.")?;
        let mut settings = vec![("STAGEDOOR_DATA_DIR".to_owned(), data.path().display().to_string())];
        let database = match setup {
            Setup::Embedded => format!("sqlite://{}", data.path().join("stagedoor.db").display()),
            Setup::Shared => {
                RawLedger::make_database(&stores.postgres.url("postgres"), name).await?;
                let url = stores.postgres.url(name);
                settings.push(("STAGEDOOR_DATABASE_URL".to_owned(), url.clone()));
                settings.push(("STAGEDOOR_REDIS_URL".to_owned(), stores.redis.url()));
                url
            }
        };
        let admin = Admin { organisation: "bench".to_owned(), username: "ada".to_owned(), password: "a long password for ada".to_owned() };
        found(program, &settings, &admin)?;
        Ok(Self { program: program.to_owned(), setup, settings, _data: data, database, gateway: None, admin })
    }

    /// Starts the gateway, and answers how long it took until it was ready.
    pub async fn open(&mut self) -> anyhow::Result<Duration> {
        self.open_as("serve").await
    }

    /// The same with another of the program's commands.
    pub async fn open_as(&mut self, command: &str) -> anyhow::Result<Duration> {
        ensure!(self.gateway.is_none(), "this deployment is open");
        let begun = Instant::now();
        let gateway = Listening::start(stagedoor(&self.program, &[command], &self.settings))?;
        let mut anybody = Client::nobody(&Target::parse(&gateway.url).await?);
        while anybody.get("/readyz").await?.status != 200 {}
        let ready = begun.elapsed();
        self.gateway = Some(gateway);
        Ok(ready)
    }

    /// Stops the gateway.
    pub fn close(&mut self) {
        self.gateway = None;
    }

    /// Another organisation in the same ledger: its administrator, signed in. The gateway starts anew.
    pub async fn neighbour(&mut self) -> anyhow::Result<Client> {
        let (organisation, username) = ("neighbour".to_owned(), "bob".to_owned());
        let admin = Admin { organisation, username, password: self.admin.password.clone() };
        self.close();
        found(&self.program, &self.settings, &admin)?;
        self.open().await?;
        let mut client = Client::nobody(&self.target().await?);
        client.sign_in(&admin.organisation, &Member { id: Uuid::nil(), username: admin.username, password: admin.password }).await?;
        Ok(client)
    }

    /// Where the gateway is.
    pub async fn target(&self) -> anyhow::Result<Target> {
        Target::parse(&self.gateway()?.url).await
    }

    fn gateway(&self) -> anyhow::Result<&Listening> {
        self.gateway.as_ref().context("this deployment is closed")
    }

    /// People, devices, an event with tickets.
    pub async fn world(&self, size: WorldSize) -> anyhow::Result<World> {
        let source = Source { targets: vec![self.gateway()?.url.clone()], demo: None, admin: Some(self.admin.clone()) };
        World::open(&source, size, &ProgressBar::hidden()).await
    }

    /// Waits until the gateway has the event's tickets in memory: its memory grows no more.
    pub async fn settle(&self) -> anyhow::Result<()> {
        let mut last = 0;
        let begun = Instant::now();
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let now = self.memory()?;
            if now.abs_diff(last) < 256 || begun.elapsed() > Duration::from_secs(60) {
                return Ok(());
            }
            last = now;
        }
    }

    /// What the gateway's process holds in memory when it has had time to give back what it does not use, in KiB.
    pub async fn memory_at_rest(&self) -> anyhow::Result<u64> {
        tokio::time::sleep(REST).await;
        self.memory()
    }

    /// What the gateway's process holds in memory, in KiB.
    pub fn memory(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.gateway()?.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the system tells no memory")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
    }
}

/// Makes an organisation with its administrator. No gateway may have the ledger open, if it is a file.
fn found(program: &Path, settings: &[(String, String)], admin: &Admin) -> anyhow::Result<()> {
    let Admin { organisation, username, password } = admin;
    let email = format!("{username}@example.org");
    let make =
        ["create-organisation", "--slug", organisation, "--name", organisation, "--admin-username", username, "--admin-email", &email];
    run(stagedoor(program, &make, settings), password).map(drop)
}

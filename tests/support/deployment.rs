//! A deployment of one's own per test: stores, gateways, an organisation and its first administrator.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::database::Database;
use super::older_ledger;
use super::{Admin, Client, Finished, Gateway, Member, PostgresServer, Proxy, RawLedger, RedisServer, SignedIn, new_id, stagedoor};

const REDIS_URL: &str = "STAGEDOOR_REDIS_URL";

/// The two set-ups that every law holds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The default: SQLite, no Redis, one gateway.
    Embedded,
    /// Postgres, Redis and two gateways.
    Shared,
}

/// How a deployment shall be set up.
pub struct Plan {
    setup: Setup,
    settings: Vec<(String, String)>,
    redis: Option<RedisServer>,
    postgres: Option<PostgresServer>,
    by_proxy: bool,
    on_older_ledger: bool,
}

impl Plan {
    pub fn embedded() -> Self {
        Self { setup: Setup::Embedded, settings: at_once(), redis: None, postgres: None, by_proxy: false, on_older_ledger: false }
    }

    pub fn shared() -> Self {
        Self { setup: Setup::Shared, ..Self::embedded() }
    }

    /// Two gateways on a Redis of their own, so that it can be broken.
    pub fn shared_with_own_redis() -> Self {
        Self { redis: Some(RedisServer::start()), ..Self::shared() }
    }

    /// Two gateways on a Postgres of their own, so that it can be broken.
    pub fn shared_on(postgres: PostgresServer) -> Self {
        Self { postgres: Some(postgres), ..Self::shared() }
    }

    /// Two gateways that reach Postgres on a way that can be broken.
    pub fn shared_by_proxy() -> Self {
        Self { by_proxy: true, ..Self::shared() }
    }

    /// Its gateways find their Redis at this URL.
    pub fn redis_at(self, url: &str) -> Self {
        self.setting(REDIS_URL, url)
    }

    /// Its ledger is the one in `tests/data/older_ledger`, which a gateway of an older version has filled.
    pub fn on_older_ledger(self) -> Self {
        Self { on_older_ledger: true, ..self }
    }

    /// Sets a `STAGEDOOR_…` setting of every gateway.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Builds the stores, makes the organisation, opens the gateways, and signs the administrator in.
    pub async fn open(self) -> Deployment {
        let data = TempDir::new().unwrap();
        let mut settings = self.settings;
        settings.push(("STAGEDOOR_DATA_DIR".to_owned(), data.path().display().to_string()));
        let database = match (self.setup, &self.postgres) {
            (Setup::Embedded, _) => None,
            (Setup::Shared, None) => Some(Database::create().await),
            (Setup::Shared, Some(postgres)) => Some(Database::create_on(postgres).await),
        };
        let proxy = match &database {
            Some(database) if self.by_proxy => Some(Proxy::to(database.server()).await),
            _ => None,
        };
        if let Some(database) = &database {
            let url = proxy.as_ref().map_or_else(|| database.url.clone(), |proxy| database.url_by_way_of(proxy.address()));
            settings.push(("STAGEDOOR_DATABASE_URL".to_owned(), url));
            if !settings.iter().any(|(name, _)| name == REDIS_URL) {
                let redis = self.redis.as_ref().map_or_else(redis_of_all_tests, RedisServer::url);
                settings.push((REDIS_URL.to_owned(), redis));
            }
        }
        let organisation = if self.on_older_ledger {
            older_ledger::restore(database.as_ref(), data.path()).await;
            older_ledger::organisation(self.setup)
        } else {
            Organisation::create(settings.clone()).await
        };
        let gateways = open_gateways(self.setup, &settings);
        let ledger = match &database {
            Some(database) => RawLedger::postgres(&database.url).await,
            None => RawLedger::sqlite(data.path()).await,
        };
        let admin = organisation.admin(gateways[0].client()).await;
        let (redis, postgres) = (self.redis, self.postgres);
        Deployment { setup: self.setup, admin, redis, gateways, ledger, organisation, settings, database, proxy, postgres, data }
    }
}

/// A standing deployment. The order of the fields is the order in which it is taken down.
pub struct Deployment {
    pub setup: Setup,
    /// The first administrator, signed in backstage at gateway `a`.
    pub admin: Admin,
    gateways: Vec<Gateway>,
    /// The ledger, read past the gateways.
    pub ledger: RawLedger,
    pub organisation: Organisation,
    redis: Option<RedisServer>,
    settings: Vec<(String, String)>,
    database: Option<Database>,
    proxy: Option<Proxy>,
    postgres: Option<PostgresServer>,
    data: TempDir,
}

impl Deployment {
    /// An anonymous client to the first gateway.
    pub fn a(&self) -> &Client {
        self.gateways.first().unwrap().client()
    }

    /// An anonymous client to the other gateway, where there is one; else to the only one.
    pub fn b(&self) -> &Client {
        self.gateways.last().unwrap().client()
    }

    /// A client to one gateway after the other, as a balancer in front of them would give.
    pub fn turn(&self, number: usize) -> &Client {
        if number.is_multiple_of(2) { self.a() } else { self.b() }
    }

    /// The Redis of a deployment with its own.
    pub fn redis(&mut self) -> &mut RedisServer {
        self.redis.as_mut().expect("this deployment shares its Redis")
    }

    /// The Postgres of a deployment with its own.
    pub fn postgres(&mut self) -> &mut PostgresServer {
        self.postgres.as_mut().expect("this deployment shares its Postgres")
    }

    /// Where the Postgres of a deployment with its own keeps its data.
    pub fn postgres_data(&self) -> String {
        self.postgres.as_ref().expect("this deployment shares its Postgres").data().display().to_string()
    }

    /// The way to Postgres of a deployment that has one.
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("this deployment goes straight to Postgres")
    }

    /// The data base of a shared deployment.
    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("an embedded deployment keeps its ledger in a file")
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// A command on this deployment's stores.
    pub fn command(&self, arguments: &[&str]) -> Command {
        with_settings(arguments, &self.settings)
    }

    /// Runs commands on the stores. An embedded ledger belongs to one process, so there the gateway is closed meanwhile.
    pub fn with_commands<T>(&mut self, work: impl FnOnce(&Self) -> T) -> T {
        if self.setup == Setup::Shared {
            return work(self);
        }
        self.close();
        let result = work(self);
        self.reopen();
        result
    }

    /// Another organisation on the same ledger, and its administrator.
    pub async fn another_organisation(&mut self) -> Admin {
        let organisation = self.with_commands(|deployment| Organisation::make(&deployment.settings));
        organisation.admin(self.a()).await
    }

    /// Kills one gateway at once, and opens another in its place, at another address. With these settings more, if any.
    pub fn open_anew(&mut self, number: usize, more: &[(&str, &str)]) {
        self.gateways[number].kill();
        let mut command = with_settings(&["serve"], &self.settings);
        command.envs(more.iter().copied());
        self.gateways[number] = Gateway::start(&mut command);
    }

    /// Kills one gateway at once.
    pub fn kill(&mut self, number: usize) {
        self.gateways[number].kill();
    }

    /// Waits until one gateway has ended by itself.
    pub fn ended(&mut self, number: usize) {
        self.gateways[number].has_died();
    }

    pub fn gateways(&self) -> &[Gateway] {
        &self.gateways
    }

    /// Stops all gateways as an operator does, and answers what they have logged from first to last.
    pub fn close(&mut self) -> String {
        let mut logs = String::new();
        for gateway in self.gateways.drain(..) {
            let (status, log) = gateway.stop();
            assert!(status.success(), "a gateway ended with {status}:\n{log}");
            logs.push_str(&log);
        }
        logs
    }

    /// Starts another gateway at the address of the first one, beside it, and does not wait.
    pub fn start_beside(&self) -> Gateway {
        let address = self.a().base().strip_prefix("http://").unwrap();
        Gateway::spawn(&mut self.command(&["serve"]), address)
    }

    /// Puts a gateway in the place of the first one, which is answered.
    pub fn replace(&mut self, gateway: Gateway) -> Gateway {
        std::mem::replace(&mut self.gateways[0], gateway)
    }

    /// The first gateway.
    pub fn gateway(&self) -> &Gateway {
        &self.gateways[0]
    }

    /// Opens the gateways again, at other addresses.
    pub fn reopen(&mut self) {
        self.gateways = open_gateways(self.setup, &self.settings);
        self.admin = self.admin.at(self.a());
    }
}

/// An organisation as the command `create-organisation` makes it.
pub struct Organisation {
    pub id: String,
    pub slug: String,
    pub(super) owner: Member,
}

impl Organisation {
    /// By a command that is waited for on a thread of its own: a proxy between it and the ledger has to go on meanwhile.
    async fn create(settings: Vec<(String, String)>) -> Self {
        tokio::task::spawn_blocking(move || Self::make(&settings)).await.unwrap()
    }

    fn make(settings: &[(String, String)]) -> Self {
        let number = &new_id()[..8];
        let (slug, username) = (format!("hall-{number}"), format!("ada-{number}"));
        let password = format!("first password of {slug}");
        let arguments = ["create-organisation", "--slug", &slug, "--name", "The Hall", "--admin-username", &username];
        let mut command = with_settings(&arguments, settings);
        let made = Finished::run(command.args(["--admin-email", &format!("{username}@example.org")]), &password).expect_success();
        let made: serde_json::Value =
            serde_json::from_str(made.stdout.trim()).unwrap_or_else(|_| panic!("not one line of JSON: {:?}", made.stdout));
        assert_eq!(made["organisation"]["slug"], slug);
        let id = super::ref_id(&made["organisation"]);
        let owner = Member { id: super::ref_id(&made["user"]), username, password, slug: slug.clone() };
        Self { id, slug, owner }
    }

    /// The first administrator signs in backstage, which ends an earlier session of theirs.
    pub async fn signed_in(&self, gateway: &Client) -> SignedIn {
        self.owner.signed_in(gateway).await
    }

    async fn admin(&self, gateway: &Client) -> Admin {
        Admin { client: self.signed_in(gateway).await.client, who: self.owner.clone() }
    }
}

/// No balancer looks at the gateways of a test that does not say so: they stop without waiting for one.
fn at_once() -> Vec<(String, String)> {
    vec![("STAGEDOOR_STOP_NOTICE_SECONDS".to_owned(), "0".to_owned())]
}

fn open_gateways(setup: Setup, settings: &[(String, String)]) -> Vec<Gateway> {
    let count = match setup {
        Setup::Embedded => 1,
        Setup::Shared => 2,
    };
    (0..count).map(|_| Gateway::start(&mut with_settings(&["serve"], settings))).collect()
}

fn with_settings(arguments: &[&str], settings: &[(String, String)]) -> Command {
    let mut command = stagedoor(arguments);
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command
}

/// Every test takes a number of its own in the common Redis, so that none sees another's keys.
fn redis_of_all_tests() -> String {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("STAGEDOOR_TEST_REDIS").expect("start the tests with tests/run");
    format!("{server}/{}", TAKEN.fetch_add(1, Ordering::Relaxed))
}

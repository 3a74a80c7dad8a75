//! Every setting in one table. What is not a row here is not a setting: the name stops the start.
//!
//! A row is what `--help` prints, what an error expects and what a number is checked against, so that the three cannot disagree.

use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;

use Bound::{Form, Whole};
use Fallback::{Described, Value};

/// One setting.
pub(super) struct Setting {
    /// In the file in lower case as here, in the environment in upper case after [`PREFIX`].
    pub name: &'static str,
    pub unit: &'static str,
    pub fallback: Fallback,
    pub bound: Bound,
    /// Its value may hold a password and is never printed.
    pub secret: bool,
    /// One sentence.
    pub meaning: &'static str,
}

/// What holds when a setting is not given.
pub(super) enum Fallback {
    /// This value, parsed like a given one.
    Value(&'static str),
    /// Something that follows from the surroundings.
    Described(&'static str),
}

/// What a value must be.
pub(super) enum Bound {
    /// A whole number in this range.
    Whole(RangeInclusive<u64>),
    /// A form that the setting's parser checks.
    Form(&'static str),
}

/// What the name of every setting begins with in the environment.
pub(super) const PREFIX: &str = "STAGEDOOR_";
/// The test suite's own variables. The gateway does not look at them.
pub(super) const TEST_PREFIX: &str = "STAGEDOOR_TEST_";
/// The most entries in a list.
pub(super) const LIST_ENTRIES: usize = 64;

/// Thirty days. A session on a lost phone that is never reported must end some day.
const LIFETIME: RangeInclusive<u64> = 1..=2_592_000;
const OPEN: bool = false;
const SECRET: bool = true;

/// Makes a static of each row and the list of them all, so that no row can be left out of the list.
macro_rules! settings {
    ($($id:ident = $name:literal, $unit:literal, $fallback:expr, $bound:expr, $secret:expr, $meaning:literal;)+) => {
        $(pub(super) static $id: Setting = Setting {
            name: $name, unit: $unit, fallback: $fallback, bound: $bound, secret: $secret, meaning: $meaning,
        };)+
        /// The table, in the order in which `--help` prints it.
        pub(super) static SETTINGS: &[&Setting] = &[$(&$id),+];
    };
}

settings! {
    // name, unit, fallback, bound, secret, meaning
    CONFIG = "config", "path", Described("none"),
        Form("the path of a TOML file"), OPEN,
        "A file with settings, named as here in lower case and without the prefix; the environment wins.";
    LISTEN = "listen", "host:port", Value("127.0.0.1:8080"),
        Form("a host that resolves and a port, as in 127.0.0.1:8080"), OPEN,
        "Where the gateway listens; port 0 takes a free one.";
    DATABASE_URL = "database_url", "URL", Described("stagedoor.db in the data directory"),
        Form("postgres://USER:PASSWORD@HOST/DATABASE, or sqlite:// and the path of a file without options"), SECRET,
        "Where the ledger is.";
    DATABASE_CONNECTIONS = "database_connections", "connections", Value("8"),
        Whole(2..=64), OPEN,
        "How many connections to Postgres this gateway opens at most.";
    REDIS_URL = "redis_url", "URL", Described("none: hot copies stay in the process"),
        Form("redis://HOST:PORT, or redis+sentinel://SENTINEL:PORT,SENTINEL:PORT/NAME (rediss:// is refused: TLS to Redis is not built in)"), SECRET,
        "Where the hot copies are; needed as soon as a second gateway runs on the same ledger.";
    DATA_DIR = "data_dir", "path", Value("./stagedoor-data"),
        Form("the path of a directory"), OPEN,
        "Where the gateway keeps its files; made if it is missing.";
    CONNECTIONS = "connections", "connections", Value("20000"),
        Whole(16..=100_000), OPEN,
        "How many connections of clients are held open at most; fewer if the process may have fewer descriptors. Further ones are answered 503.";
    CONNECTIONS_PER_ADDRESS = "connections_per_address", "connections", Value("15000"),
        Whole(1..=100_000), OPEN,
        "How many of them may come from one address, or one IPv6 network of 64 bits. A venue is one address; trusted proxies are not counted.";
    CORS_ORIGINS = "cors_origins", "origins", Value(""),
        Form("at most 64 origins of the form scheme://host[:port], with commas between them"), OPEN,
        "Which web pages may call the gateway from a browser.";
    TRUSTED_PROXIES = "trusted_proxies", "networks", Value(""),
        Form("at most 64 addresses or networks such as 10.0.0.0/8, with commas between them"), OPEN,
        "Whose X-Forwarded-For counts.";
    DEVICE_SESSION_SECONDS = "device_session_seconds", "seconds", Value("86400"),
        Whole(LIFETIME), OPEN,
        "How long a session on a scanner or POS device lives.";
    DEVICE_IDLE_SECONDS = "device_idle_seconds", "seconds", Value("43200"),
        Whole(LIFETIME), OPEN,
        "After how long without a request a session on a device ends.";
    BACKSTAGE_SESSION_SECONDS = "backstage_session_seconds", "seconds", Value("43200"),
        Whole(LIFETIME), OPEN,
        "How long a session without a device lives.";
    BACKSTAGE_IDLE_SECONDS = "backstage_idle_seconds", "seconds", Value("3600"),
        Whole(LIFETIME), OPEN,
        "After how long without a request a session without a device ends.";
    HOLD_SECONDS = "hold_seconds", "seconds", Value("120"),
        Whole(1..=3_600), OPEN,
        "How long a hold keeps stock for a till.";
    STOP_NOTICE_SECONDS = "stop_notice_seconds", "seconds", Value("1"),
        Whole(0..=60), OPEN,
        "How long the gateway goes on after it was asked to stop, while /readyz says 503, so that balancers notice; not at all when another gateway has taken its socket over.";
    LOG = "log", "filter", Value("info"),
        Form("a filter such as info or stagedoor=debug,info"), OPEN,
        "What is logged.";
    LOG_FORMAT = "log_format", "word", Described("text on a terminal, json elsewhere"),
        Form("json or text"), OPEN,
        "How it is logged.";
}

impl Setting {
    /// Its name in the environment.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_ascii_uppercase())
    }

    /// The setting with this name in lower case, without the prefix.
    pub fn named(name: &str) -> Option<&'static Setting> {
        SETTINGS.iter().copied().find(|setting| setting.name == name)
    }
}

impl Bound {
    /// Whether a number lies within; a form bounds no number.
    pub fn admits(&self, number: u64) -> bool {
        match self {
            Whole(range) => range.contains(&number),
            Form(_) => true,
        }
    }
}

impl Display for Bound {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Whole(range) => write!(to, "a whole number from {} to {}", range.start(), range.end()),
            Form(form) => to.write_str(form),
        }
    }
}

impl Display for Fallback {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value("") => to.write_str("none"),
            Value(text) | Described(text) => to.write_str(text),
        }
    }
}

//! Every setting of the gateway, read once at the start from the environment and, if it names one, from a file.
//!
//! An unknown name, or a value that is ill-formed or out of its bound, stops the start with the setting's name: a typing error
//! never passes as a default. The value of a setting that may hold a password is never printed. The table is in `table.rs`.
//!
//! Why no crate does this: clap's `env` reads no file and ignores a variable with a misspelt name. figment's errors print the value that was
//! found, which may hold a password, and its last release is from 2024. Neither knows the unit, the default and the bound of a setting, from
//! which `--help` and the errors are made here.

mod given;
mod parse;
mod table;

use std::fmt::{self, Debug, Formatter, Write};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use ipnet::IpNet;

use given::Given;
pub use given::Origin;

/// All settings, each well-formed and within its bound.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// Where the ledger is.
    pub database: Database,
    /// How many connections to Postgres this gateway opens at most.
    pub database_connections: usize,
    /// Where the hot copies are; in the process if nowhere.
    pub redis_url: Option<Redis>,
    /// Where the gateway keeps its files.
    pub data_dir: PathBuf,
    /// How many connections of clients are held open at most.
    pub connections: usize,
    /// How many of them may come from one address.
    pub connections_per_address: usize,
    /// Which web pages may call the gateway from a browser.
    pub cors_origins: Vec<HeaderValue>,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// How long sessions live.
    pub sessions: SessionLifetimes,
    /// How long a hold keeps stock.
    pub hold: Duration,
    /// How long the gateway goes on after it was asked to stop, while `/readyz` reports it.
    pub stop_notice: Duration,
    /// What is logged: a tracing filter.
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
}

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A Postgres server: the URL, with the password that it may hold.
    Postgres(Secret),
    /// A file of the embedded default.
    Sqlite(PathBuf),
}

/// Where Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redis {
    /// One server: its URL.
    At(Secret),
    /// Whichever server the Sentinels say.
    Sentinels {
        /// Their URLs.
        sentinels: Vec<String>,
        /// The name that they know the servers by.
        name: String,
        /// The user, password and number of the database, as a URL of a server that has none of its own.
        redis: Secret,
    },
}

/// How long sessions live. A session ends when the first of the two times is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLifetimes {
    /// On a scanner or POS device, from the sign-in.
    pub device: Duration,
    /// On a scanner or POS device, from the last request.
    pub device_idle: Duration,
    /// Without a device, from the sign-in.
    pub backstage: Duration,
    /// Without a device, from the last request.
    pub backstage_idle: Duration,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// An object a line, for machines.
    Json,
    /// For people.
    Text,
}

/// A text that may hold a password and prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, to connect with and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Debug for Secret {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.write_str("(not shown)")
    }
}

/// Why the gateway does not start. It names the setting and where it was found, and never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The name is unknown.
    #[error("{name} {origin} is not a setting; `stagedoor --help` lists them all")]
    Unknown {
        /// As it was written.
        name: String,
        /// Where.
        origin: Origin,
    },
    /// The value is ill-formed or out of its bound.
    #[error("{name} {origin} is {found}; expected {expected}")]
    IllFormed {
        /// As it was written.
        name: String,
        /// Where.
        origin: Origin,
        /// The value in quotation marks, unless it may hold a password.
        found: String,
        /// What the table says.
        expected: String,
    },
    /// The file cannot be read, or is not TOML.
    #[error("STAGEDOOR_CONFIG from the environment names {}, which is not readable: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why, without the file's text.
        reason: String,
    },
}

impl Config {
    /// Reads all settings from these variables, and from the file that one of them may name. The environment wins.
    ///
    /// # Errors
    /// The first setting that is unknown, ill-formed or out of its bound, or a file that cannot be read.
    pub fn load(environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let given = Given::collect(environment)?;
        let data_dir = given.required(&table::DATA_DIR, parse::path)?;
        let embedded = || Database::Sqlite(data_dir.join("stagedoor.db"));
        Ok(Self {
            listen: given.required(&table::LISTEN, parse::address)?,
            database: given.optional(&table::DATABASE_URL, parse::database)?.unwrap_or_else(embedded),
            database_connections: count(&given, &table::DATABASE_CONNECTIONS)?,
            redis_url: given.optional(&table::REDIS_URL, parse::redis_url)?,
            connections: count(&given, &table::CONNECTIONS)?,
            connections_per_address: count(&given, &table::CONNECTIONS_PER_ADDRESS)?,
            cors_origins: given.list(&table::CORS_ORIGINS, parse::origin)?,
            trusted_proxies: given.list(&table::TRUSTED_PROXIES, parse::network)?,
            sessions: SessionLifetimes::read(&given)?,
            hold: given.number(&table::HOLD_SECONDS).map(Duration::from_secs)?,
            stop_notice: given.number(&table::STOP_NOTICE_SECONDS).map(Duration::from_secs)?,
            log: given.required(&table::LOG, parse::log)?,
            log_format: given.optional(&table::LOG_FORMAT, parse::log_format)?.unwrap_or_else(LogFormat::fitting),
            data_dir,
        })
    }

    /// The table as text, for `--help`.
    pub fn settings_help() -> String {
        let mut help = String::from("Settings, from the environment or from the file that STAGEDOOR_CONFIG names:\n");
        for setting in table::SETTINGS {
            // Writing to a string does not fail.
            let _ = write!(
                help,
                "\n  {} [{}]\n      {}\n      Default: {}. Expected: {}.\n",
                setting.variable(),
                setting.unit,
                setting.meaning,
                setting.fallback,
                setting.bound,
            );
        }
        help
    }
}

impl SessionLifetimes {
    fn read(given: &Given) -> Result<Self, ConfigError> {
        let seconds = |setting| given.number(setting).map(Duration::from_secs);
        Ok(Self {
            device: seconds(&table::DEVICE_SESSION_SECONDS)?,
            device_idle: seconds(&table::DEVICE_IDLE_SECONDS)?,
            backstage: seconds(&table::BACKSTAGE_SESSION_SECONDS)?,
            backstage_idle: seconds(&table::BACKSTAGE_IDLE_SECONDS)?,
        })
    }
}

impl LogFormat {
    /// People look at a terminal, machines at everything else.
    fn fitting() -> Self {
        match std::io::stderr().is_terminal() {
            true => Self::Text,
            false => Self::Json,
        }
    }
}

fn count(given: &Given, setting: &'static table::Setting) -> Result<usize, ConfigError> {
    // The bound is far below what any machine counts to.
    given.number(setting).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;

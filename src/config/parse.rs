//! One pure function per form of value: the text if it is well-formed, or nothing. Only [`address`] looks outside, to resolve a name.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use axum::http::HeaderValue;
use axum::http::uri::Authority;
use ipnet::IpNet;
use redis::IntoConnectionInfo;
use sqlx::postgres::PgConnectOptions;
use tracing_subscriber::EnvFilter;

use super::{Database, LogFormat, Redis, Secret, table::LIST_ENTRIES};

/// An address, or a host name that has one.
pub fn address(text: &str) -> Option<SocketAddr> {
    let found: Vec<SocketAddr> = text.to_socket_addrs().ok()?.collect();
    // `localhost` has two addresses on most machines, and callers mean the older one.
    found.iter().find(|address| address.is_ipv4()).or(found.first()).copied()
}

pub fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

pub fn database(text: &str) -> Option<Database> {
    match text.split_once(':')? {
        ("postgres" | "postgresql", rest) => postgres(text, rest).map(Database::Postgres),
        ("sqlite", rest) => sqlite(rest).map(Database::Sqlite),
        _ => None,
    }
}

fn postgres(url: &str, rest: &str) -> Option<Secret> {
    rest.strip_prefix("//").filter(|rest| !rest.is_empty())?;
    PgConnectOptions::from_str(url).ok()?;
    Some(Secret::new(url))
}

/// The file's path. How it is opened is the ledger's to say, so the only option that passes is the one that says what happens anyway;
/// and a ledger in memory would be no ledger.
fn sqlite(rest: &str) -> Option<PathBuf> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let rest = rest.strip_suffix("?mode=rwc").unwrap_or(rest);
    (!rest.contains(['?', '#']) && rest != ":memory:").then(|| path(rest)).flatten()
}

pub fn redis_url(text: &str) -> Option<Redis> {
    if let Some(rest) = text.strip_prefix("redis+sentinel://") {
        return sentinels(rest);
    }
    text.strip_prefix("redis://").filter(|rest| !rest.is_empty())?;
    text.into_connection_info().ok()?;
    Some(Redis::At(Secret::new(text)))
}

fn sentinels(rest: &str) -> Option<Redis> {
    let (authority, path) = rest.split_once('/')?;
    let (credentials, hosts) = authority.rsplit_once('@').map_or(("", authority), |(before, hosts)| (before, hosts));
    let (name, database) = path.split_once('/').unwrap_or((path, "0"));
    let in_a_name = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if name.is_empty() || !name.chars().all(in_a_name) || !database.chars().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let sentinel = |host: &str| {
        let url = format!("redis://{host}{}", if host.contains(':') { "" } else { ":26379" });
        (!host.is_empty() && url.as_str().into_connection_info().is_ok()).then_some(url)
    };
    let sentinels: Vec<String> = hosts.split(',').map(sentinel).collect::<Option<_>>()?;
    let at = if credentials.is_empty() { "" } else { "@" };
    let redis = format!("redis://{credentials}{at}{name}/{database}");
    redis.as_str().into_connection_info().ok()?;
    (sentinels.len() <= LIST_ENTRIES).then(|| Redis::Sentinels { sentinels, name: name.to_owned(), redis: Secret::new(&redis) })
}

/// An origin as a browser writes it: lower case, without the scheme's own port. Any scheme, for apps in a web view have their own.
pub fn origin(text: &str) -> Option<HeaderValue> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(letters) {
        return None;
    }
    let authority = Authority::from_str(authority).ok()?;
    let host = Some(authority.host()).filter(|host| !host.is_empty() && *host != "*")?;
    let written = match (scheme, authority.port_u16()) {
        (_, None) if authority.as_str() != host => return None,
        (_, Some(port)) if authority.as_str() != format!("{host}:{port}") => return None,
        (_, None) | ("http", Some(80)) | ("https", Some(443)) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    };
    HeaderValue::from_str(&written).ok()
}

/// A network, or one address as a network of its own.
pub fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.ok().map(|network| network.trunc())
}

pub fn log(text: &str) -> Option<String> {
    let well_formed = !text.trim().is_empty() && EnvFilter::builder().parse(text).is_ok();
    well_formed.then(|| text.to_owned())
}

pub fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "json" => Some(LogFormat::Json),
        "text" => Some(LogFormat::Text),
        _ => None,
    }
}

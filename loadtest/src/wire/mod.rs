//! HTTP/1.1 as a phone speaks it: one connection, one request at a time.
//!
//! A request is prepared bytes, and an answer is read in place: on two cores that the gateway
//! shares, what the load tester spends is taken from what it measures.

mod answer;
mod connection;
mod request;

pub use answer::{Problem, Sale, Scan, Verdict};
pub use connection::{Connection, Reply};
pub use request::{Form, get, whole};

use std::net::SocketAddr;

use anyhow::{Context, bail};

/// Where a gateway is.
#[derive(Clone, Debug)]
pub struct Target {
    /// As it was given, without a slash at its end.
    pub url: String,
    /// What the `host` header says.
    pub host: String,
    /// Where to connect to.
    pub address: SocketAddr,
}

impl Target {
    /// Reads an address such as `http://127.0.0.1:8080`.
    pub async fn parse(url: &str) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/');
        let Some(host) = url.strip_prefix("http://") else {
            bail!("{url}: a target is http://HOST:PORT; TLS ends in front of the gateway, point the load tester behind it")
        };
        if host.contains('/') {
            bail!("{url}: a target has no path");
        }
        let named =
            if host.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok()) { host.to_owned() } else { format!("{host}:80") };
        let mut found = tokio::net::lookup_host(&named).await.with_context(|| format!("{url} is not found"))?;
        let address = found.next().with_context(|| format!("{url} is not found"))?;
        Ok(Self { url: url.to_owned(), host: host.to_owned(), address })
    }
}

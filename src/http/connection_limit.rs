//! Limits the open connections, in all and for each client address, so that one address cannot use all of them.
//!
//! A venue often has one public address, so one address may use seven eighths of the limit; the rest stays for all other addresses.
//! Trusted proxies serve many clients and are not counted by address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use ipnet::IpNet;

use crate::limits;

pub struct ConnectionLimit {
    max: usize,
    max_per_address: usize,
    proxies: Vec<IpNet>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place in the limit; freed when dropped.
pub struct ConnectionSlot {
    limit: Arc<ConnectionLimit>,
    address: Option<IpAddr>,
}

impl ConnectionLimit {
    /// Allows `max` connections in all and `max_per_address` of one address; fewer if the process may have fewer file descriptors.
    pub fn new(max: usize, max_per_address: usize, proxies: &[IpNet]) -> Arc<Self> {
        let max = max.min(raise_descriptor_limit());
        let max_per_address = max_per_address.min(max - max / 8);
        Arc::new(Self { max, max_per_address, proxies: proxies.to_vec(), open: Mutex::default() })
    }

    /// A place for a connection from this address, unless the limit is reached.
    pub fn acquire(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionSlot> {
        let trusted = self.proxies.iter().any(|proxy| proxy.contains(&peer));
        let address = (!trusted).then(|| client_network(peer));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.max {
            return None;
        }
        if let Some(address) = address {
            let of_address = open.by_address.entry(address).or_default();
            if *of_address >= self.max_per_address {
                return None;
            }
            *of_address += 1;
        }
        open.all += 1;
        Some(ConnectionSlot { limit: Arc::clone(self), address })
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut open = self.limit.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(address) = self.address
            && let Some(of_address) = open.by_address.get_mut(&address)
        {
            *of_address -= 1;
            if *of_address == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

/// One customer usually has one IPv4 address, or a /64 network of IPv6 addresses.
fn client_network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// Raises the limit of file descriptors to its maximum, and returns how many are left for connections after the ledger's share.
fn raise_descriptor_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let max = if raised.is_ok() { maximum } else { current };
    let max = max.map_or(usize::MAX, |max| usize::try_from(max.saturating_sub(limits::DESCRIPTORS_RESERVED_COUNT)).unwrap_or(usize::MAX));
    max.max(limits::CONNECTIONS_MIN)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_never_takes_all_connections() {
        let limit = ConnectionLimit::new(16, 16, &["10.0.0.0/8".parse().unwrap()]);
        let venue: Vec<_> = std::iter::from_fn(|| limit.acquire(address("192.0.2.1"))).collect();
        assert_eq!(venue.len(), 14);
        let network: Vec<_> = ["2001:db8::1", "2001:db8::2"].map(|client| limit.acquire(address(client))).into_iter().flatten().collect();
        assert_eq!(network.len(), 2);
        assert!(limit.acquire(address("198.51.100.1")).is_none(), "the limit is reached");
        drop(venue);
        let proxied: Vec<_> = std::iter::from_fn(|| limit.acquire(address("10.1.2.3"))).collect();
        assert_eq!(proxied.len(), 14, "a proxy serves many clients");
        drop((proxied, network));
        let open = limit.open.lock().unwrap();
        assert!(open.all == 0 && open.by_address.is_empty());
    }

    #[test]
    fn the_addresses_of_one_network_count_as_one() {
        assert_eq!(client_network(address("2001:db8:0:1:a:b:c:d")), client_network(address("2001:db8:0:1::1")));
        assert_ne!(client_network(address("2001:db8:0:1::1")), client_network(address("2001:db8:0:2::1")));
    }
}

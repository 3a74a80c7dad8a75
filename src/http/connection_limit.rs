//! Who has how many connections open: nobody takes all of them.
//!
//! A venue is one address to us, so one address may have most of the room; what the rest keeps is enough for everybody else to be heard.
//! Proxies that are trusted speak for many and are not counted by address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use ipnet::IpNet;

use crate::limits;

/// The connections that are open.
pub struct ConnectionLimit {
    most: usize,
    most_of_address: usize,
    proxies: Vec<IpNet>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place in the limit; given back with it.
pub struct ConnectionSlot {
    limit: Arc<ConnectionLimit>,
    address: Option<IpAddr>,
}

impl ConnectionLimit {
    /// Room for so many connections, and for so many of one address; for fewer where the system gives this process fewer descriptors.
    pub fn new(most: usize, most_of_address: usize, proxies: &[IpNet]) -> Arc<Self> {
        let most = most.min(descriptors());
        let most_of_address = most_of_address.min(most - most / 8);
        Arc::new(Self { most, most_of_address, proxies: proxies.to_vec(), open: Mutex::default() })
    }

    /// A place for a connection from there, if there is one.
    pub fn seat(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionSlot> {
        let trusted = self.proxies.iter().any(|proxy| proxy.contains(&peer));
        let address = (!trusted).then(|| household(peer));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.most {
            return None;
        }
        if let Some(address) = address {
            let of_address = open.by_address.entry(address).or_default();
            if *of_address >= self.most_of_address {
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

/// A household has one IPv4 address, or a network of IPv6 addresses.
fn household(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// Takes as many descriptors as this process may have, and keeps some of them for the ledger.
fn descriptors() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let most = if raised.is_ok() { maximum } else { current };
    let most =
        most.map_or(usize::MAX, |most| usize::try_from(most.saturating_sub(limits::DESCRIPTORS_RESERVED_COUNT)).unwrap_or(usize::MAX));
    most.max(limits::CONNECTIONS_MIN)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_never_takes_all_places() {
        let limit = ConnectionLimit::new(16, 16, &["10.0.0.0/8".parse().unwrap()]);
        let venue: Vec<_> = std::iter::from_fn(|| limit.seat(address("192.0.2.1"))).collect();
        assert_eq!(venue.len(), 14);
        let network: Vec<_> = ["2001:db8::1", "2001:db8::2"].map(|guest| limit.seat(address(guest))).into_iter().flatten().collect();
        assert_eq!(network.len(), 2);
        assert!(limit.seat(address("198.51.100.1")).is_none(), "the house is full");
        drop(venue);
        let proxied: Vec<_> = std::iter::from_fn(|| limit.seat(address("10.1.2.3"))).collect();
        assert_eq!(proxied.len(), 14, "a proxy speaks for many");
        drop((proxied, network));
        let open = limit.open.lock().unwrap();
        assert!(open.all == 0 && open.by_address.is_empty());
    }

    #[test]
    fn the_addresses_of_one_network_are_one() {
        assert_eq!(household(address("2001:db8:0:1:a:b:c:d")), household(address("2001:db8:0:1::1")));
        assert_ne!(household(address("2001:db8:0:1::1")), household(address("2001:db8:0:2::1")));
    }
}

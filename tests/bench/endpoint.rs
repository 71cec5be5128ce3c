//! The endpoints: 1,000 addresses of the loopback network, a port for each kind.

use std::net::{IpAddr, Ipv4Addr};

/// How many endpoints a full round has.
pub const COUNT: u16 = 1000;

/// What kind of check an endpoint is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Accepts a connection.
    Tcp,
    /// Answers 200.
    Http,
    /// Answers 200 over TLS, with a certificate for its own address.
    Https,
}

impl Kind {
    /// Every kind, in the order of the tables.
    pub const ALL: [Kind; 3] = [Kind::Tcp, Kind::Http, Kind::Https];

    /// The kind's name, as a configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Tcp => "tcp",
            Kind::Http => "http",
            Kind::Https => "https",
        }
    }

    /// How many times the bare loop's CPU time a check may take.
    pub fn goal(self) -> &'static str {
        match self {
            Kind::Tcp => "1.25",
            Kind::Http => "1.60",
            Kind::Https => "1.30",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The address of endpoint `index`: an address each, so that no two share a certificate or a pair of ports.
pub fn address(index: u16) -> Ipv4Addr {
    let [high, low] = index.to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

/// The endpoint at an address.
pub fn index(address: IpAddr) -> Option<u16> {
    match address {
        IpAddr::V4(address) => Some(u16::from_be_bytes([
            address.octets()[2],
            address.octets()[3],
        ])),
        IpAddr::V6(_) => None,
    }
}

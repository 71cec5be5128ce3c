//! Names to addresses, under a deadline.
//!
//! `getaddrinfo` cannot be cancelled. It runs on a thread of its own, which a deadline leaves behind; while it hangs, no
//! second one is started for the same name, so there are never more such threads than names.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::thread;

use super::{Deadline, Failure, Phase, Target};
use crate::file::reason;
use crate::mutex::lock;

/// Longest name: RFC 1035, 3.1, less what the length octets take.
const LONGEST_NAME: usize = 253;

/// Addresses of a name that are known of.
pub const MOST_ADDRESSES: usize = 256;

/// A name, or an address that needs no look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// To be looked up; also an IPv6 address with a zone, which only the resolver understands.
    Name(String),
    /// An IPv4 or IPv6 address.
    Address(IpAddr),
}

impl Default for Host {
    fn default() -> Self {
        Self::Name("localhost".to_owned())
    }
}

impl Host {
    /// A host name, IPv4 or IPv6 address (in brackets or not).
    ///
    /// # Errors
    /// What would be right, to stand after the quoted value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unbracketed = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        let inner = unbracketed.unwrap_or(text);
        if let Ok(address) = inner.parse() {
            return Ok(Self::Address(address));
        }
        if let Some((address, zone)) = inner.split_once('%')
            && address.parse::<Ipv6Addr>().is_ok()
            && !zone.is_empty()
            && zone
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            return Ok(Self::Name(inner.to_owned()));
        }
        match fault(text) {
            Some(fault) => Err(format!("is not a host name or address ({fault})")),
            None => Ok(Self::Name(text.to_owned())),
        }
    }

    /// As it stands in a URL or before `:port`.
    #[must_use]
    pub fn bracketed(&self) -> String {
        match self {
            Self::Address(IpAddr::V6(address)) => format!("[{address}]"),
            Self::Name(name) if name.contains(':') => format!("[{name}]"),
            Self::Address(_) | Self::Name(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

fn fault(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() {
        Some("it is empty")
    } else if name.contains("://") {
        Some("give it without a scheme; that is what type is for")
    } else if name.contains('/') {
        Some("give it without a path; that is what path is for")
    } else if name.contains(char::is_whitespace) {
        Some("it holds a blank")
    } else if name.contains(':') {
        Some("give the port in port")
    } else if !name.is_ascii() {
        Some("write an international name in its xn-- form")
    } else if !name.chars().all(plain) || name.starts_with('-') {
        Some("letters, digits, -, _ and . only")
    } else if name.len() > LONGEST_NAME {
        Some("longer than 253 characters")
    } else if name.trim_end_matches('.').is_empty() || name.contains("..") || name.starts_with('.')
    {
        Some("it has an empty part")
    } else {
        None
    }
}

/// The addresses of a target. Looked up only where they are not known.
///
/// # Errors
/// [`Phase::Resolve`]: the resolver's words, or no answer by the deadline.
pub fn addresses(target: &Target, deadline: Deadline) -> Result<Vec<SocketAddr>, Failure> {
    let name = match &target.host {
        Host::Address(address) => return Ok(vec![SocketAddr::new(*address, target.port)]),
        Host::Name(name) => name,
    };
    let found = Lookup::of(name).and_then(|lookup| lookup.wait(deadline));
    let with_port = |mut address: SocketAddr| {
        address.set_port(target.port);
        address
    };
    match found {
        Ok(found) => Ok(found.into_iter().map(with_port).collect()),
        Err(reason) => Err(Failure::new(Phase::Resolve, &reason)),
    }
}

type Found = Result<Vec<SocketAddr>, String>;

/// A look-up that may be waited for by several checks.
#[derive(Default)]
struct Lookup {
    found: Mutex<Option<Found>>,
    ready: Condvar,
}

/// The look-ups under way, by name. The resolver is the process's, and so is this.
static UNDER_WAY: LazyLock<Mutex<HashMap<String, Arc<Lookup>>>> = LazyLock::new(Mutex::default);

impl Lookup {
    /// The look-up of this name that is under way, or a new one.
    fn of(name: &str) -> Result<Arc<Self>, String> {
        let mut under_way = lock(&UNDER_WAY);
        if let Some(lookup) = under_way.get(name) {
            return Ok(Arc::clone(lookup));
        }
        let lookup = Arc::new(Self::default());
        let (own, wanted) = (Arc::clone(&lookup), name.to_owned());
        thread::Builder::new()
            .name("lookup".to_owned())
            .spawn(move || own.run(&wanted))
            .map_err(|error| format!("no thread for the look-up: {}", reason(&error)))?;
        under_way.insert(name.to_owned(), Arc::clone(&lookup));
        Ok(lookup)
    }

    fn run(&self, name: &str) {
        let found = ask(name);
        // From here on a new look-up may begin; whoever holds this one still gets its result.
        lock(&UNDER_WAY).remove(name);
        *lock(&self.found) = Some(found);
        self.ready.notify_all();
    }

    fn wait(&self, deadline: Deadline) -> Found {
        let found = lock(&self.found);
        let (found, _) = self
            .ready
            .wait_timeout_while(found, deadline.left(), |found| found.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        let silence = || {
            Err(format!(
                "no answer from the name server {}",
                deadline.within()
            ))
        };
        found.clone().unwrap_or_else(silence)
    }
}

fn ask(name: &str) -> Found {
    let found = (name, 0).to_socket_addrs().map_err(|error| {
        let text = reason(&error);
        let words = text.rsplit_once("information: ");
        words.map_or(text.clone(), |(_, words)| words.to_owned())
    })?;
    let mut distinct: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !distinct.contains(&address) && distinct.len() < MOST_ADDRESSES {
            distinct.push(address);
        }
    }
    if distinct.is_empty() {
        return Err("the name has no address".to_owned());
    }
    Ok(distinct)
}

/// Puts IPv6 and IPv4 in turns, the resolver's first choice first (RFC 8305, 4), so that no dead family stands before
/// a live one.
#[must_use]
pub fn in_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_family = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut these, mut others): (Vec<SocketAddr>, Vec<SocketAddr>) = addresses
        .iter()
        .copied()
        .partition(|a| a.is_ipv4() == first_family);
    these.reverse();
    others.reverse();
    let mut ordered = Vec::with_capacity(addresses.len());
    while !these.is_empty() || !others.is_empty() {
        ordered.extend(these.pop());
        ordered.extend(others.pop());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    #[test]
    fn hosts() {
        for text in [
            "localhost",
            "a-b_c.example.",
            "127.0.0.1",
            "::1",
            "[::1]",
            "fe80::1%eth0",
        ] {
            assert!(Host::parse(text).is_ok(), "{text}");
        }
        for text in [
            "", "http://a", "a b", "a/b", "a:80", "[::1", "a..b", ".", "grün.de", "-a", "a\tb",
            "[::1]:80", "a,b",
        ] {
            assert!(Host::parse(text).is_err(), "{text}");
        }
        let bracketed = |text| Host::parse(text).map(|host| host.bracketed());
        assert_eq!(bracketed("::1").as_deref(), Ok("[::1]"));
        assert_eq!(bracketed("127.0.0.1").as_deref(), Ok("127.0.0.1"));
    }

    #[test]
    fn an_address_is_not_looked_up() {
        let target = Target {
            host: Host::Address(Ipv4Addr::LOCALHOST.into()),
            port: 80,
        };
        let found = addresses(&target, Deadline::after(Duration::ZERO));
        assert_eq!(found, Ok(vec![SocketAddr::from(([127, 0, 0, 1], 80))]));
    }

    #[test]
    fn families_take_turns() {
        let address = |text: &str| -> SocketAddr { text.parse().expect("an address") };
        let given = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(address);
        let expected = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(address);
        assert_eq!(in_turns(&given), expected);
    }
}

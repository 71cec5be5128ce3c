//! Where a check goes, and how it gets there.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::resolve::{self, Host};
use super::{Deadline, Failure, Kind, Phase};
use crate::settings::{self, Settings, short};

/// The keys of every kind that goes somewhere.
pub const ROUTE_KEYS: [&str; 6] = [
    "address",
    "addresses",
    "family",
    "hostname",
    "port",
    "source",
];

/// A name or an address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name or address.
    pub host: Host,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host.bracketed(), self.port)
    }
}

/// Which of a name's addresses are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// All.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// From here to there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Who is asked for: the name for `Host`, SNI and the certificate.
    pub name: Host,
    /// Who is connected to.
    pub to: Target,
    /// Which of its addresses are meant.
    pub family: Family,
    /// The near end's address; `None`: the system chooses.
    pub source: Option<IpAddr>,
    /// Every address must pass, not only the first that answers.
    pub all: bool,
}

impl Route {
    /// The straight way.
    #[must_use]
    pub fn to(target: Target) -> Self {
        Self {
            name: target.host.clone(),
            to: target,
            family: Family::Any,
            source: None,
            all: false,
        }
    }

    /// The same way to another target, as a redirect may ask for.
    #[must_use]
    pub fn elsewhere(&self, target: Target) -> Self {
        Self {
            family: self.family,
            source: self.source,
            ..Self::to(target)
        }
    }

    /// The same way to one address of the target.
    #[must_use]
    pub fn by(&self, address: SocketAddr) -> Self {
        // The zone of a link-local address is in no `IpAddr`; the resolver understands it in a name.
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => {
                Host::Name(format!("{}%{}", v6.ip(), v6.scope_id()))
            }
            _ => Host::Address(address.ip()),
        };
        let to = Target {
            host,
            port: address.port(),
        };
        Self {
            to,
            all: false,
            ..self.clone()
        }
    }

    /// The addresses to try, at least one.
    ///
    /// # Errors
    /// [`Phase::Resolve`]: the resolver's words, no answer by the deadline, or no address of the family.
    pub fn addresses(&self, deadline: Deadline) -> Result<Vec<SocketAddr>, Failure> {
        let mut addresses = resolve::addresses(&self.to, deadline)?;
        let family = match self.source {
            Some(IpAddr::V4(_)) => Family::V4,
            Some(IpAddr::V6(_)) => Family::V6,
            None => self.family,
        };
        addresses.retain(|address| family.has(address.ip()));
        if addresses.is_empty() {
            let text = format!("the name has no {} address", family.name());
            return Err(Failure::new(Phase::Resolve, &text));
        }
        Ok(addresses)
    }

    /// Reads the route of a check of this kind. A wrong port is noted, and the route given all the same, so that the
    /// kind's own keys are judged too.
    #[must_use]
    pub fn read(settings: &mut Settings, kind: Option<&Kind>) -> Self {
        let name = settings.or("hostname", Host::default(), Host::parse);
        let address = settings.optional("address", Host::parse);
        let family = settings.or("family", Family::Any, family);
        let source = settings.optional("source", source);
        let host = address.unwrap_or_else(|| name.clone());
        let wrong = match (&host, source) {
            (Host::Address(to), Some(source)) if to.is_ipv4() != source.is_ipv4() => "source",
            (Host::Address(to), _) if !family.has(*to) => "family",
            (_, Some(source)) if !family.has(source) => "family",
            _ => "",
        };
        if !wrong.is_empty() {
            let section = short(settings.section());
            let text = format!("IPv4 and IPv6 do not go together (of check {section})");
            settings.note(wrong, text);
        }
        Self {
            to: Target {
                host,
                port: read_port(settings, kind).unwrap_or(1),
            },
            name,
            family,
            source,
            all: settings.or("addresses", false, any_or_all),
        }
    }
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

fn family(text: &str) -> Result<Family, String> {
    match text.to_ascii_lowercase().as_str() {
        "any" => Ok(Family::Any),
        "ipv4" => Ok(Family::V4),
        "ipv6" => Ok(Family::V6),
        _ => Err("is not a family of addresses (any, ipv4, ipv6)".to_owned()),
    }
}

fn source(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| "is not an IPv4 or IPv6 address of this machine".to_owned())
}

fn any_or_all(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "any" => Ok(false),
        "all" => Ok(true),
        _ => Err("is not which addresses must pass (any, all)".to_owned()),
    }
}

fn read_port(settings: &mut Settings, kind: Option<&Kind>) -> Option<u16> {
    if settings.value("port").is_some() {
        return settings.optional("port", settings::port);
    }
    let kind = kind?;
    if kind.default_port.is_none() {
        let text = format!("missing; type {} must give one (1 to 65535)", kind.name);
        settings.note("port", text);
    }
    kind.default_port
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn route(host: &str) -> Route {
        Route::to(Target {
            host: Host::parse(host).expect("a host"),
            port: 80,
        })
    }

    fn addresses(route: &Route) -> Result<Vec<SocketAddr>, String> {
        let deadline = Deadline::after(Duration::from_secs(5));
        route
            .addresses(deadline)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn only_addresses_of_the_family_are_tried() {
        let v4 = Route {
            family: Family::V4,
            ..route("127.0.0.1")
        };
        assert_eq!(
            addresses(&v4),
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], 80))])
        );
        let v6 = Route {
            family: Family::V6,
            ..v4
        };
        let none = "resolve: the name has no IPv6 address";
        assert_eq!(addresses(&v6), Err(none.to_owned()));
    }

    #[test]
    fn a_source_has_a_family() {
        let from_v6 = Route {
            source: Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
            ..route("127.0.0.1")
        };
        assert!(addresses(&from_v6).is_err());
    }

    #[test]
    fn one_address_of_a_route_keeps_the_name() {
        let all = Route {
            all: true,
            ..route("example.net")
        };
        let by = all.by(SocketAddr::from(([10, 0, 0, 1], 80)));
        assert_eq!((by.to.to_string().as_str(), by.all), ("10.0.0.1:80", false));
        assert_eq!(by.name, all.name);
    }
}

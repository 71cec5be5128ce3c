//! Where a check goes, and how it gets there: `address`, `family`, `source`, `addresses`.

use std::net::{IpAddr, ToSocketAddrs};

use super::{assert_down, assert_up};
use crate::support::config::Config;
use crate::support::heartbeat::Heartbeat;
use crate::support::names::Names;
use crate::support::peer::{OK, Peer};
use crate::support::port::Port;
use crate::support::workdir::Workdir;

tests![
    another_address_and_the_same_name,
    an_address_where_nobody_listens,
    only_one_family,
    from_an_address_of_this_machine,
    what_does_not_go_together,
    all_of_what_localhost_is,
    #[root]
    every_address_must_pass,
    #[root]
    a_dead_one_is_named,
    #[root]
    the_last_of_twenty_is_asked_too,
];

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn node() -> Config {
    Config::new().action("node")
}

fn another_address_and_the_same_name() {
    let peer = Peer::healthy();
    let config = node().check("web", "http", peer.at("unknown.invalid"), "node");
    let dir = Workdir::with(&config.key("address", "127.0.0.1"));
    assert_up(&dir, dir.heartbeat().once(), &["web"]);
    let request = peer.requests().remove(0).to_lowercase();
    let host = format!("host: {}", peer.at("unknown.invalid"));
    assert!(request.contains(&host), "{request}");
    assert!(dir.log().check("web").endpoint.ends_with(" at 127.0.0.1"));
}

fn an_address_where_nobody_listens() {
    let peer = Peer::silent();
    let config = node().check("web", "tcp", peer.addr(), "node");
    let dir = Workdir::with(&config.key("address", "127.0.0.9"));
    assert_down(
        &dir,
        dir.heartbeat().once(),
        &[("web", "connect", "refused")],
    );
}

fn only_one_family() {
    let peer = Peer::silent();
    let config = node()
        .check("any", "tcp", peer.addr(), "node")
        .check("four", "tcp", peer.addr(), "node")
        .key("family", "IPv4");
    let dir = Workdir::with(&config);
    assert_up(&dir, dir.heartbeat().once(), &["any", "four"]);
    let config = node()
        .check("six", "tcp", peer.at("localhost"), "node")
        .key("family", "ipv6");
    let dir = Workdir::with(&config);
    // Whether localhost has an IPv6 address is the machine's affair; the peer has none.
    let expected = if localhost().iter().any(IpAddr::is_ipv6) {
        ("six", "connect", "connection refused")
    } else {
        ("six", "resolve", "the name has no ipv6 address")
    };
    assert_down(&dir, dir.heartbeat().once(), &[expected]);
}

/// What this machine takes it for.
fn localhost() -> Vec<IpAddr> {
    let all = ("localhost", 1).to_socket_addrs();
    let all = all.expect("localhost is known everywhere");
    all.map(|address| address.ip()).collect()
}

fn from_an_address_of_this_machine() {
    let peer = Peer::serve(|mut conn| {
        conn.request()?;
        conn.send(OK)
    });
    let config = node().check("own", "http", peer.addr(), "node");
    let dir = Workdir::with(&config.key("source", "127.0.0.7"));
    assert_up(&dir, dir.heartbeat().once(), &["own"]);
    let config = node().check("foreign", "http", peer.addr(), "node");
    let dir = Workdir::with(&config.key("source", "192.0.2.1"));
    let words = "source 192.0.2.1: ";
    assert_down(
        &dir,
        dir.heartbeat().once(),
        &[("foreign", "connect", words)],
    );
}

fn what_does_not_go_together() {
    for (key, value, words) in [
        ("source", "::1", "source: IPv4 and IPv6 do not go together"),
        ("family", "ipv6", "family: IPv4 and IPv6 do not go together"),
        ("family", "ipx", "is not a family"),
        ("source", "eth0", "is not an IPv4 or IPv6 address"),
        ("addresses", "some", "any, all"),
        ("address", "http://a", "without a scheme"),
    ] {
        let config = node().check("web", "tcp", "127.0.0.1:1", "node");
        let dir = Workdir::with(&config.key(key, value));
        let run = dir.heartbeat().test_config().expect(2);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

/// A peer on 127.0.0.1 alone.
fn all_of_what_localhost_is() {
    let peer = Peer::healthy();
    let asking = |endpoint: String, addresses: &str| {
        let config = node().check("web", "http", endpoint, "node");
        let dir = Workdir::with(&config.key("addresses", addresses));
        let run = dir.heartbeat().once();
        (dir, run)
    };
    for (name, addresses) in [("localhost", "any"), ("127.0.0.1", "all")] {
        let (dir, run) = asking(peer.at(name), addresses);
        assert_up(&dir, run, &["web"]);
    }
    let (dir, run) = asking(Peer::down().at("127.0.0.1"), "all");
    assert_down(&dir, run, &[("web", "connect", "refused")]);
    let (dir, run) = asking(peer.at("localhost"), "all");
    if localhost().iter().any(IpAddr::is_ipv6) {
        assert_down(&dir, run, &[("web", "connect", "refused (::1)")]);
    } else {
        assert_up(&dir, run, &["web"]);
    }
}

/// A name with two addresses, and a peer on the first alone, or on both (127.0.0.1 listens for one of them only).
fn asked_of_all(names: &Names, endpoint: &str) -> (Workdir, Option<i32>) {
    let config = node().check("web", "http", endpoint, "node");
    let dir = Workdir::with(&config.key("addresses", "all"));
    let run = Heartbeat::knowing(&dir, names).once();
    let code = run.code();
    (dir, code)
}

fn every_address_must_pass() {
    let peer = Peer::healthy();
    let names = Names::new().host("both.test", &[ip("127.0.0.1")]);
    let (dir, code) = asked_of_all(&names, &peer.at("both.test"));
    assert_eq!(code, Some(0), "{:#?}", dir.log().lines);
    assert_eq!(peer.arrivals().len(), 1);
}

fn a_dead_one_is_named() {
    let peer = Peer::healthy();
    let names = Names::new().host("both.test", &[ip("127.0.0.1"), ip("127.0.0.9")]);
    let (dir, code) = asked_of_all(&names, &peer.at("both.test"));
    assert_eq!(code, Some(1), "{:#?}", dir.log().lines);
    let check = dir.log().check("web");
    assert_eq!(check.phase, "connect");
    assert!(check.reason.contains("(127.0.0.9)"), "{check:#?}");
}

fn the_last_of_twenty_is_asked_too() {
    let peer = Peer::serve_on(Port::reserve(ip("0.0.0.0")), None, |mut conn| {
        conn.request()?;
        conn.send(OK)
    });
    let all: Vec<IpAddr> = (1..20).map(|last| ip(&format!("127.0.1.{last}"))).collect();
    let names = Names::new().host("many.test", &[&all[..], &[ip("::1")]].concat());
    let (dir, code) = asked_of_all(&names, &peer.at("many.test"));
    assert_eq!(code, Some(1), "{:#?}", dir.log().lines);
    assert!(dir.log().check("web").reason.contains("(::1)"));
}

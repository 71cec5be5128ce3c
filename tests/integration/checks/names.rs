//! Names with dead addresses, names that nobody knows, a name server that never answers.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::{assert_down, assert_up};
use crate::support::authority::Authority;
use crate::support::config::Config;
use crate::support::conn::Conn;
use crate::support::heartbeat::Heartbeat;
use crate::support::names::{Names, SilentNameServer};
use crate::support::peer::{OK, Peer, Swallower};
use crate::support::port::Port;
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![
    a_name_that_does_not_exist,
    #[root]
    one_dead_address_beside_a_live_one,
    #[root]
    many_dead_addresses_before_a_live_one,
    #[root]
    only_dead_addresses,
    #[root]
    a_name_that_nobody_knows,
    #[root]
    a_name_server_that_never_answers,
];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The same port on all these addresses: a check has one port for all addresses of its name.
fn same_port(ips: &[IpAddr]) -> Vec<Port> {
    let attempt = |_| {
        let first = Port::reserve(ips[0]);
        let number = first.addr().port();
        let others = ips[1..].iter();
        let others = others.map(|ip| Port::reserve_at(SocketAddr::new(*ip, number)).ok());
        std::iter::once(Some(first)).chain(others).collect()
    };
    (0..50)
        .find_map(attempt)
        .expect("one port on all addresses")
}

fn answer_ok(mut conn: Conn) -> io::Result<()> {
    conn.request()?;
    conn.send(OK)
}

/// Whatever the machine's name service makes of it, it has to be made in time.
fn a_name_that_does_not_exist() {
    let mut config = Config::new().action("node");
    for kind in ["tcp", "http", "https"] {
        config = config
            .check(kind, kind, "unknown.invalid:80", "node")
            .key("timeout", 1);
    }
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_down(
        &dir,
        run,
        &[
            ("tcp", "resolve", ""),
            ("http", "resolve", ""),
            ("https", "resolve", ""),
        ],
    );
    for kind in ["tcp", "http", "https"] {
        let check = dir.log().check(kind);
        assert!(check.took <= 1.2 && !check.reason.is_empty(), "{check:#?}");
    }
}

fn one_dead_address_beside_a_live_one() {
    let pairs = [
        ("127.0.0.2", "127.0.0.3"),
        ("127.0.0.3", "127.0.0.2"),
        ("::1", "127.0.0.1"),
        ("127.0.0.1", "::1"),
    ];
    let authority = Authority::new();
    let mut names = Names::new();
    let mut config = Config::new().action("node");
    let (mut refusing, mut swallowing, mut answers, mut checks) = (vec![], vec![], vec![], vec![]);
    for (number, (dead, live)) in pairs.into_iter().enumerate() {
        for (how, kind) in [
            ("refuses", "tcp"),
            ("refuses", "http"),
            ("refuses", "https"),
            ("swallows", "tcp"),
            ("swallows", "http"),
            ("swallows", "https"),
        ] {
            let ips = [ip(dead), ip(live)];
            let [dead, live] = same_port(&ips).try_into().ok().unwrap();
            let name = format!("{kind}-{how}-{number}");
            let endpoint = format!("{name}:{}", live.addr().port());
            names = names.host(&name, &ips);
            config = config
                .check(&name, kind, endpoint, "node")
                .key("timeout", 1);
            let certificate = authority.certificate_for(&[&name]);
            let tls = (kind == "https").then(|| TlsServer::new(certificate));
            answers.push(Peer::serve_on(live, tls, answer_ok));
            match how {
                "refuses" => refusing.push(dead),
                _ => swallowing.push(Swallower::on(dead)),
            }
            checks.push(name);
        }
    }
    let dir = Workdir::with(&config);
    let run = Heartbeat::knowing(&dir, &names).trusting(&authority).once();
    let checks: Vec<&str> = checks.iter().map(String::as_str).collect();
    assert_up(&dir, run, &checks);
}

fn many_dead_addresses_before_a_live_one() {
    let ips: Vec<IpAddr> = (2..12).map(|last| ip(&format!("127.0.0.{last}"))).collect();
    let mut ports = same_port(&ips);
    // In the middle, so that it is neither the first nor the last to be tried, in whatever order.
    let peer = Peer::serve_on(ports.remove(5), None, answer_ok);
    let _dead: Vec<Swallower> = ports.into_iter().map(Swallower::on).collect();
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.at("many"), "node")
        .key("timeout", 1);
    let dir = Workdir::with(&config);
    let names = Names::new().host("many", &ips);
    let run = Heartbeat::knowing(&dir, &names).once();
    assert_up(&dir, run, &["web"]);
}

fn only_dead_addresses() {
    let ips = [ip("::1"), ip("127.0.0.1")];
    let [refusing, swallowing] = same_port(&ips).try_into().ok().unwrap();
    let number = refusing.addr().port();
    let swallower = Swallower::on(swallowing);
    let config = Config::new()
        .action("node")
        .check("db", "tcp", format!("dead:{number}"), "node")
        .key("timeout", 1);
    let dir = Workdir::with(&config);
    let names = Names::new().host("dead", &ips);
    let run = Heartbeat::knowing(&dir, &names).once();
    assert_down(&dir, run, &[("db", "connect", "refused")]);
    let check = dir.log().check("db");
    assert!(
        check.reason.contains("within 1s"),
        "one reason is missing: {check:#?}"
    );
    assert!(check.took <= 1.2, "{check:#?}");
    drop(swallower);
}

fn a_name_that_nobody_knows() {
    let config = Config::new()
        .action("node")
        .check("db", "tcp", "unknown.example:80", "node");
    let dir = Workdir::with(&config);
    let run = Heartbeat::knowing(&dir, &Names::new()).once();
    assert_down(&dir, run, &[("db", "resolve", "not known")]);
}

fn a_name_server_that_never_answers() {
    let server = SilentNameServer::new();
    let names = Names::new().server(&server);
    let peer = Peer::silent();
    let mut config = Config::new()
        .general("interval", "0.3")
        .action("node")
        .check("live", "tcp", peer.at("localhost"), "node");
    for kind in ["tcp", "http", "https"] {
        config = config
            .check(kind, kind, "asked.example:80", "node")
            .key("timeout", "0.2");
    }
    let dir = Workdir::with(&config);
    let heartbeat = Heartbeat::knowing(&dir, &names).start();
    dir.wait_for_log("Round 5 complete");
    heartbeat.stop().expect(0);
    for check in ["tcp", "http", "https"]
        .iter()
        .flat_map(|kind| dir.log().checks(kind))
    {
        assert_eq!(
            (check.status.as_str(), check.phase.as_str()),
            ("Unhealthy", "resolve")
        );
        assert!(check.took <= 0.4, "{check:#?}");
    }
    assert_eq!(dir.log().check("live").status, "Healthy");
    // One look-up asks for IPv4 and IPv6.
    let questions = server.questions();
    assert!(
        (1..=2).contains(&questions),
        "{questions} questions in five rounds"
    );
}

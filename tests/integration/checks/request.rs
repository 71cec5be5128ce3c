//! What an HTTP check asks for, and by which way.

use std::collections::BTreeSet;

use super::assert_up;
use crate::support::authority::Authority;
use crate::support::config::Config;
use crate::support::peer::{OK, Peer};
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![
    path_host_and_user_agent,
    a_path_beyond_ascii_is_encoded,
    every_check_has_a_connection_of_its_own,
    proxies_in_the_environment_are_not_asked,
];

fn path_host_and_user_agent() {
    let peer = Peer::healthy();
    let config = Config::new()
        .action("node")
        .check("web", "HTTP", peer.at("localhost"), "node")
        .key("path", "/app/login?user=a&b=%20c");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
    let request = peer.requests().pop().unwrap();
    let mut lines = request.lines();
    let first = lines.next();
    assert_eq!(first, Some("GET /app/login?user=a&b=%20c HTTP/1.1"));
    let headers: BTreeSet<String> = lines.map(str::to_lowercase).collect();
    let version = env!("CARGO_PKG_VERSION");
    for header in [
        format!("host: {}", peer.at("localhost")),
        format!("user-agent: heartbeat/{version}"),
    ] {
        assert!(headers.contains(&header), "no {header:?} in {headers:?}");
    }
}

fn a_path_beyond_ascii_is_encoded() {
    let peer = Peer::healthy();
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("path", "/gr\u{fc}n");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
    let request = peer.requests().pop().unwrap();
    assert!(
        request.starts_with("GET /gr%C3%BCn HTTP/1.1\r\n"),
        "{request}"
    );
}

fn every_check_has_a_connection_of_its_own() {
    let peer = Peer::healthy();
    let config = Config::new()
        .general("interval", "0.1")
        .action("node")
        .check("web", "http", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Round 3 complete");
    heartbeat.stop().expect(0);
    let connections = peer.arrivals().len();
    assert!(
        connections >= 3,
        "{connections} connections in three rounds"
    );
    let checks = dir.log().checks("web");
    assert!(
        checks.iter().all(|check| check.status == "Healthy"),
        "{checks:#?}"
    );
}

fn proxies_in_the_environment_are_not_asked() {
    let proxy = Peer::healthy();
    let peer = Peer::healthy();
    let authority = Authority::new();
    let secure = Peer::tls(TlsServer::new(authority.certificate()), |mut conn| {
        conn.request()?;
        conn.send(OK)
    });
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.at("localhost"), "node")
        .check("secure", "https", secure.at("localhost"), "node")
        .check("db", "tcp", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let mut heartbeat = dir
        .heartbeat()
        .trusting(&authority)
        .env("no_proxy", "")
        .env("NO_PROXY", "");
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        let url = format!("http://{}", proxy.addr());
        heartbeat = heartbeat.env(name, &url).env(&name.to_uppercase(), &url);
    }
    let run = heartbeat.once();
    assert_up(&dir, run, &["web", "secure", "db"]);
    assert_eq!(proxy.arrivals().len(), 0, "the proxy was used");
    let request = peer.requests().pop().unwrap();
    assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
}

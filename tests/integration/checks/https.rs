//! Checks inside TLS that are up, and the certificate that is judged anew each time.

use std::io;
use std::net::{IpAddr, Ipv6Addr};

use rustls::version::{TLS12, TLS13};

use super::assert_up;
use crate::support::authority::Authority;
use crate::support::config::Config;
use crate::support::conn::Conn;
use crate::support::peer::{OK, Peer};
use crate::support::port::Port;
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![
    a_certificate_of_a_trusted_authority,
    an_intermediate_authority,
    an_authority_in_a_folder_of_authorities,
    an_ipv6_literal,
    a_redirect_to_https,
    every_check_is_a_full_handshake,
    a_certificate_replaced_by_an_expired_one,
];

fn answer_ok(mut conn: Conn) -> io::Result<()> {
    conn.request()?;
    conn.send(OK)?;
    conn.hold()
}

fn a_certificate_of_a_trusted_authority() {
    let authority = Authority::new();
    let speaking = |version| TlsServer::speaking(authority.certificate(), version);
    let newest = Peer::tls(speaking(&TLS13), answer_ok);
    let older = Peer::tls(speaking(&TLS12), answer_ok);
    let until_end = Peer::tls(TlsServer::new(authority.certificate()), |mut conn| {
        conn.request()?;
        conn.send("HTTP/1.0 200 OK\r\n\r\nok")?;
        conn.finish();
        Ok(())
    });
    let config = Config::new()
        .action("node")
        .check("tls-1.3", "https", newest.at("localhost"), "node")
        .check("tls-1.2", "https", older.at("localhost"), "node")
        .check("by-address", "HTTPS", newest.addr(), "node")
        .check("until-end", "https", until_end.at("localhost"), "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(
        &dir,
        run,
        &["tls-1.3", "tls-1.2", "by-address", "until-end"],
    );
    let request = newest.requests().pop().unwrap();
    assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
}

fn an_intermediate_authority() {
    let authority = Authority::new();
    let peer = Peer::tls(
        TlsServer::new(authority.certificate_by_intermediate()),
        answer_ok,
    );
    let config = Config::new()
        .action("node")
        .check("web", "https", peer.at("localhost"), "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(&dir, run, &["web"]);
}

fn an_authority_in_a_folder_of_authorities() {
    let authority = Authority::new();
    let peer = Peer::tls(TlsServer::new(authority.certificate()), answer_ok);
    let config = Config::new()
        .action("node")
        .check("web", "https", peer.at("localhost"), "node");
    let dir = Workdir::with(&config);
    let folder = dir.file("authorities");
    std::fs::create_dir(&folder).unwrap();
    // The form of names that `openssl rehash` gives.
    std::fs::copy(authority.file(), folder.join("0123abcd.0")).unwrap();
    let run = dir.heartbeat().env("SSL_CERT_DIR", &folder).once();
    assert_up(&dir, run, &["web"]);
}

fn an_ipv6_literal() {
    let authority = Authority::new();
    let port = Port::reserve(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let tls = TlsServer::new(authority.certificate());
    let peer = Peer::serve_on(port, Some(tls), answer_ok);
    let config = Config::new()
        .action("node")
        .check("web", "https", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(&dir, run, &["web"]);
    let request = peer.requests().pop().unwrap().to_lowercase();
    let host = format!("\r\nhost: {}\r\n", peer.addr());
    assert!(request.contains(&host), "no {host:?} in {request:?}");
}

fn a_redirect_to_https() {
    let authority = Authority::new();
    let secure = Peer::tls(TlsServer::new(authority.certificate()), answer_ok);
    let location = format!("https://{}/login", secure.at("localhost"));
    let plain = Peer::serve(move |mut conn| {
        conn.request()?;
        conn.send(format!(
            "HTTP/1.1 301 Moved Permanently\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        ))
    });
    let config = Config::new()
        .action("node")
        .check("web", "http", plain.at("localhost"), "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(&dir, run, &["web"]);
    let request = secure.requests().pop().unwrap();
    assert!(request.starts_with("GET /login HTTP/1.1\r\n"), "{request}");
}

fn every_check_is_a_full_handshake() {
    let authority = Authority::new();
    let tls = TlsServer::new(authority.certificate());
    let handshakes = tls.full_handshakes();
    let peer = Peer::tls(tls, answer_ok);
    let config = Config::new()
        .general("interval", "0.1")
        .action("node")
        .check("web", "https", peer.at("localhost"), "node");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().trusting(&authority).start();
    dir.wait_for_log("Round 3 complete");
    heartbeat.stop().expect(0);
    let (handshakes, checks) = (handshakes(), dir.log().checks("web").len());
    assert!(
        handshakes >= checks,
        "{handshakes} full handshakes for {checks} checks"
    );
}

fn a_certificate_replaced_by_an_expired_one() {
    let authority = Authority::new();
    let tls = TlsServer::changing(vec![
        authority.certificate(),
        authority.certificate(),
        authority.expired(),
    ]);
    let peer = Peer::tls(tls, answer_ok);
    let config = Config::new()
        .general("interval", "0.2")
        .action("node")
        .check("web", "https", peer.at("localhost"), "node");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().trusting(&authority).start();
    dir.wait_for_log("Round 3 complete");
    heartbeat.stop().expect(0);
    let checks = dir.log().checks("web");
    let verdicts: Vec<&str> = checks.iter().map(|check| check.status.as_str()).collect();
    assert_eq!(verdicts[..3], ["Healthy", "Healthy", "Unhealthy"]);
    assert_eq!(checks[2].phase, "tls");
    assert!(checks[2].reason.contains("expired"), "{checks:#?}");
    assert_eq!(dir.words(), ["+node", "-node"]);
}

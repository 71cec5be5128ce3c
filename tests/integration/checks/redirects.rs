//! What a redirect makes of a request (RFC 9110, 15.4), and what of it another origin is not told.

use super::{assert_down, assert_up};
use crate::support::authority::Authority;
use crate::support::config::Config;
use crate::support::peer::{LOCALHOST, OK, Peer};
use crate::support::port::Port;
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![
    a_port_that_is_none_is_not_the_usual_one,
    method_and_body_after_a_redirect,
    a_redirect_within_the_origin_keeps_everything,
    the_name_that_a_redirect_gives_us_is_not_used,
    another_origin_is_told_no_secret,
    a_redirect_to_https_is_another_origin,
];

/// Sends the first path elsewhere, and answers 200 there with what it has been asked in a header.
fn sending(code: u16, location: String) -> Peer {
    Peer::serve(move |mut conn| {
        let head = conn.request()?;
        let body = conn.body(&head)?;
        if head.split(' ').nth(1) == Some("/") {
            return conn.send(format!(
                "HTTP/1.1 {code} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            ));
        }
        let method = head.split(' ').next().unwrap();
        conn.send(format!(
            "HTTP/1.1 200 OK\r\nX-Asked: {method} [{body}]\r\nContent-Length: 0\r\n\r\n"
        ))
    })
}

/// It would be a question to somebody else.
fn a_port_that_is_none_is_not_the_usual_one() {
    for port in ["65536", "99999"] {
        let peer = sending(302, format!("http://127.0.0.9:{port}/"));
        let config = Config::new().action("node");
        let dir = Workdir::with(&config.check("web", "http", peer.addr(), "node"));
        let run = dir.heartbeat().once();
        assert_down(&dir, run, &[("web", "status", "no port")]);
    }
}

/// Its colon is no port's, and the origin is the same.
fn the_name_that_a_redirect_gives_us_is_not_used() {
    let port = Port::reserve(LOCALHOST);
    let location = format!("http://x:y@{}/then", port.addr());
    let peer = Peer::serve_on(port, None, move |mut conn| {
        let head = conn.request()?;
        if head.split(' ').nth(1) == Some("/then") {
            return conn.send(OK);
        }
        conn.send(format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        ))
    });
    let config = Config::new().action("node");
    let config = config.check("web", "http", peer.addr(), "node");
    let dir = Workdir::with(&config.key("header", "X-Key: k"));
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
    let asked = peer.requests().pop().unwrap().to_lowercase();
    assert!(asked.starts_with("get /then "), "{asked}");
    assert!(asked.contains("\r\nx-key: k\r\n"), "{asked}");
    assert!(!asked.contains("authorization"), "{asked}");
}

fn method_and_body_after_a_redirect() {
    for (method, code, then) in [
        ("POST", 301, "GET []"),
        ("POST", 302, "GET []"),
        ("POST", 303, "GET []"),
        ("POST", 307, "POST [b]"),
        ("POST", 308, "POST [b]"),
        ("PUT", 301, "PUT [b]"),
        ("PUT", 303, "GET []"),
        ("PUT", 308, "PUT [b]"),
        ("GET", 303, "GET []"),
        ("GET", 307, "GET [b]"),
    ] {
        let peer = sending(code, "/then".to_owned());
        let config = Config::new()
            .action("node")
            .check("web", "http", peer.addr(), "node")
            .key("method", method)
            .key("body", "b")
            .key("header", "Content-Type: text/plain\n  X-Key: k")
            .key(
                "expect_header",
                format!("X-Asked: ^{}$", then.replace('[', "\\[")),
            );
        let dir = Workdir::with(&config);
        let run = dir.heartbeat().once();
        assert_up(&dir, run, &["web"]);
        let last = peer.requests().pop().unwrap().to_lowercase();
        let is_emptied = then.ends_with("[]");
        assert_eq!(!last.contains("\r\ncontent-"), is_emptied, "{code}: {last}");
        assert!(last.contains("\r\nx-key: k\r\n"), "{last}");
    }
    let peer = sending(303, "/then".to_owned());
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("method", "HEAD");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
    assert!(peer.requests()[1].starts_with("HEAD /then "));
}

const SECRETS: &str = "Authorization: Bearer s3cret-token\n  Cookie: session=s3cret-cookie\n  X-Api-Key: s3cret-key\n  Host: s3cret.host\n  User-Agent: probe/1\n  Accept-Language: de";

fn a_redirect_within_the_origin_keeps_everything() {
    let peer = sending(302, "/then".to_owned());
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("header", SECRETS);
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
    let last = peer.requests().pop().unwrap();
    assert_eq!(last.matches("s3cret").count(), 4, "{last}");
}

/// Another port of the same host is another origin, and so is another name of it.
fn another_origin_is_told_no_secret() {
    let elsewhere = Peer::healthy();
    let by_name = Peer::healthy();
    let there = format!("http://{}/then", elsewhere.addr());
    let named = format!("//{}/then", by_name.at("localhost"));
    let (peer, peer_by_name) = (sending(307, there), sending(308, named));
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("header", SECRETS)
        .check("named", "http", peer_by_name.addr(), "node")
        .key("header", SECRETS);
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web", "named"]);
    for (asked, host) in [
        (&elsewhere, elsewhere.addr().to_string()),
        (&by_name, by_name.at("localhost")),
    ] {
        let told = asked.requests().pop().unwrap();
        assert!(!told.contains("s3cret"), "{told}");
        assert!(told.contains(&format!("\r\nhost: {host}\r\n")), "{told}");
        assert!(told.contains("\r\nuser-agent: probe/1\r\n"), "{told}");
        assert!(told.contains("\r\naccept-language: de\r\n"), "{told}");
    }
}

fn a_redirect_to_https_is_another_origin() {
    let authority = Authority::new();
    let secure = Peer::tls(TlsServer::new(authority.certificate()), |mut conn| {
        conn.request()?;
        conn.send(OK)
    });
    let peer = sending(301, format!("https://{}/then", secure.at("localhost")));
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.at("localhost"), "node")
        .key("header", SECRETS);
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(&dir, run, &["web"]);
    let told = secure.requests().pop().unwrap();
    assert!(!told.contains("s3cret"), "{told}");
}

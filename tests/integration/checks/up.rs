//! What counts as up.

use std::net::{IpAddr, Ipv6Addr};

use super::assert_up;
use crate::support::config::Config;
use crate::support::conn::Conn;
use crate::support::peer::{OK, Peer};
use crate::support::port::Port;
use crate::support::workdir::Workdir;

tests![
    tcp_that_accepts_and_says_nothing,
    tcp_that_resets_what_it_has_accepted,
    every_sort_of_200,
    a_200_at_the_end_of_redirects,
    a_redirect_to_another_query_of_the_same_path,
    as_many_redirects_as_are_followed,
    a_body_without_end,
    a_body_that_stalls_after_the_first_mebibyte,
    tcp_and_http_on_an_ipv6_literal,
    a_name_that_stands_for_ipv4_or_ipv6,
];

/// What a server may send with a 200, and a check must take. All end with the connection.
const ANSWERS: [(&str, &str); 13] = [
    ("length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ("no-body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    (
        "chunked",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ),
    (
        "chunked-with-trimmings",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nTrailer: t\r\n\r\n",
    ),
    ("until-end", "HTTP/1.0 200 OK\r\n\r\nok"),
    (
        "until-end-1.1",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
    ),
    ("empty-until-end", "HTTP/1.0 200 OK\r\n\r\n"),
    ("no-reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
    (
        "blank-reason",
        "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "early-hints",
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "more-hints",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "odd-case",
        "HTTP/1.1 200 Fine\r\ncOnTeNt-LeNgTh:2\r\n\r\nok",
    ),
    (
        "cookies-and-more",
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nX-Latin: gr\u{fc}n\r\nContent-Length: 2\r\n\r\nok",
    ),
];

fn tcp_that_accepts_and_says_nothing() {
    let peer = Peer::silent();
    let config = Config::new()
        .action("node")
        .check("db", "tcp", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["db"]);
    assert_eq!(dir.log().check("db").endpoint, peer.addr().to_string());
    assert_eq!(dir.log().check("db").kind, "tcp");
}

/// A connection that was established counts, whenever its reset arrives: a matter of luck, so there are many.
fn tcp_that_resets_what_it_has_accepted() {
    let peer = Peer::serve(Conn::reset);
    let mut config = Config::new().general("interval", "0.1").action("node");
    for number in 0..60 {
        config = config.check(&format!("db{number}"), "tcp", peer.addr(), "node");
    }
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Round 10 complete");
    heartbeat.stop().expect(0);
    assert_eq!(dir.log().messages("ERROR"), Vec::<&str>::new());
    assert_eq!(dir.words(), ["+node"]);
}

fn every_sort_of_200() {
    let mut config = Config::new().action("node");
    let mut peers = Vec::new();
    for (name, answer) in ANSWERS {
        let peer = Peer::serve(move |mut conn| {
            conn.request()?;
            conn.send(answer)
        });
        config = config.check(name, "http", peer.addr(), "node");
        peers.push(peer);
    }
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &ANSWERS.map(|(name, _)| name));
}

fn a_200_at_the_end_of_redirects() {
    let elsewhere = Peer::healthy();
    let forms = [
        ("absolute-path", "/ok".to_owned()),
        ("relative-path", "ok".to_owned()),
        ("up-one-level", "../ok".to_owned()),
        ("fragment", "/ok#part".to_owned()),
        ("other-server", format!("http://{}/ok", elsewhere.addr())),
        ("scheme-relative", format!("//{}/ok", elsewhere.addr())),
    ];
    let mut config = Config::new().action("node");
    let mut peers = Vec::new();
    for (name, location) in &forms {
        let peer = redirecting_to(location.clone());
        config = config
            .check(name, "http", peer.addr(), "node")
            .key("path", "/app/login");
        peers.push(peer);
    }
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &forms.each_ref().map(|(name, _)| *name));
    assert_eq!(elsewhere.requests().len(), 2);
    for (peer, asked) in peers.iter().zip(["/ok", "/app/ok", "/ok", "/ok"]) {
        let last = peer.requests().pop().unwrap();
        assert!(
            last.starts_with(&format!("GET {asked} HTTP/1.1\r\n")),
            "{last}"
        );
    }
}

/// RFC 3986, 5.2.2: a reference that is a query alone keeps the whole path.
fn a_redirect_to_another_query_of_the_same_path() {
    let peer = redirecting_to("?ok".to_owned());
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("path", "/app/login");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
    let last = peer.requests().pop().unwrap();
    assert!(last.starts_with("GET /app/login?ok HTTP/1.1\r\n"), "{last}");
}

/// Answers 200 to whatever holds `ok`, a redirect to everything else.
fn redirecting_to(location: String) -> Peer {
    Peer::serve(move |mut conn| {
        let request = conn.request()?;
        if request
            .lines()
            .next()
            .is_some_and(|line| line.contains("ok"))
        {
            return conn.send(OK);
        }
        conn.send(format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 4\r\n\r\nmove"
        ))
    })
}

fn as_many_redirects_as_are_followed() {
    let codes = [301, 302, 303, 307, 308, 301, 302, 303, 307, 308];
    let peer = Peer::serve(move |mut conn| {
        let request = conn.request()?;
        let step: usize = request[5..].split(' ').next().unwrap().parse().unwrap();
        match codes.get(step) {
            Some(code) => conn.send(format!(
                "HTTP/1.1 {code} Go\r\nLocation: /{}\r\nContent-Length: 0\r\n\r\n",
                step + 1
            )),
            None => conn.send(OK),
        }
    });
    let config = Config::new().action("node");
    let config = config
        .check("web", "http", peer.addr(), "node")
        .key("path", "/0");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
    assert_eq!(peer.requests().len(), 11, "ten redirects and the answer");
}

fn a_body_without_end() {
    let filler = "x".repeat(8192);
    let until_end = filler.clone();
    let lengthless = Peer::serve(move |mut conn| {
        conn.request()?;
        conn.send("HTTP/1.1 200 OK\r\n\r\n")?;
        conn.repeat(&until_end)
    });
    let chunked = Peer::serve(move |mut conn| {
        conn.request()?;
        conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        conn.repeat(format!("2000\r\n{filler}\r\n"))
    });
    let config = Config::new()
        .action("node")
        .check("lengthless", "http", lengthless.addr(), "node")
        .check("chunked", "http", chunked.addr(), "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["lengthless", "chunked"]);
}

fn a_body_that_stalls_after_the_first_mebibyte() {
    let peer = Peer::serve(move |mut conn| {
        conn.request()?;
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n")?;
        conn.send(vec![b'x'; 1024 * 1024])?;
        conn.hold()
    });
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
}

fn tcp_and_http_on_an_ipv6_literal() {
    let port = Port::reserve(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let peer = Peer::serve_on(port, None, |mut conn| {
        conn.request()?;
        conn.send(OK)
    });
    let config = Config::new()
        .action("node")
        .check("db", "tcp", peer.addr(), "node")
        .check("web", "http", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["db", "web"]);
    assert_eq!(dir.log().check("web").endpoint, peer.addr().to_string());
    let request = peer.requests().pop().unwrap().to_lowercase();
    let host = format!("\r\nhost: {}\r\n", peer.addr());
    assert!(request.contains(&host), "no {host:?} in {request:?}");
}

fn a_name_that_stands_for_ipv4_or_ipv6() {
    let four = Peer::healthy();
    let config = Config::new()
        .action("node")
        .check("db", "tcp", four.at("localhost"), "node")
        .check("web", "http", four.at("localhost"), "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["db", "web"]);
    assert_eq!(dir.log().check("web").endpoint, four.at("localhost"));
}

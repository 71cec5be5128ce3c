//! What an HTTP check sends when it is told what to send.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{assert_down, assert_up};
use crate::support::config::Config;
use crate::support::peer::{OK, Peer};
use crate::support::workdir::Workdir;

tests![
    methods,
    headers,
    a_header_that_the_peer_wants,
    a_body_and_its_length,
    a_method_that_the_peer_refuses,
    a_body_that_nobody_takes,
];

/// A peer that answers 200, and the bodies that it has been sent.
fn listening() -> (Peer, Arc<Mutex<Vec<String>>>) {
    let bodies = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&bodies);
    let peer = Peer::serve(move |mut conn| {
        let request = conn.request()?;
        heard.lock().unwrap().push(conn.body(&request)?);
        conn.send(OK)
    });
    (peer, bodies)
}

fn header<'a>(request: &'a str, name: &str) -> Vec<&'a str> {
    let lines = request.lines().filter_map(|line| line.split_once(": "));
    let lines = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    lines.map(|(_, value)| value).collect()
}

fn methods() {
    for (method, sent, length) in [
        ("GET", "GET", None),
        ("head", "HEAD", None),
        ("Post", "POST", Some("0")),
        ("PUT", "PUT", Some("0")),
        ("PATCH", "PATCH", Some("0")),
        ("DELETE", "DELETE", None),
        ("OPTIONS", "OPTIONS", None),
    ] {
        let peer = Peer::healthy();
        let config = Config::new()
            .action("node")
            .check("web", "http", peer.addr(), "node")
            .key("method", method);
        let dir = Workdir::with(&config);
        let run = dir.heartbeat().once();
        assert_up(&dir, run, &["web"]);
        let request = peer.requests().pop().unwrap();
        assert!(
            request.starts_with(&format!("{sent} / HTTP/1.1\r\n")),
            "{request}"
        );
        let lengths = header(&request, "content-length");
        assert_eq!(lengths, length.into_iter().collect::<Vec<_>>(), "{request}");
        assert!(header(&request, "transfer-encoding").is_empty());
    }
}

fn headers() {
    let peer = Peer::healthy();
    let long = "l".repeat(3000);
    let lines = format!(
        "Host: example.net:81\n  User-Agent:probe/1\n  X-Empty:\n  X-Long: {long}\n\n  Accept: text/html; q=0.5"
    );
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("header", lines);
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
    let request = peer.requests().pop().unwrap();
    for (name, value) in [
        ("host", "example.net:81"),
        ("user-agent", "probe/1"),
        ("x-empty", ""),
        ("x-long", &long),
        ("accept", "text/html; q=0.5"),
    ] {
        assert_eq!(header(&request, name), [value], "{name} in {request}");
    }
}

fn a_header_that_the_peer_wants() {
    let peer = Peer::serve(|mut conn| {
        let request = conn.request()?;
        match header(&request, "X-Api-Key")[..] {
            ["open sesame"] => conn.send(OK),
            _ => conn.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
        }
    });
    let asking = |line: &str| {
        let config = Config::new().action("node");
        let config = config.check("web", "http", peer.addr(), "node");
        let dir = Workdir::with(&config.key("header", line));
        let run = dir.heartbeat().once();
        (dir, run)
    };
    let (dir, run) = asking("X-Api-Key: open sesame");
    assert_up(&dir, run, &["web"]);
    for line in ["X-Api-Key: open barley", "X-Other-Key: open sesame"] {
        let (dir, run) = asking(line);
        assert_down(&dir, run, &[("web", "status", "403 forbidden")]);
    }
}

fn a_body_and_its_length() {
    let (peer, bodies) = listening();
    let long = "0123456789".repeat(5000);
    let config = Config::new()
        .action("node")
        .check("short", "http", peer.addr(), "node")
        .key("body", "{\"query\":\n  \"gr\u{fc}n\"}")
        .key("header", "Content-Type: application/json")
        .check("get", "http", peer.addr(), "node")
        .key("method", "GET")
        .key("body", "search")
        .check("long", "http", peer.addr(), "node")
        .key("method", "PUT")
        .key("body", &long);
    let dir = Workdir::with(&config);
    // One after the other, in the order of the file.
    let config = config.general("threads", 1);
    dir.configure(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["short", "get", "long"]);
    let expected = ["{\"query\":\n\"gr\u{fc}n\"}", "search", &long];
    assert_eq!(*bodies.lock().unwrap(), expected);
    let requests = peer.requests();
    let first: Vec<_> = requests.iter().map(|request| &request[..4]).collect();
    assert_eq!(first, ["POST", "GET ", "PUT "], "a body is posted");
    assert_eq!(header(&requests[0], "content-type"), ["application/json"]);
    assert_eq!(header(&requests[1], "content-length"), ["6"]);
}

fn a_method_that_the_peer_refuses() {
    let peer = Peer::serve(|mut conn| {
        let request = conn.request()?;
        if request.starts_with("GET ") {
            return conn.send(OK);
        }
        conn.send("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n")
    });
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("method", "OPTIONS");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_down(&dir, run, &[("web", "status", "405 method not allowed")]);
}

/// More than the buffers of both sides hold, to a peer that reads none of it.
fn a_body_that_nobody_takes() {
    let peer = Peer::serve(|mut conn| {
        conn.request()?;
        std::thread::sleep(Duration::from_secs(3));
        Ok(())
    });
    // A line is at most 64 KiB; a body has many.
    let body = format!("{}\n", "b".repeat(60_000)).repeat(200);
    let body = body.trim_end().replace('\n', "\n  ");
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("timeout", 1)
        .key("body", body);
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_down(&dir, run, &[("web", "send", "request not taken within 1s")]);
}

//! Connections and answers that do not come or break off: each with its phase and reason, and by its deadline.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::{Expected, answers, assert_down};
use crate::support::config::Config;
use crate::support::conn::Conn;
use crate::support::peer::{LOCALHOST, Peer, Swallower};
use crate::support::port::Port;
use crate::support::workdir::Workdir;

tests![
    #[alone]
    connections_that_do_not_come_about,
    #[alone]
    answers_that_do_not_come,
    answers_that_break_off,
    reasons_tell_apart_what_differs,
];

/// The timeout of every check in the tables, and how far beyond it a check may end.
const TIMEOUT: f64 = 1.0;
const TOLERANCE: f64 = 0.2;

/// Between one byte and the next.
pub const SOME_TIME: Duration = Duration::from_millis(50);

/// What is expected of a check, and the peer that makes it so.
pub type Row = (Expected<'static>, Peer);

/// A peer that treats a connection in this way.
pub fn row(
    expected: Expected<'static>,
    behaviour: impl Fn(Conn) -> io::Result<()> + Send + Sync + 'static,
) -> Row {
    (expected, Peer::serve(behaviour))
}

/// Reads the request, gives this answer and ends the connection.
pub fn answering(expected: Expected<'static>, answer: &'static [u8]) -> Row {
    row(expected, move |mut conn| {
        conn.request()?;
        conn.send(answer)
    })
}

/// One round over HTTP checks of all rows.
pub fn round(rows: &[Row]) -> (Workdir, Vec<Expected<'static>>) {
    let mut config = Config::new().action("node");
    for (expected, peer) in rows {
        config = config
            .check(expected.0, "http", peer.addr(), "node")
            .key("timeout", TIMEOUT);
    }
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    let table: Vec<Expected> = rows.iter().map(|row| row.0).collect();
    assert_down(&dir, run, &table);
    (dir, table)
}

fn assert_in_time(dir: &Workdir, table: &[Expected]) {
    for (name, ..) in table {
        let check = dir.log().check(name);
        assert!(check.took <= TIMEOUT + TOLERANCE, "{check:#?}");
    }
}

fn connections_that_do_not_come_about() {
    let refused = Port::reserve(LOCALHOST);
    let swallowed = Swallower::new();
    let mut config = Config::new().action("node");
    for kind in ["tcp", "http", "https"] {
        for (what, addr) in [("refused", refused.addr()), ("swallowed", swallowed.addr())] {
            config = config
                .check(&format!("{kind}-{what}"), kind, addr, "node")
                .key("timeout", TIMEOUT);
        }
    }
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    let table = [
        ("tcp-refused", "connect", "connection refused"),
        ("http-refused", "connect", "connection refused"),
        ("https-refused", "connect", "connection refused"),
        ("tcp-swallowed", "connect", "within 1s"),
        ("http-swallowed", "connect", "within 1s"),
        ("https-swallowed", "connect", "within 1s"),
    ];
    assert_down(&dir, run, &table);
    assert_in_time(&dir, &table);
}

fn late_rows() -> Vec<Row> {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    vec![
        (("silent", "receive", "within 1s"), Peer::silent()),
        row(
            ("silent-after-request", "receive", "within 1s"),
            |mut conn| {
                conn.request()?;
                conn.hold()
            },
        ),
        row(("head-by-bytes", "receive", "within 1s"), |mut conn| {
            conn.request()?;
            conn.drip(HEAD, SOME_TIME)
        }),
        row(("hints-for-ever", "receive", "within 1s"), |mut conn| {
            conn.request()?;
            conn.drip("HTTP/1.1 103 Hints\r\n\r\n".repeat(100), SOME_TIME)
        }),
        row(("body-by-bytes", "body", "within 1s"), |mut conn| {
            conn.request()?;
            conn.send(HEAD)?;
            conn.drip("x".repeat(1000), SOME_TIME)
        }),
        row(("chunks-by-bytes", "body", "within 1s"), |mut conn| {
            conn.request()?;
            conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            conn.drip("1\r\nx\r\n".repeat(1000), SOME_TIME)
        }),
        row(("body-missing", "body", "within 1s"), |mut conn| {
            conn.request()?;
            conn.send(HEAD)?;
            conn.hold()
        }),
    ]
}

fn answers_that_do_not_come() {
    let (dir, table) = round(&late_rows());
    assert_in_time(&dir, &table);
    for (name, ..) in table {
        let check = dir.log().check(name);
        assert!(check.took >= TIMEOUT, "given up too early: {check:#?}");
    }
}

fn broken_rows() -> Vec<Row> {
    vec![
        row(("reset-after-request", "receive", "reset"), |mut conn| {
            conn.request()?;
            conn.reset()
        }),
        answering(("empty-answer", "receive", "closed"), b""),
        answering(
            ("half-a-head", "receive", "closed"),
            b"HTTP/1.1 200 OK\r\nContent-Le",
        ),
        row(("reset-in-body", "body", "reset"), |mut conn| {
            conn.request()?;
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")?;
            conn.reset()
        }),
        answering(
            ("end-in-body", "body", "closed"),
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        ),
        answering(
            ("end-in-chunk", "body", "closed"),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        ),
        answering(
            ("end-between-chunks", "body", "closed"),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        ),
    ]
}

fn answers_that_break_off() {
    round(&broken_rows());

    // Whether the reset is met while sending or while receiving is up to the system.
    let peer = Peer::serve(Conn::reset);
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node");
    let dir = Workdir::with(&config);
    dir.heartbeat().once().expect(1);
    let check = dir.log().check("web");
    assert!(
        ["send", "receive"].contains(&check.phase.as_str()),
        "{check:#?}"
    );
    let reason = check.reason.to_lowercase();
    assert!(
        reason.contains("reset") || reason.contains("broken pipe"),
        "{check:#?}"
    );
}

fn reasons_tell_apart_what_differs() {
    // From the client's side these are one and the same.
    let same = [
        vec!["silent", "silent-after-request", "slow-loop"],
        vec!["head-by-bytes", "hints-for-ever"],
        vec!["body-by-bytes", "body-missing", "chunks-by-bytes"],
        vec!["end-between-chunks", "end-in-body", "end-in-chunk"],
        vec!["endless-header", "endless-headers", "endless-status-line"],
    ];
    let rows: Vec<Row> = [late_rows(), broken_rows(), answers::rows()]
        .into_iter()
        .flatten()
        .collect();
    let (dir, table) = round(&rows);
    let mut by_reason: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, ..) in table {
        let check = dir.log().check(name);
        let reason = format!("{}: {}", check.phase, check.reason);
        by_reason.entry(reason).or_default().push(name);
    }
    for (reason, mut names) in by_reason {
        names.sort_unstable();
        let known = same
            .iter()
            .any(|group| names.iter().all(|name| group.contains(name)));
        assert!(
            names.len() == 1 || known,
            "{names:?} are all told as {reason:?}"
        );
    }
}

//! What an HTTP check demands of the answer: each demand met once and missed once, by a real peer.

use std::thread;
use std::time::{Duration, Instant};

use super::{assert_down, assert_up};
use crate::support::authority::Authority;
use crate::support::config::Config;
use crate::support::conn::Conn;
use crate::support::peer::{OK, Peer};
use crate::support::tls::TlsServer;
use crate::support::workdir::Workdir;

tests![
    demands_that_are_met,
    demands_that_are_missed,
    demands_of_https,
    #[alone]
    a_slow_answer,
    excerpts_are_short_and_harmless,
];

/// A check's name, its keys, and the answer it gets.
type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// One round of checks of peers that give these answers.
pub(super) fn round(rows: &[Row]) -> (Workdir, crate::support::heartbeat::Finished) {
    let mut config = Config::new().action("node");
    let mut peers = Vec::new();
    for (name, keys, answer) in rows {
        let answer = (*answer).to_owned();
        let peer = Peer::serve(move |mut conn| {
            conn.request()?;
            conn.send(&answer)
        });
        config = config.check(name, "http", peer.addr(), "node");
        for (key, value) in *keys {
            config = config.key(key, value);
        }
        peers.push(peer);
    }
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    (dir, run)
}

pub(super) const READY: &str = "HTTP/1.1 200 OK\r\nX-Role: Primary\r\nX-Role: writer\r\nContent-Length: 20\r\n\r\n{\"status\": \"ready\"}\n";
const TEAPOT: &str = "HTTP/1.1 418 x\r\nContent-Length: 5\r\n\r\nshort";
const MOVED: &str = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 4\r\n\r\ngone";
const LOST: &str = "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n";
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn demands_that_are_met() {
    let rows: [Row; 14] = [
        ("status", &[("expect_status", "418")], TEAPOT),
        ("range", &[("expect_status", "200-299, 400 - 499")], TEAPOT),
        ("range-200", &[("expect_status", "200-299,401")], READY),
        (
            "redirect-itself",
            &[("follow_redirects", "no"), ("expect_status", "301-302")],
            MOVED,
        ),
        ("leads-nowhere", &[("expect_status", "200, 301")], LOST),
        ("body", &[("expect_body", "\"status\": *\"ready\"")], READY),
        ("whole-body", &[("expect_body", r"^\{[^}]*\}\s*$")], READY),
        ("no-error", &[("reject_body", "error|down")], READY),
        (
            "both",
            &[("expect_body", "ready"), ("reject_body", "^ready")],
            READY,
        ),
        ("empty-body", &[("expect_body", "^$")], EMPTY),
        (
            "body-of-redirect",
            &[
                ("follow_redirects", "no"),
                ("expect_status", "302"),
                ("expect_body", "gone"),
            ],
            MOVED,
        ),
        (
            "header",
            &[("expect_header", "x-role: (?i)^primary$")],
            READY,
        ),
        (
            "headers",
            &[(
                "expect_header",
                "X-Role: writer\n  Content-Length: ^[0-9]+$",
            )],
            READY,
        ),
        ("in-time", &[("max_time", "4")], READY),
    ];
    let (dir, run) = round(&rows);
    assert_up(&dir, run, &rows.map(|row| row.0));
}

fn demands_that_are_missed() {
    let rows: [(Row, &str, &str); 13] = [
        (
            ("status", &[("expect_status", "200-299, 401")], TEAPOT),
            "status",
            "418 i'm a teapot, expected 200-299, 401",
        ),
        (
            ("not-200", &[("expect_status", "204")], READY),
            "status",
            "200 ok, expected 204",
        ),
        (
            ("redirect-itself", &[("follow_redirects", "no")], MOVED),
            "status",
            "302 found",
        ),
        (
            ("leads-nowhere", &[("expect_status", "302")], LOST),
            "status",
            "301: redirect without a location",
        ),
        (
            ("body", &[("expect_body", "^ready")], READY),
            "body",
            "/^ready/ not found in \"{\"status\": \"ready\"}\"",
        ),
        (
            ("empty", &[("expect_body", "ready")], EMPTY),
            "body",
            "/ready/ not found, the body is empty",
        ),
        (
            ("rejected", &[("reject_body", "ready")], READY),
            "body",
            "/ready/ found in \"{\"status\": \"ready\"}\"",
        ),
        (
            ("rejected-end", &[("reject_body", "\\}\\n$")], READY),
            "body",
            "found in \"{\"status\": \"ready\"}\"",
        ),
        (
            ("rejected-empty", &[("reject_body", "^$")], EMPTY),
            "body",
            "/^$/ found in \"\"",
        ),
        (
            ("header", &[("expect_header", "X-Role: standby")], READY),
            "header",
            "x-role: /standby/ not found in \"primary\"",
        ),
        (
            ("no-header", &[("expect_header", "X-Lag: ^0$")], READY),
            "header",
            "x-lag: missing, /^0$/ was expected",
        ),
        (
            (
                "second-header",
                &[("expect_header", "X-Role: writer\n  X-Other: .")],
                READY,
            ),
            "header",
            "x-other: missing",
        ),
        (
            ("status-first", &[("expect_body", "nothing")], TEAPOT),
            "status",
            "418",
        ),
    ];
    let (dir, run) = round(&rows.map(|(row, ..)| row));
    assert_down(
        &dir,
        run,
        &rows.map(|(row, phase, words)| (row.0, phase, words)),
    );
}

fn demands_of_https() {
    let authority = Authority::new();
    let peer = Peer::tls(TlsServer::new(authority.certificate()), |mut conn| {
        conn.request()?;
        conn.send(READY)
    });
    let config = |pattern: &str| {
        Config::new()
            .action("node")
            .check("web", "https", peer.at("localhost"), "node")
            .key("expect_body", pattern)
            .key("expect_header", "X-Role: writer")
    };
    let dir = Workdir::with(&config("ready"));
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(&dir, run, &["web"]);
    let dir = Workdir::with(&config("steady"));
    let run = dir.heartbeat().trusting(&authority).once();
    assert_down(&dir, run, &[("web", "body", "/steady/ not found in")]);
}

/// It comes, and late: up by default, down with a `max_time`, which counts the body too.
fn a_slow_answer() {
    let late = |mut conn: Conn| {
        conn.request()?;
        thread::sleep(Duration::from_millis(400));
        conn.send(OK)
    };
    let late_body = |mut conn: Conn| {
        conn.request()?;
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")?;
        thread::sleep(Duration::from_millis(400));
        conn.send("ok")
    };
    let (late, late_body) = (Peer::serve(late), Peer::serve(late_body));
    let config = Config::new()
        .action("node")
        .check("patient", "http", late.addr(), "node")
        .check("enough", "http", late.addr(), "node")
        .key("max_time", "3s")
        .check("late", "http", late.addr(), "node")
        .key("max_time", "300ms")
        .check("late-body", "http", late_body.addr(), "node")
        .key("max_time", "300ms");
    let dir = Workdir::with(&config);
    let begun = Instant::now();
    let run = dir.heartbeat().once();
    assert!(begun.elapsed() < Duration::from_secs(3));
    for name in ["patient", "enough"] {
        assert_eq!(dir.log().check(name).status, "Healthy", "{name}");
    }
    let words = "answered after more than 0.3s";
    assert_down(
        &dir,
        run,
        &[("late", "time", words), ("late-body", "time", words)],
    );
}

fn excerpts_are_short_and_harmless() {
    let nasty = "HTTP/1.1 200 OK\r\nX-A: \t\u{9b}31m\r\n\r\n\u{1b}[31m\r\n2026-01-01 00:00:00 CRITICAL forged\n";
    let long: String = nasty.to_owned() + &"z".repeat(100_000);
    let long: &'static str = long.leak();
    let rows: [Row; 3] = [
        ("body", &[("expect_body", "ready")], long),
        ("rejected", &[("reject_body", "forged")], long),
        ("header", &[("expect_header", "X-A: b")], long),
    ];
    let (dir, run) = round(&rows);
    let table = [
        ("body", "body", "\\u{1b}[31m\\r\\n2026"),
        ("rejected", "body", "critical forged\\nzzz"),
        ("header", "header", "x-a: /b/ not found in"),
    ];
    assert_down(&dir, run, &table);
    for (name, ..) in table {
        let reason = dir.log().check(name).reason;
        assert!(reason.len() < 200, "{reason}");
        assert!(!reason.contains(char::is_control), "{reason:?}");
    }
}

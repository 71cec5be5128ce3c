//! What a tcp check says and what it waits for.

use std::io;
use std::time::Duration;

use super::{Expected, assert_down, assert_up};
use crate::support::config::Config;
use crate::support::conn::Conn;
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    dialogues_that_go_as_they_should,
    a_packet_is_no_line,
    #[alone]
    dialogues_that_do_not,
    every_pattern_has_a_search_of_its_own,
    a_match_begins_where_a_line_does,
    what_is_lost_in_the_file_is_told,
];

/// Lines of a key, indented as in a file.
fn lines(lines: &[&str]) -> String {
    format!("\n    {}", lines.join("\n    "))
}

fn smtp(mut conn: Conn) -> io::Result<()> {
    conn.send("220 mail.example ")?;
    conn.drip("ESMTP\r\n", Duration::from_millis(5))?;
    conn.hear(b"EHLO heartbeat\r\n")?;
    conn.send("250-mail.example\r\n250 SIZE 1000\r\n")?;
    conn.hear(b"QUIT\r\n")?;
    conn.send("221 bye\r\n")
}

/// A check that says and expects these lines.
struct Row {
    expected: Expected<'static>,
    send: &'static [&'static str],
    expect: &'static [&'static str],
    peer: Peer,
}

fn row(
    expected: Expected<'static>,
    (send, expect): (&'static [&'static str], &'static [&'static str]),
    behaviour: impl Fn(Conn) -> io::Result<()> + Send + Sync + 'static,
) -> Row {
    Row {
        expected,
        send,
        expect,
        peer: Peer::serve(behaviour),
    }
}

fn config(rows: &[Row]) -> Config {
    let mut config = Config::new().action("node");
    for row in rows {
        config = config
            .check(row.expected.0, "tcp", row.peer.addr(), "node")
            .key("timeout", 1);
        for (key, text) in [("send", row.send), ("expect", row.expect)] {
            if !text.is_empty() {
                config = config.key(key, lines(text));
            }
        }
    }
    config
}

const SMTP: (&[&str], &[&str]) = (
    &["-", r"EHLO heartbeat\r\n", r"QUIT\r\n"],
    &["^220", "^250", "^221"],
);
const BANNER: (&[&str], &[&str]) = (&[], &["^220"]);

fn dialogues_that_go_as_they_should() {
    let rows = [
        row(("smtp", "", ""), SMTP, smtp),
        row(
            ("redis", "", ""),
            (&[r"PING\r\n"], &[r"^\+PONG\r\n"]),
            |mut conn| {
                conn.hear(b"PING\r\n")?;
                conn.send("+PONG\r\n")?;
                conn.hold()
            },
        ),
        row(
            ("postgresql", "", ""),
            (&[r"\x00\x00\x00\x08\x04\xd2\x16\x2f"], &["^[SN]"]),
            |mut conn| {
                conn.hear(&[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f])?;
                conn.send("N")?;
                conn.hold()
            },
        ),
        row(
            ("mysql", "", ""),
            (&[], &[r"^[^\xff]...\n\d+\.\d+"]),
            |mut conn| {
                conn.send(b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00")?;
                conn.hold()
            },
        ),
        row(
            ("only-said", "", ""),
            (&["HELLO ; # %(a)s"], &[]),
            |mut conn| conn.hear(b"HELLO ; # %(a)s"),
        ),
        row(
            ("said-last", "", ""),
            (&["-", "bye"], &["^hello", "-"]),
            |mut conn| {
                conn.send("hello")?;
                conn.hear(b"bye")
            },
        ),
        row(
            ("whole-at-the-end", "", ""),
            (&[], &["^hello$"]),
            |mut conn| conn.send("hello"),
        ),
        row(("just-in-64-KiB", "", ""), (&[], &["end"]), |mut conn| {
            conn.send("x".repeat(64 * 1024 - 3))?;
            conn.send("end")?;
            conn.hold()
        }),
    ];
    let dir = Workdir::with(&config(&rows));
    let run = dir.heartbeat().once();
    let names: Vec<&str> = rows.iter().map(|row| row.expected.0).collect();
    assert_up(&dir, run, &names);
}

/// Two packets say what one would.
fn a_packet_is_no_line() {
    let reason = r#"within 1s, got "+ponger not master\r\n""#;
    let rows = [row(
        ("redis", "expect", reason),
        (&[], &[r"^\+PONG$"]),
        |mut conn| {
            conn.send("+PONG")?;
            conn.drip("ER not master\r\n", Duration::from_millis(20))?;
            conn.hold()
        },
    )];
    let dir = Workdir::with(&config(&rows));
    assert_down(&dir, dir.heartbeat().once(), &[rows[0].expected]);
}

fn dialogues_that_do_not() {
    let rows = [
        row(
            (
                "other-answer",
                "expect",
                r#"expected /^250/ within 1s, got "554 no\r\n""#,
            ),
            SMTP,
            |mut conn| {
                conn.send("220 mail.example ESMTP\r\n")?;
                conn.read_some()?;
                conn.send("554 no\r\n")?;
                conn.hold()
            },
        ),
        row(
            ("silent", "expect", "expected /^220/ within 1s, got nothing"),
            BANNER,
            |mut conn| conn.hold(),
        ),
        row(
            (
                "closed",
                "expect",
                "/^250/ before the connection was closed, got nothing",
            ),
            SMTP,
            |mut conn| {
                conn.send("220 mail.example ESMTP\r\n")?;
                conn.read_some()
            },
        ),
        row(
            (
                "reset",
                "expect",
                "/^220/ before the connection broke, got nothing (connection reset by peer)",
            ),
            BANNER,
            Conn::reset,
        ),
        row(
            ("too-much", "expect", r#"/^220/ in 64 kib, got "yyyyyyyyyy"#),
            BANNER,
            |mut conn| conn.repeat("y".repeat(4096)),
        ),
        row(
            ("too-late", "expect", "expected /end/ in 64 kib, got \"xxx"),
            (&[], &["end"]),
            |mut conn| {
                conn.send("x".repeat(64 * 1024 - 2))?;
                conn.send("end")?;
                conn.hold()
            },
        ),
        row(
            ("by-bytes", "expect", "/^220/ within 1s, got \"zzzz"),
            BANNER,
            |mut conn| conn.drip("z".repeat(100_000), Duration::from_micros(100)),
        ),
        row(
            ("harmless", "expect", r#"got "\x1b[31m\x00\xff\r\nerror""#),
            BANNER,
            |mut conn| conn.send(b"\x1b[31m\x00\xff\r\nERROR"),
        ),
        row(
            ("not-taken", "send", "not taken within 1s"),
            (&["-", "x"], &["-", "-"]),
            |_| Ok(()),
        ),
    ];
    let (stuck, rows) = rows.split_last().expect("rows");
    let mut config = config(rows);
    // More than the system takes on a connection whose other end does not read.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let much = lines(&["x".repeat(60_000).as_str(); 200]);
    config = config
        .check("not-taken", "tcp", listener.local_addr().unwrap(), "node")
        .key("timeout", 1)
        .key("send", much);
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    let table: Vec<Expected> = rows.iter().map(|row| row.expected).collect();
    assert_down(&dir, run, &[table, vec![stuck.expected]].concat());
    for (name, ..) in rows.iter().map(|row| row.expected) {
        let check = dir.log().check(name);
        assert!(check.took <= 1.2, "{check:#?}");
        let waits = check.reason.contains("within 1s");
        assert_eq!(waits, check.took >= 1.0, "{check:#?}");
    }
}

/// What was matched is not found again, and 64 KiB are there for each.
fn every_pattern_has_a_search_of_its_own() {
    let twice = |mut conn: Conn| {
        for _ in 0..2 {
            conn.send("x".repeat(60_000))?;
            conn.send("ready\n")?;
        }
        Ok(())
    };
    let rows = [row(("both", "", ""), (&[], &["ready", "ready"]), twice)];
    let dir = Workdir::with(&config(&rows));
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["both"]);
    let rows = [row(
        (
            "third",
            "expect",
            "expected /ready/ before the connection was closed",
        ),
        (&[], &["ready", "ready", "ready"]),
        twice,
    )];
    let dir = Workdir::with(&config(&rows));
    let run = dir.heartbeat().once();
    assert_down(&dir, run, &[rows[0].expected]);
}

/// The rest of a line whose beginning has been matched is not the next line.
fn a_match_begins_where_a_line_does() {
    let rows = [row(
        ("class", "expect", r#"expected /^2/ within 1s, got "500 no"#),
        (&["-", r"EHLO a\r\n"], &["^2", "^2"]),
        |mut conn| {
            conn.send("220 2 mails\r\n")?;
            conn.read_some()?;
            conn.send("500 no 2\r\n")?;
            conn.hold()
        },
    )];
    let dir = Workdir::with(&config(&rows));
    let run = dir.heartbeat().once();
    assert_down(&dir, run, &[rows[0].expected]);
}

fn what_is_lost_in_the_file_is_told() {
    let config = Config::new()
        .action("node")
        .check("smtp", "tcp", "localhost:25", "node")
        .key("send", lines(&[r"EHLO %(hostname)s\r\n", r"QUIT\q"]))
        .key("expect", lines(&["^220 (", "# hello", "^250"]))
        .check("web", "http", "localhost:80", "node")
        .key("send", "GET");
    let dir = Workdir::with(&config);
    let told = dir.heartbeat().test_config().expect(2).stderr;
    for words in [
        "[smtp] send: %(hostname)s is not replaced here",
        r#"[smtp] send: "QUIT\q" holds a \ that begins no escape"#,
        r#"[smtp] expect: "^220 (" is not a regular expression"#,
        "[smtp] expect: 3 lines, and send has 2; write -",
        "[web] send: a check of type http has no such key (tcp",
    ] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
}

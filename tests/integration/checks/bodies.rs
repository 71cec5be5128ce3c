//! Bodies: none, long ones, in pieces, by the byte, and patterns that make work of them.

use std::thread;
use std::time::Duration;

use super::{assert_down, assert_up};
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    answers_without_a_body,
    a_body_is_looked_at_up_to_a_mebibyte,
    a_body_in_pieces_is_one,
    #[alone]
    a_pattern_that_makes_too_much_work,
    a_body_that_comes_by_the_byte,
];

/// Sends so many bytes, then `ready`, then goes on for ever.
fn ready_after(bytes: usize) -> Peer {
    Peer::serve(move |mut conn| {
        conn.request()?;
        conn.send("HTTP/1.1 200 OK\r\n\r\n")?;
        conn.send("x".repeat(bytes))?;
        conn.send("ready")?;
        conn.repeat("y".repeat(8192))
    })
}

/// A length that is only told, as to HEAD, or a 204 and a 304 that end with their headers, while the connection is held.
fn answers_without_a_body() {
    let head = Peer::answering("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    let none = Peer::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let same = Peer::answering("HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n");
    let config = Config::new()
        .action("node")
        .check("head", "http", head.addr(), "node")
        .key("method", "head")
        .check("none", "http", none.addr(), "node")
        .key("expect_status", "204")
        .check("same", "http", same.addr(), "node")
        .key("expect_status", "304");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["head", "none", "same"]);
    assert!(head.requests()[0].starts_with("HEAD / HTTP/1.1\r\n"));
}

fn a_body_is_looked_at_up_to_a_mebibyte() {
    const MEBIBYTE: usize = 1024 * 1024;
    let (within, beyond) = (ready_after(MEBIBYTE - 5), ready_after(MEBIBYTE - 4));
    let config = Config::new()
        .action("node")
        .check("within", "http", within.addr(), "node")
        .key("expect_body", "ready")
        .check("beyond", "http", beyond.addr(), "node")
        .key("expect_body", "ready")
        .check("rejected", "http", within.addr(), "node")
        .key("reject_body", "x{20}ready");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_eq!(dir.log().check("within").status, "Healthy");
    assert_down(
        &dir,
        run,
        &[
            ("beyond", "body", "/ready/ not found in \"xxx"),
            ("rejected", "body", "found in \"xxxxxxxxxxxxxxxready"),
        ],
    );
}

fn a_body_in_pieces_is_one() {
    let peer = Peer::serve(|mut conn| {
        conn.request()?;
        conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for piece in ["3\r\nrea\r\n", "1\r\nd\r\n", "1\r\ny\r\n", "0\r\n\r\n"] {
            conn.send(piece)?;
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    });
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("expect_body", "^ready$")
        .key("reject_body", "ready.");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
}

/// Every byte of such a text takes a step for each of the pattern's repetitions: minutes, for a mebibyte.
fn a_pattern_that_makes_too_much_work() {
    let peer = Peer::serve(|mut conn| {
        conn.request()?;
        conn.send("HTTP/1.1 200 OK\r\n\r\n")?;
        let noise = |place: u32| b'a' + u8::from(place.wrapping_mul(2_654_435_761) >> 31 == 1);
        conn.send((0..1 << 20).map(noise).collect::<Vec<u8>>())
    });
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("timeout", 1)
        .key("expect_body", "[ab]*a[ab]{800}c");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_down(&dir, run, &[("web", "body", "within 1s")]);
    let check = dir.log().check("web");
    assert!(check.took < 1.5, "{check:#?}");
}

/// It is the peer that is late then, not the search.
fn a_body_that_comes_by_the_byte() {
    let peer = Peer::serve(|mut conn| {
        conn.request()?;
        conn.send("HTTP/1.1 200 OK\r\n\r\n")?;
        conn.drip("y".repeat(100_000), Duration::from_millis(1))
    });
    let config = Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("timeout", 1)
        .key("expect_body", "ready");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_down(&dir, run, &[("web", "body", "body not complete within 1s")]);
}

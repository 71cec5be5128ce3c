//! Which lines there are, in which words, and on which level.

use std::process::Command;

use super::node;
use crate::support::conn::Conn;
use crate::support::log::CheckLine;
use crate::support::peer::{OK, Peer};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

tests![
    the_first_and_the_last_lines,
    a_failure_is_loud_once,
    a_level_hides_those_below_it,
    times_are_local,
];

fn the_first_and_the_last_lines() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    let pid = heartbeat.pid();
    dir.wait_for_log("Action done: ");
    heartbeat.stop().expect(0);
    let log = dir.log();
    let info = log.messages("INFO");
    assert_eq!(
        info[0],
        format!("Heartbeat started ({pid}). Mode: Foreground.")
    );
    assert_eq!(info[1], "Log level: DEBUG.");
    let last = [
        "Received SIGTERM. Stopping.",
        &format!("Heartbeat stopped ({pid}). Goodbye."),
    ];
    assert_eq!(info[info.len() - 2..], last);
}

/// A peer whose behaviour the test changes: 0 answers 200, anything else that status.
fn changing(status: &Arc<AtomicUsize>) -> Peer {
    let status = Arc::clone(status);
    Peer::serve(move |mut conn: Conn| {
        conn.request()?;
        match status.load(Ordering::SeqCst) {
            0 => conn.send(OK),
            status => conn.send(format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n")),
        }
    })
}

/// ERROR when it begins and when its reason changes, INFO when it is over, DEBUG in between.
fn a_failure_is_loud_once() {
    let status = Arc::new(AtomicUsize::new(0));
    let peer = changing(&status);
    let dir = Workdir::with(
        &crate::support::config::Config::new()
            .general("interval", "0.1")
            .action("node")
            .check("web", "http", peer.addr(), "node"),
    );
    let heartbeat = dir.heartbeat().start();
    for next in [503, 404, 0, 503] {
        dir.wait_for_rounds(3);
        status.store(next, Ordering::SeqCst);
    }
    dir.wait_for_rounds(3);
    heartbeat.stop().expect(0);
    let told = dir.log().checks("web");
    let story: Vec<String> = told.iter().map(summary).collect();
    let mut loud = story.clone();
    loud.dedup();
    let expected = [
        "DEBUG Healthy ",
        "ERROR Unhealthy status 503",
        "DEBUG Unhealthy status 503",
        "ERROR Unhealthy status 404",
        "DEBUG Unhealthy status 404",
        "INFO Healthy ",
        "DEBUG Healthy ",
        "ERROR Unhealthy status 503",
        "DEBUG Unhealthy status 503",
    ];
    assert_eq!(loud, expected, "{told:#?}");
    for line in &story {
        let times = story.iter().filter(|other| *other == line).count();
        let once = if line.starts_with("INFO") { 1 } else { 2 };
        assert!(line.starts_with("DEBUG") || times <= once, "{story:#?}");
    }
    assert_eq!(told[0].kind, "http");
    assert_eq!(told[0].endpoint, peer.addr().to_string());
}

fn summary(check: &CheckLine) -> String {
    let (level, status, phase) = (&check.level, &check.status, &check.phase);
    let number: String = check.reason.chars().filter(char::is_ascii_digit).collect();
    let space = if phase.is_empty() { "" } else { " " };
    format!("{level} {status} {phase}{space}{number}")
}

fn a_level_hides_those_below_it() {
    let levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
    for (index, level) in levels.into_iter().enumerate() {
        let (up, down) = (Peer::silent(), Peer::down());
        let dir = Workdir::with(&node(&down).commands("failing", "true", "exit 1").check(
            "db",
            "tcp",
            up.addr(),
            "failing",
        ));
        let text = dir.read("heartbeat.conf");
        let lower = level.to_lowercase();
        dir.write(
            "heartbeat.conf",
            text.replace("loglevel = DEBUG", &format!("loglevel = {lower}")),
        );
        dir.heartbeat().once().expect(3);
        let log = dir.log();
        for (other, name) in levels.into_iter().enumerate().take(4) {
            let there = !log.messages(name).is_empty();
            assert_eq!(there, other >= index, "{name} at {level}: {:#?}", log.lines);
        }
    }
}

/// In a zone where it is another day for most of the world.
fn times_are_local() {
    for zone in ["FAR-13", "AWAY11"] {
        let peer = Peer::silent();
        let dir = Workdir::with(&node(&peer));
        let now = || {
            let format = "+%Y-%m-%d %H:%M:%S";
            let date = Command::new("date").arg(format).env("TZ", zone).output();
            let date = date.expect("ask for the time").stdout;
            String::from_utf8(date).expect("a date").trim().to_owned()
        };
        let before = now();
        dir.heartbeat().env("TZ", zone).once().expect(0);
        let after = now();
        wait_for("a log", || dir.has("heartbeat.log"));
        for line in dir.read("heartbeat.log").lines() {
            let time = &line[..19];
            assert!((before.as_str()..=after.as_str()).contains(&time), "{line}");
        }
    }
}

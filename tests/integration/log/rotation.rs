//! Rotation at 1,000,000 bytes with four backups, through the binary.

use std::fs;

use crate::support::config::Config;
use crate::support::log::Log;
use crate::support::peer::{LOCALHOST, Peer};
use crate::support::port::Port;
use crate::support::script::begun_rounds;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};

tests![
    five_files_and_no_line_lost_or_torn,
    one_that_is_full_at_the_start,
    backups_that_cannot_be_moved,
    #[root]
    a_device_stays_where_it_is,
];

const LARGEST: usize = 1_000_000;

/// The files from the oldest to the newest.
const FILES: [&str; 5] = [
    "heartbeat.log.4",
    "heartbeat.log.3",
    "heartbeat.log.2",
    "heartbeat.log.1",
    "heartbeat.log",
];

/// Checks with names so long that a round fills a tenth of a file. Nobody listens on the port: that is quick.
fn talkative(port: &Port, checks: usize) -> Config {
    let mut config = Config::new().general("interval", "0.01").action("node");
    for number in 0..checks {
        let name = format!("{number}-{}", "x".repeat(4000));
        config = config.check(&name, "tcp", port.addr(), "node");
    }
    config
}

/// Every round in order. One that has begun after the end of the one before and ended before the next has all its
/// results: checks that outlast their round are passed over by the next, on a machine that has much else to do.
fn assert_whole(text: &str, checks: usize) {
    let log = Log::parse(text);
    let begun = begun_rounds(&log);
    let expected: Vec<usize> = (begun[0]..begun[0] + begun.len()).collect();
    assert_eq!(begun, expected);
    let mut results = None;
    let mut idle = false;
    let mut whole_rounds = 0;
    for line in &log.lines {
        if line.message.ends_with(" started.") {
            results = idle.then_some(0);
            idle = false;
        } else if line.message.starts_with("[Service Check]") {
            results = results.map(|results| results + 1);
        } else if line.message.contains(" complete: ") {
            assert!(
                results.is_none_or(|results| results == checks),
                "{results:?} results"
            );
            whole_rounds += usize::from(results.is_some());
            (results, idle) = (None, true);
        }
    }
    assert!(whole_rounds > 10, "only {whole_rounds} rounds to judge by");
}

fn five_files_and_no_line_lost_or_torn() {
    let port = Port::reserve(LOCALHOST);
    let checks = 25;
    let dir = Workdir::with(&talkative(&port, checks));
    let heartbeat = dir.heartbeat().start();
    // The very first file has gone when a fifth backup would have come.
    wait_for("the first file to go", || {
        dir.has("heartbeat.log.4") && !dir.read("heartbeat.log.4").contains("Round 1 started")
    });
    heartbeat.stop().expect(0);
    let parts = FILES.map(|name| dir.read(name));
    for (name, part) in FILES.iter().zip(&parts) {
        assert!(part.len() <= LARGEST, "{name} has {} bytes", part.len());
        assert!(part.ends_with('\n'), "{name} ends in the middle of a line");
        let backup = *name != "heartbeat.log";
        assert!(
            !backup || part.len() > LARGEST - 10_000,
            "{name} has {} bytes",
            part.len()
        );
    }
    assert_whole(&parts.concat(), checks);
    let logs = dir.files().into_iter().filter(|name| name.contains(".log"));
    assert_eq!(logs.count(), 5);
}

/// A start does not begin a new file, and does not wait for one either: the first line moves the old one away.
fn one_that_is_full_at_the_start() {
    let peer = Peer::silent();
    let dir = Workdir::with(&super::node(&peer));
    let line = "2026-01-01 00:00:00 INFO     An old line.\n";
    let short = line.repeat(100);
    dir.write("heartbeat.log", &short);
    dir.heartbeat().once().expect(0);
    assert!(dir.read("heartbeat.log").starts_with(&short));
    assert!(!dir.has("heartbeat.log.1"));
    let full = line.repeat(LARGEST / line.len());
    dir.write("heartbeat.log", &full);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.read("heartbeat.log.1").len(), full.len());
    assert!(dir.log().says("Heartbeat started"));
    assert!(!dir.log().says("An old line."));
}

/// Folders are in their way: the log grows and says so, now and then, and checks and log go on.
fn backups_that_cannot_be_moved() {
    let port = Port::reserve(LOCALHOST);
    let dir = Workdir::with(&talkative(&port, 25));
    for number in 1..=4 {
        fs::create_dir_all(dir.file(&format!("heartbeat.log.{number}/full"))).expect("a folder");
    }
    let heartbeat = dir.heartbeat().start();
    wait_for("twenty rounds", || {
        begun_rounds(&dir.log())
            .last()
            .is_some_and(|round| *round > 20)
    });
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["-node"]);
    let log = dir.log();
    assert!(log.says("Goodbye"));
    assert!(dir.read("heartbeat.log").len() > LARGEST);
    let told = log.messages("ERROR").into_iter();
    let told = told.filter(|text| text.starts_with("The log cannot be rotated, and grows: "));
    assert!(
        (1..4).contains(&told.count()),
        "told once each time it is tried"
    );
}

/// `logfile = /dev/null` silences it; were the device moved away, that would silence the machine. This one is the
/// test's own, on a disk that only this heartbeat sees.
fn a_device_stays_where_it_is() {
    let (port, peer) = (Port::reserve(LOCALHOST), Peer::silent());
    let config = talkative(&port, 25).general("logfile", "dev/null");
    let dir = Workdir::with(&config.check("counter", "tcp", peer.addr(), "node"));
    fs::create_dir(dir.file("dev")).expect("a folder");
    let script = "mount -t tmpfs none dev && mknod dev/null c 1 3 || exit 99\n\
                  \"$@\"; status=$?\ntest -c dev/null && ls dev > left\nexit $status";
    let heartbeat = dir.through_mounts(script).start();
    // Each round writes a tenth of a file.
    wait_for("three files' worth of rounds", || {
        peer.arrivals().len() > 30
    });
    kill(dir.pid().expect("a pidfile"), Signal::SIGTERM).expect("stop heartbeat");
    heartbeat.wait().expect(0);
    assert_eq!(dir.read("left"), "null\n");
}

//! A log that cannot be written, from the start or from some moment on: the checks go on, and it ends cleanly.

use std::fs;
use std::os::fd::AsRawFd;

use nix::pty::openpty;

use super::node;
use crate::support::config::Config;
use crate::support::heartbeat::Heartbeat;
use crate::support::peer::Peer;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    a_device_that_is_always_full,
    neither_log_nor_stderr,
    stderr_whose_reader_has_gone,
    stderr_whose_reader_sleeps,
    stderr_whose_reader_wakes_again,
    a_terminal_whose_reader_sleeps,
    a_folder_that_vanishes,
    a_log_that_is_removed,
];

/// Down and up again, and ended cleanly.
fn assert_works(dir: &Workdir, mut peer: Peer, heartbeat: Heartbeat) {
    let heartbeat = heartbeat.start();
    dir.wait_for_words(&["+node"]);
    peer.go_down();
    dir.wait_for_words(&["+node", "-node"]);
    peer.go_up();
    dir.wait_for_words(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
    assert!(!dir.has("heartbeat.pid"));
}

fn a_device_that_is_always_full() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("logfile", "/dev/full"));
    let heartbeat = || dir.through_guarded("exec \"$@\"");
    heartbeat().once().expect(0);
    fs::remove_file(dir.file("words")).expect("forget the words");
    assert_works(&dir, peer, heartbeat());
    assert_eq!(heartbeat().once().expect(1).stderr, "");
}

/// Whether the log is a file, or stderr itself.
fn neither_log_nor_stderr() {
    for logfile in ["/dev/full", "stderr"] {
        for redirection in [
            "2>/dev/full",
            "2>&-",
            "2>/dev/full >/dev/full",
            "<&- >&- 2>&-",
        ] {
            let peer = Peer::silent();
            let dir = Workdir::with(&node(&peer).general("logfile", logfile));
            let heartbeat = dir.through_guarded(&format!("exec \"$@\" {redirection}"));
            assert_works(&dir, peer, heartbeat);
        }
    }
}

/// It says that it is ready as long as it takes a byte, and keeps whoever writes more than it takes. Enough is written to
/// fill it, and then it is asked whether it still does what it is for.
fn a_terminal_whose_reader_sleeps() {
    let peer = Peer::silent();
    let config = node(&peer).general("loglevel", "DEBUG");
    let dir = Workdir::with(&config.general("interval", "0.01"));
    let terminal = openpty(None, None).expect("a terminal");
    let file = format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        terminal.slave.as_raw_fd()
    );
    let heartbeat = dir.through(&format!("exec \"$@\" 2>{file}"));
    let written = || fs::metadata(dir.file("heartbeat.log")).map_or(0, |log| log.len());
    let running = heartbeat.start();
    wait_for("more than a terminal takes", || written() > 200_000);
    running.stop().expect(0);
    fs::remove_file(dir.file("words")).expect("forget the words");
    assert_works(&dir, peer, dir.through(&format!("exec \"$@\" 2>{file}")));
}

fn stderr_whose_reader_has_gone() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("logfile", "stderr"));
    // The shell that reads ends at once; exec makes heartbeat take the place of the one that writes.
    let heartbeat = dir.through(
        "mkfifo pipe; sh -c 'exec 3<pipe; : > read' & exec 2>pipe; \
         until [ -e read ]; do sleep 0.01; done; wait; exec \"$@\"",
    );
    assert_works(&dir, peer, heartbeat);
}

/// The pipe is full after a few hundred rounds; nobody will ever read from it.
fn stderr_whose_reader_sleeps() {
    let mut peer = Peer::silent();
    let config = Config::new()
        .general("interval", "0.002")
        .general("logfile", "stderr")
        .action("node")
        .check("web", "tcp", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let heartbeat = dir.through("mkfifo pipe; sleep 1000 <pipe & exec \"$@\" 2>pipe");
    let heartbeat = heartbeat.start();
    dir.wait_for_words(&["+node"]);
    wait_for("a full pipe", || peer.arrivals().len() > 1000);
    peer.go_down();
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    assert!(!dir.has("heartbeat.pid"));
}

/// Lines that take several pieces, of which the pipe takes the first, and no more.
fn stderr_whose_reader_wakes_again() {
    let peer = Peer::silent();
    let name = "x".repeat(6000);
    let config = Config::new()
        .general("interval", "0.01")
        .general("logfile", "stderr")
        .action("node")
        .check(&name, "tcp", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let reader = "(until [ -e awake ]; do sleep 0.02; done; exec cat) <pipe >seen";
    let script = format!("mkfifo pipe; {reader} & exec \"$@\" 2>pipe");
    let heartbeat = dir.through(&script).start();
    wait_for("a full pipe", || peer.arrivals().len() > 40);
    dir.write("awake", "");
    wait_for("word of what is lost", || {
        dir.has("seen") && dir.read("seen").contains("could not be written")
    });
    heartbeat.stop().expect(0);
    let seen = dir.read("seen");
    let is_glued = |line: &&str| line.contains("could not be written") && line.len() > 100;
    let torn = seen.lines().find(is_glued);
    assert_eq!(torn, None);
}

fn a_folder_that_vanishes() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("logfile", "var/log"));
    fs::create_dir(dir.file("var")).expect("a folder");
    let line = "2026-01-01 00:00:00 INFO     An old line.\n";
    // It is nearly full, so that it cannot be rotated while it is gone.
    dir.write("var/log", line.repeat(999_000 / line.len()));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    fs::remove_dir_all(dir.file("var")).expect("remove the folder");
    let arrivals = peer.arrivals().len();
    wait_for("rounds", || peer.arrivals().len() > arrivals + 30);
    heartbeat.signal(nix::sys::signal::Signal::SIGHUP);
    let arrivals = peer.arrivals().len();
    wait_for("rounds", || peer.arrivals().len() > arrivals + 5);
    drop(peer);
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
}

/// It is not made again until somebody asks for it: then it goes on as if nothing had been.
fn a_log_that_is_removed() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    fs::remove_file(dir.file("heartbeat.log")).expect("remove the log");
    let arrivals = peer.arrivals().len();
    wait_for("rounds", || peer.arrivals().len() > arrivals + 3);
    heartbeat.signal(nix::sys::signal::Signal::SIGHUP);
    dir.wait_for_log("Received SIGHUP. Log reopened.");
    dir.wait_for_rounds(2);
    heartbeat.stop().expect(0);
}

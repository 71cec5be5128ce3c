//! Going to the background.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{daemonized, end, node};
use crate::support::heartbeat::binary;
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::script::limited;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::Signal;
use nix::unistd::getsid;

tests![
    it_returns_at_once,
    it_holds_nothing_of_its_starter,
    it_has_nothing_of_the_terminal,
    it_closes_what_it_was_started_with,
    the_file_can_ask_for_it,
    it_ends_as_any_other,
];

/// With a check that hangs, and through a pipe whose other end waits until nobody holds it any more.
fn it_returns_at_once() {
    let peer = Peer::silent();
    let slow = node(&peer)
        .check("slow", "http", peer.addr(), "node")
        .key("timeout", 15);
    let dir = Workdir::with(&slow);
    let begun = Instant::now();
    let output = limited(binary())
        .args(["-c", "heartbeat.conf", "-d"])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .output()
        .expect("start heartbeat");
    let took = begun.elapsed();
    assert!(output.status.success(), "{output:?}");
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
    assert!(took < Duration::from_millis(900), "it took {took:?}");
    assert!(Process(dir.pid().expect("a pidfile")).is_alive());
    wait_for("the first round", || peer.arrivals().len() == 2);
}

fn it_holds_nothing_of_its_starter() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let daemon = daemonized(&dir);
    let session = getsid(Some(daemon.0)).expect("the session of the daemon");
    assert_ne!(session, getsid(None).expect("our session"));
    assert_eq!(session, daemon.session());
    assert!(!daemon.has_terminal());
    assert_eq!(daemon.directory(), dir.path());
    assert_eq!(daemon.status("Umask"), "0022");
    let descriptors = daemon.descriptors();
    for stdio in 0..=2 {
        assert_eq!(descriptors[&stdio], "/dev/null", "{descriptors:#?}");
    }
    dir.wait_for_words(&["+node"]);
    assert!(
        dir.log()
            .says(&format!("Heartbeat started ({}). Mode: Daemon.", daemon.0))
    );
    end(daemon, Signal::SIGTERM);
}

/// Started from a real terminal, which is then closed: it lives on.
fn it_has_nothing_of_the_terminal() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("interval", "0.1"));
    dir.on_a_terminal("-d");
    let daemon = Process(dir.pid().expect("a pidfile"));
    assert!(!daemon.has_terminal());
    dir.wait_for_rounds(3);
    assert!(daemon.is_alive());
    end(daemon, Signal::SIGTERM);
}

fn it_closes_what_it_was_started_with() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.through("umask 0; exec 9> left-open; exec \"$@\"")
        .daemonize()
        .expect(0);
    let daemon = Process(dir.pid().expect("a pidfile"));
    assert_eq!(daemon.status("Umask"), "0022");
    end(daemon, Signal::SIGTERM);
}

fn the_file_can_ask_for_it() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("daemonize", "yes"));
    dir.heartbeat().run().expect(0);
    let daemon = Process(dir.pid().expect("a pidfile"));
    dir.wait_for_log("Mode: Daemon.");
    end(daemon, Signal::SIGTERM);
}

fn it_ends_as_any_other() {
    let peer = Peer::silent();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let dir = Workdir::with(&node(&peer));
        let daemon = daemonized(&dir);
        dir.wait_for_words(&["+node"]);
        end(daemon, signal);
        assert!(!dir.has("heartbeat.pid"));
        let log = dir.log();
        assert!(log.says(&format!("Received {signal}. Stopping.")));
        let last = log.lines.last().expect("a line");
        assert_eq!(
            last.message,
            format!("Heartbeat stopped ({}). Goodbye.", daemon.0)
        );
    }
}

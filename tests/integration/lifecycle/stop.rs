//! SIGTERM and SIGINT: checks are abandoned, a command may finish, a second signal ends that too.

use std::time::{Duration, Instant};

use super::{daemonized, end, node};
use crate::support::config::Config;
use crate::support::heartbeat::{Heartbeat, Running};
use crate::support::names::{Names, SilentNameServer};
use crate::support::peer::{Peer, Swallower};
use crate::support::script::at_gate;
use crate::support::wait::{LIMIT, wait_for};
use crate::support::workdir::Workdir;

use nix::sys::signal::Signal;

tests![
    during_hanging_checks,
    #[root]
    during_a_lookup_that_hangs,
    of_a_daemon_during_a_hanging_check,
    between_two_rounds,
    as_soon_as_it_can_be_found,
    during_a_command,
    during_a_command_that_never_ends,
    the_second_one_ends_the_command,
    the_second_one_ends_a_command_that_is_being_killed,
];

const SIGNALS: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];

const SECOND: Duration = Duration::from_secs(1);

/// Ends within a second with status 0, without a pidfile and with a goodbye.
fn assert_stops(heartbeat: Running, dir: &Workdir, signal: Signal) {
    let pid = heartbeat.pid();
    heartbeat.signal(signal);
    heartbeat.wait_within(SECOND).expect(0);
    assert!(!dir.has("heartbeat.pid"));
    let log = dir.log();
    assert!(log.says(&format!("Received {signal}. Stopping.")));
    let last = log.lines.last().expect("a line");
    assert_eq!(last.message, format!("Heartbeat stopped ({pid}). Goodbye."));
}

/// One hangs while it connects, one in its handshake, one while it waits for the answer.
fn hanging(config: Config, peer: &Peer, swallower: &Swallower) -> Config {
    config
        .check("connecting", "tcp", swallower.addr(), "node")
        .key("timeout", 15)
        .check("shaking-hands", "https", peer.addr(), "node")
        .key("timeout", 15)
        .check("waiting", "http", peer.addr(), "node")
        .key("timeout", 15)
}

fn during_hanging_checks() {
    for signal in SIGNALS {
        let (peer, swallower) = (Peer::silent(), Swallower::new());
        let config = Config::new().action("node");
        let dir = Workdir::with(&hanging(config, &peer, &swallower));
        let heartbeat = dir.heartbeat().start();
        wait_for("the checks to hang", || peer.arrivals().len() == 2);
        assert_stops(heartbeat, &dir, signal);
        assert_eq!(dir.words(), [""; 0]);
    }
}

fn during_a_lookup_that_hangs() {
    let server = SilentNameServer::new();
    let names = Names::new().server(&server);
    let config = Config::new()
        .action("node")
        .check("lost", "tcp", "db.example.com:80", "node")
        .key("timeout", 15);
    let dir = Workdir::with(&config);
    let heartbeat = Heartbeat::knowing(&dir, &names).start();
    wait_for("the question", || server.questions() > 0);
    assert_stops(heartbeat, &dir, Signal::SIGTERM);
}

fn of_a_daemon_during_a_hanging_check() {
    let peer = Peer::silent();
    let config = Config::new()
        .action("node")
        .check("waiting", "http", peer.addr(), "node")
        .key("timeout", 15);
    let dir = Workdir::with(&config);
    let daemon = daemonized(&dir);
    wait_for("the check to hang", || peer.arrivals().len() == 1);
    let begun = Instant::now();
    end(daemon, Signal::SIGTERM);
    assert!(begun.elapsed() < SECOND, "it took {:?}", begun.elapsed());
    assert!(!dir.has("heartbeat.pid"));
}

fn between_two_rounds() {
    for signal in SIGNALS {
        let peer = Peer::silent();
        let dir = Workdir::with(&node(&peer));
        let heartbeat = dir.heartbeat().start();
        dir.wait_for_log("Action done: ");
        assert_stops(heartbeat, &dir, signal);
    }
}

/// Whoever reads the pidfile may use it: from that moment on a signal ends it in good order.
fn as_soon_as_it_can_be_found() {
    let peer = Peer::silent();
    for _ in 0..20 {
        let dir = Workdir::with(&node(&peer));
        let heartbeat = dir.heartbeat().start();
        let begun = Instant::now();
        // Without a pause between two looks: it is the very first moment that counts.
        while dir.pid() != Some(heartbeat.pid()) {
            assert!(begun.elapsed() < LIMIT, "no pidfile names it");
        }
        heartbeat.stop().expect(0);
        assert!(!dir.has("heartbeat.pid"));
    }
}

/// The command is waited for; no other command is begun, and no round.
fn during_a_command() {
    for signal in SIGNALS {
        let peer = Peer::silent();
        let config = Config::new()
            .general("interval", "0.1")
            .commands("a", &at_gate("+a"), "true")
            .action("b")
            .check("web", "tcp", peer.addr(), "a")
            .check("db", "tcp", peer.addr(), "b");
        let dir = Workdir::with(&config);
        let mut heartbeat = dir.heartbeat().start();
        dir.wait_for_words(&["+a("]);
        heartbeat.signal(signal);
        dir.wait_for_log("Stopping.");
        let arrivals = peer.arrivals().len();
        // It must hold out for as long as several rounds would take; only time can tell.
        std::thread::sleep(Duration::from_millis(500));
        assert!(heartbeat.is_running(), "it has not waited");
        assert!(peer.arrivals().len() <= arrivals + 2, "a round was begun");
        dir.open_gate();
        heartbeat.wait_within(SECOND).expect(0);
        assert_eq!(dir.words(), ["+a(", ")+a"]);
        assert!(dir.log().says("Action done: Name: a"));
    }
}

/// It may finish, within its timeout.
fn during_a_command_that_never_ends() {
    let peer = Peer::silent();
    let config = Config::new()
        .general("action_timeout", "1")
        .commands("node", "echo begun >> words; sleep 1000", "true")
        .check("web", "tcp", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["begun"]);
    heartbeat.signal(Signal::SIGTERM);
    let run = heartbeat.wait_within(3 * SECOND).expect(0);
    assert!(run.ran >= SECOND, "{run:?}");
    assert!(dir.log().says("timed out after 1s"));
    assert!(dir.processes().is_empty());
}

/// Two signals at one stroke are one wish, as `timeout` sends them; this is a person's pace.
fn a_moment_later() {
    std::thread::sleep(Duration::from_millis(100));
}

/// With all its children, whatever they ignore.
fn the_second_one_ends_the_command() {
    for (first, second) in [
        (Signal::SIGTERM, Signal::SIGTERM),
        (Signal::SIGINT, Signal::SIGTERM),
        (Signal::SIGTERM, Signal::SIGINT),
    ] {
        let peer = Peer::silent();
        let command = "trap '' TERM INT HUP\nsleep 1000 &\necho begun >> words\n\
                       while :; do sleep 1; done";
        let config = Config::new().commands("node", command, "true").check(
            "web",
            "tcp",
            peer.addr(),
            "node",
        );
        let dir = Workdir::with(&config);
        let mut heartbeat = dir.heartbeat().start();
        dir.wait_for_words(&["begun"]);
        heartbeat.signal(first);
        dir.wait_for_log("Stopping.");
        a_moment_later();
        assert!(heartbeat.is_running(), "it has not waited");
        heartbeat.signal(second);
        heartbeat.wait_within(SECOND).expect(0);
        assert!(dir.processes().is_empty(), "something of it is left");
        assert!(!dir.has("heartbeat.pid"));
        assert!(dir.log().says("Action failed: Name: node"));
    }
}

/// It has run out of time, ignores SIGTERM, and would have five seconds more.
fn the_second_one_ends_a_command_that_is_being_killed() {
    let peer = Peer::silent();
    let command = "trap 'echo told >> words' TERM\nwhile :; do sleep 0.1; done";
    let config = Config::new()
        .general("action_timeout", "0.2")
        .commands("node", command, "true")
        .check("web", "tcp", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["told"]);
    heartbeat.signal(Signal::SIGTERM);
    dir.wait_for_log("Stopping.");
    a_moment_later();
    heartbeat.signal(Signal::SIGTERM);
    heartbeat.wait_within(SECOND).expect(0);
    assert!(dir.processes().is_empty(), "something of it is left");
}

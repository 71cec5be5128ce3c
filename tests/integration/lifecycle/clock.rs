//! A round every interval, and nothing piles up.

use std::thread;
use std::time::Duration;

use super::node;
use crate::support::config::Config;
use crate::support::peer::{OK, Peer};
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    #[alone]
    rounds_do_not_drift,
    nothing_piles_up,
];

/// Interval 1, checks of half a second: six rounds start within 5.2 s.
fn rounds_do_not_drift() {
    let peer = Peer::serve(|mut conn| {
        conn.request()?;
        thread::sleep(Duration::from_millis(500));
        conn.send(OK)
    });
    let config = Config::new().general("interval", "1").action("node");
    let dir = Workdir::with(&config.check("web", "http", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    wait_for("six rounds", || peer.arrivals().len() >= 6);
    heartbeat.stop().expect(0);
    let arrivals = peer.arrivals();
    for (round, arrival) in (0_u8..).zip(&arrivals[..6]) {
        let late = arrival.duration_since(arrivals[0]).as_secs_f64() - f64::from(round);
        assert!(
            (-0.2..0.2).contains(&late),
            "round {round} is {late} s late"
        );
    }
}

/// Descriptors, threads, children: after hundreds of rounds and dozens of commands there are no more than at first.
fn nothing_piles_up() {
    let (web, db) = (Peer::healthy(), Peer::down());
    let config = node(&web)
        .general("interval", "0.01")
        .commands("failing", "true", "exit 1")
        .check("page", "http", web.addr(), "node")
        .check("db", "tcp", db.addr(), "failing");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    let process = Process(heartbeat.pid());
    let count = || {
        let threads: usize = process.status("Threads").parse().expect("a number");
        (process.descriptors().len(), threads)
    };
    dir.wait_for_log("Round 20 started");
    // The most of several looks: a command comes and goes with its threads and descriptors.
    let most = || (0..50).map(|_| count()).max().expect("a look");
    let before = most();
    dir.wait_for_log("Round 300 started");
    let after = most();
    assert!(
        after.0 <= before.0 + 6 && after.1 <= before.1 + 4,
        "descriptors and threads: {before:?} at first, {after:?} later"
    );
    heartbeat.stop().expect(0);
    assert!(dir.log().count("Action failed: ") > 20, "too few commands");
}

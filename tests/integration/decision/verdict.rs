//! When the node is promoted, and when it is demoted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{node, quick};
use crate::support::peer::{OK, Peer};
use crate::support::script::transitions;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    the_first_verdict_promotes_once,
    the_first_verdict_demotes_once,
    every_change_acts_once,
    one_of_several_is_enough_to_demote,
    a_demotion_does_not_wait_for_a_slow_check,
    a_promotion_waits_for_a_slow_check,
    a_promotion_after_a_demotion_waits_too,
    a_check_that_is_still_running_is_not_started_again,
];

fn the_first_verdict_promotes_once() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
    assert_eq!(transitions(&dir.log()), ["INFO unknown -> healthy."]);
}

fn the_first_verdict_demotes_once() {
    let peer = Peer::down();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["-node"]);
    heartbeat.stop().expect(0);
    assert_eq!(
        transitions(&dir.log()),
        ["WARNING unknown -> unhealthy, Failed: web."]
    );
}

fn every_change_acts_once() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    peer.go_down();
    dir.assert_settles_at(&["+node", "-node"]);
    peer.go_up();
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
    let expected = [
        "INFO unknown -> healthy.",
        "WARNING healthy -> unhealthy, Failed: web.",
        "INFO unhealthy -> healthy, Recovered: web.",
    ];
    assert_eq!(transitions(&dir.log()), expected);
}

/// Whether a second one fails or the first one recovers changes nothing; only when all are up again is all well.
fn one_of_several_is_enough_to_demote() {
    let (mut web, mut db, mut cache) = (Peer::silent(), Peer::silent(), Peer::silent());
    let dir = Workdir::with(&node(&web).check("db", "tcp", db.addr(), "node").check(
        "cache",
        "tcp",
        cache.addr(),
        "node",
    ));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    web.go_down();
    dir.assert_settles_at(&["+node", "-node"]);
    db.go_down();
    dir.wait_for_log("2 failed");
    web.go_up();
    wait_for_recovery(&dir, "web");
    dir.assert_settles_at(&["+node", "-node"]);
    db.go_up();
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    cache.go_down();
    dir.wait_for_words(&["+node", "-node", "+node", "-node"]);
    heartbeat.stop().expect(0);
    let expected = [
        "INFO unknown -> healthy.",
        "WARNING healthy -> unhealthy, Failed: web.",
        "INFO unhealthy -> healthy, Recovered: web, db.",
        "WARNING healthy -> unhealthy, Failed: cache.",
    ];
    assert_eq!(transitions(&dir.log()), expected);
}

fn a_demotion_does_not_wait_for_a_slow_check() {
    let (down, slow) = (Peer::down(), Peer::silent());
    let dir = Workdir::with(
        &node(&down)
            .check("slow", "http", slow.addr(), "node")
            .key("timeout", 30),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["-node"]);
    assert!(dir.log().checks("slow").is_empty(), "it has answered");
    heartbeat.stop().expect(0);
}

fn wait_for_recovery(dir: &Workdir, check: &str) {
    wait_for("a check to recover", || {
        dir.log().check(check).status == "Healthy"
    });
}

/// Holds an HTTP peer back, when the test wants it to.
#[derive(Default)]
struct Brake {
    pulled: AtomicBool,
    works: AtomicBool,
}

impl Brake {
    fn pull(&self) {
        self.pulled.store(true, Ordering::SeqCst);
    }

    fn release(&self) {
        self.pulled.store(false, Ordering::SeqCst);
    }

    fn wait_until_it_works(&self) {
        wait_for("a check to hang", || self.works.load(Ordering::SeqCst));
    }
}

/// A peer that answers 200, but for as long as its brake is pulled.
fn peer_with(brake: &Arc<Brake>) -> Peer {
    let brake = Arc::clone(brake);
    Peer::serve(move |mut conn| {
        conn.request()?;
        wait_for("the brake to be released", || {
            let pulled = brake.pulled.load(Ordering::SeqCst);
            brake.works.store(pulled, Ordering::SeqCst);
            !pulled
        });
        conn.send(OK)
    })
}

/// The position of the first line that contains `text`.
fn line_of(dir: &Workdir, text: &str) -> usize {
    let lines = dir.log().lines;
    let line = lines.iter().position(|line| line.message.contains(text));
    line.unwrap_or_else(|| panic!("no line says {text:?}: {lines:#?}"))
}

fn a_promotion_waits_for_a_slow_check() {
    let brake = Arc::new(Brake::default());
    brake.pull();
    let (fast, slow) = (Peer::silent(), peer_with(&brake));
    let dir = Workdir::with(
        &node(&fast)
            .check("slow", "http", slow.addr(), "node")
            .key("timeout", 15),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log_times("Name: web, ", 3);
    assert_eq!(dir.words(), [""; 0]);
    brake.release();
    dir.wait_for_words(&["+node"]);
    heartbeat.stop().expect(0);
    let (answered, promoted) = (line_of(&dir, "Name: slow, "), line_of(&dir, "All critical"));
    assert!(answered < promoted, "{:#?}", dir.log().lines);
}

/// In a later round too: it is not enough that the check which was down is up again.
fn a_promotion_after_a_demotion_waits_too() {
    let brake = Arc::new(Brake::default());
    let (mut fast, slow) = (Peer::silent(), peer_with(&brake));
    let dir = Workdir::with(
        &node(&fast)
            .check("slow", "http", slow.addr(), "node")
            .key("timeout", 15),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    brake.pull();
    brake.wait_until_it_works();
    fast.go_down();
    dir.wait_for_words(&["+node", "-node"]);
    fast.go_up();
    wait_for_recovery(&dir, "web");
    let results = dir.log().checks("web").len();
    wait_for("some rounds", || {
        dir.log().checks("web").len() > results + 3
    });
    assert_eq!(dir.words(), ["+node", "-node"]);
    brake.release();
    dir.wait_for_words(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn a_check_that_is_still_running_is_not_started_again() {
    let (hanging, fast) = (Peer::silent(), Peer::silent());
    let dir = Workdir::with(
        &quick()
            .action("node")
            .check("hanging", "http", hanging.addr(), "node")
            .key("timeout", 15)
            .check("fast", "tcp", fast.addr(), "node"),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Round 6 started");
    assert_eq!(hanging.arrivals().len(), 1);
    assert!(fast.arrivals().len() >= 5, "the others wait for it");
    heartbeat.stop().expect(0);
}

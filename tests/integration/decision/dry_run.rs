//! `--dry-run`: everything but the actions.

use super::{node, quick};
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};

tests![
    a_one_shot_tells_what_it_would_run,
    the_state_of_real_runs_is_not_changed,
    in_the_foreground,
    as_a_daemon,
];

fn a_one_shot_tells_what_it_would_run() {
    let (up, down) = (Peer::silent(), Peer::down());
    let commands = [
        (&up, 0, "Would run: echo +node >> words (promotion of node)"),
        (
            &down,
            1,
            "Would run: echo -node >> words (demotion of node)",
        ),
    ];
    for (peer, status, told) in commands {
        let dir = Workdir::with(&node(peer));
        dir.heartbeat().arg("--dry-run").once().expect(status);
        let log = dir.log();
        assert_eq!(log.count("Would run"), 1, "{:#?}", log.lines);
        assert!(log.messages("INFO").contains(&told), "{:#?}", log.lines);
        assert_eq!(dir.words(), [""; 0]);
        assert!(!dir.has("heartbeat.state"), "a state was written");
    }
}

fn the_state_of_real_runs_is_not_changed() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.heartbeat().once().expect(0);
    let state = dir.read("heartbeat.state");
    dir.heartbeat().arg("--dry-run").once().expect(0);
    assert!(!dir.log().says("Would run"), "{:#?}", dir.log().lines);
    peer.go_down();
    dir.heartbeat().arg("--dry-run").once().expect(1);
    assert_eq!(dir.log().count("Would run"), 1);
    assert_eq!(dir.read("heartbeat.state"), state);
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.words(), ["+node", "-node"]);
}

fn in_the_foreground() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().arg("--dry-run").start();
    dir.wait_for_log("(promotion of node)");
    dir.wait_for_rounds(3);
    peer.go_down();
    dir.wait_for_log("(demotion of node)");
    dir.wait_for_rounds(3);
    heartbeat.stop().expect(0);
    let log = dir.log();
    assert_eq!(log.count("Would run: "), 2, "{:#?}", log.lines);
    assert_eq!(dir.words(), [""; 0]);
    assert!(!dir.has("heartbeat.state"), "a state was written");
}

fn as_a_daemon() {
    let peer = Peer::silent();
    let dir = Workdir::with(
        &quick()
            .action("node")
            .check("web", "tcp", peer.addr(), "node"),
    );
    dir.heartbeat().arg("--dry-run").daemonize().expect(0);
    dir.wait_for_log("Would run: ");
    kill(dir.pid().expect("a daemon"), Signal::SIGTERM).expect("stop the daemon");
    dir.wait_for_log("Goodbye");
    assert_eq!(dir.words(), [""; 0]);
    assert!(!dir.has("heartbeat.state"), "a state was written");
}

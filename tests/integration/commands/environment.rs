//! The variables that a command is told the story in.

use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::script::tell;
use crate::support::workdir::Workdir;

tests![
    who_and_why,
    every_failed_check_one_a_line,
    what_heartbeat_was_started_with,
    a_reason_that_no_variable_can_hold,
];

fn who_and_why() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(
        &Config::new()
            .general("interval", "0.1")
            .commands("node", &tell("up"), &tell("down"))
            .check("web", "tcp", peer.addr(), "node"),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log_times("Action done: ", 1);
    let up = "STATE=healthy;\nPREVIOUS=unknown;\nACTION=node;\nFAILED=;\nREASON=;\n";
    assert_eq!(dir.read("up"), up);

    peer.go_down();
    dir.wait_for_log_times("Action done: ", 2);
    let down = dir.read("down");
    let (down, reason) = down.split_once("REASON=").expect("a reason");
    let expected = "STATE=unhealthy;\nPREVIOUS=healthy;\nACTION=node;\nFAILED=web;\n";
    assert_eq!(down, expected);
    assert!(
        reason.contains("web") && reason.contains("Connection refused"),
        "{reason}"
    );

    peer.go_up();
    dir.wait_for_log_times("Action done: ", 3);
    heartbeat.stop().expect(0);
    let again = dir.read("up").split_off(up.len());
    let expected = "STATE=healthy;\nPREVIOUS=unhealthy;\nACTION=node;\nFAILED=;\n";
    assert!(again.starts_with(expected), "{again}");
}

/// The first of two demotions waits until both have failed, so that the second one is told of both.
fn every_failed_check_one_a_line() {
    let (web, db, cache) = (Peer::down(), Peer::down(), Peer::silent());
    let dir = Workdir::with(
        &Config::new()
            .commands("a", "true", "until [ -e gate ]; do sleep 0.02; done")
            .commands("b", "true", &tell("down"))
            .check("web", "tcp", web.addr(), "a")
            .check("cache", "tcp", cache.addr(), "b")
            .check("db", "tcp", db.addr(), "b"),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("2 failed");
    dir.open_gate();
    dir.wait_for_log_times("Action done: ", 2);
    heartbeat.stop().expect(0);
    let down = dir.read("down");
    assert!(down.contains("ACTION=b;\nFAILED=web\ndb;\n"), "{down}");
}

fn what_heartbeat_was_started_with() {
    let peer = Peer::silent();
    let dir = super::promoting(&peer, "echo \"$COLOUR\" $HOME > colour");
    dir.heartbeat()
        .env("COLOUR", "dark  green")
        .env("HOME", "/a/home")
        .once()
        .expect(0);
    assert_eq!(dir.read("colour"), "dark  green /a/home\n");
}

/// A peer must not be able to prevent its demotion by what it says: no variable can hold a zero byte, nor 200 KiB.
fn a_reason_that_no_variable_can_hold() {
    let long = format!("HTTP/1.1 503 {}\r\n\r\n", "x".repeat(200_000));
    let answers = ["HTTP/1.1 503 a\0b\r\n\r\n", "\0\0\0\0\r\n\r\n", &long];
    for answer in answers.map(str::to_owned) {
        let peer = Peer::answering(answer);
        let dir = Workdir::with(&Config::new().action("node").check(
            "web",
            "http",
            peer.addr(),
            "node",
        ));
        dir.heartbeat().once().expect(1);
        assert_eq!(dir.words(), ["-node"]);
    }
}

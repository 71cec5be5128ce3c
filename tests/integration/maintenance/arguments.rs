//! What the commands take, what they refuse, and what becomes of a hostile reason.

use std::fs;

use super::{FILE, node};
use crate::support::peer::Peer;
use crate::support::script::tell;
use crate::support::workdir::Workdir;

tests![
    what_is_wrong_changes_nothing,
    a_configuration_that_is_wrong,
    where_nobody_can_write,
    a_reason_that_is_hostile,
    a_reason_that_is_long,
    anything_else_is_left_alone,
];

fn what_is_wrong_changes_nothing() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let wrong: [&[&str]; 14] = [
        &["drain"],
        &["hold"],
        &["drain", ""],
        &["drain", "--for", "30m"],
        &["drain", "--for", "soon", "x"],
        &["drain", "--for", "0", "x"],
        &["drain", "--for", "-5", "x"],
        &["hold", "--for", "9000h", "x"],
        &["hold", "--until", "5", "x"],
        &["resume", "x"],
        &["resume", "--for", "5m"],
        &["--once", "drain", "x"],
        &["--dry-run", "hold", "x"],
        &["dran", "x"],
    ];
    for words in wrong {
        let refused = dir.ask(words).expect(2);
        assert_eq!(refused.stdout, "", "{words:?}");
        assert!(!refused.stderr.is_empty(), "{words:?}");
        assert!(!refused.stderr.contains("panicked"), "{words:?}");
        assert_eq!(dir.files(), ["heartbeat.conf"], "{words:?}");
    }
}

fn a_configuration_that_is_wrong() {
    let dir = Workdir::new();
    dir.write("heartbeat.conf", "nonsense\n");
    for words in [&["drain", "x"][..], &["hold", "x"], &["resume"]] {
        dir.ask(words).expect(0);
    }
    assert_eq!(dir.files(), ["heartbeat.conf"]);
    dir.write("heartbeat.conf", "\0");
    for words in [&["drain", "x"][..], &["hold", "x"], &["resume"]] {
        let refused = dir.ask(words).expect(2);
        assert!(refused.stderr.starts_with("heartbeat.conf:1: "));
    }
}

fn where_nobody_can_write() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("statefile", "nowhere/state"));
    let failed = dir.ask(&["drain", "x"]).expect(3);
    assert_eq!(failed.stdout, "");
    let told = "/nowhere/state.maintenance: ";
    assert!(failed.stderr.contains(told), "{}", failed.stderr);
    fs::create_dir_all(dir.file("nowhere/state.maintenance/full")).expect("folders");
    dir.ask(&["drain", "x"]).expect(3);
    dir.ask(&["resume"]).expect(3);
}

/// It stays on one line and moves no terminal, wherever it is shown.
fn a_reason_that_is_hostile() {
    let peer = Peer::silent();
    let config = crate::support::config::Config::new().general("interval", "0.1");
    let config = config.commands("node", "true", &tell("down"));
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Action done: ");
    let reason = "a\n2026-11-22 15:04:05 INFO     forged\u{1b}[2J\u{202e}\"; rm -rf $(id) `id` %s";
    let drained = dir.ask(&["drain", reason]).expect(0);
    assert_eq!(drained.stdout.lines().count(), 1);
    dir.wait_for_log_times("Action done: ", 2);
    let odd = |text: &str| text.contains(['\u{1b}', '\u{202e}']);
    assert!(!odd(&drained.stdout) && !odd(&dir.read("heartbeat.log")) && !odd(&dir.read("down")));
    let shown = r#"drained: a\n2026-11-22 15:04:05 INFO     forged\u{1b}[2J\u{202e}"; rm -rf $(id) `id` %s"#;
    assert!(dir.log().says(&format!("Maintenance: {shown}.")));
    assert!(
        !dir.log()
            .lines
            .iter()
            .any(|line| line.message.starts_with("forged"))
    );
    assert!(dir.read("down").contains(shown), "{}", dir.read("down"));
    heartbeat.stop().expect(0);
}

fn a_reason_that_is_long() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let drained = dir.ask(&["drain", &"ü".repeat(50_000)]).expect(0);
    assert!(
        drained.stdout.len() < 4096,
        "{} bytes",
        drained.stdout.len()
    );
    assert!(dir.read(FILE).len() < 4096);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["-node"]);
}

fn anything_else_is_left_alone() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.drain();
    assert_eq!(dir.files(), ["heartbeat.conf", FILE]);
    dir.hold();
    assert_eq!(dir.files(), ["heartbeat.conf", FILE]);
    dir.resume();
    assert_eq!(dir.files(), ["heartbeat.conf"]);
    assert_eq!(peer.arrivals().len(), 0);
}

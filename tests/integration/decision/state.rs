//! The state file: what is believed of it, and how it is written.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::node;
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::wait::{LIMIT, wait_for};
use crate::support::workdir::Workdir;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

tests![
    a_file_that_is_not_understood_is_unknown_with_a_warning,
    no_file_is_no_warning,
    a_link_is_refused_and_its_target_untouched,
    what_is_not_a_file_is_refused,
    a_link_in_the_way_of_a_new_file_is_not_followed,
    others_may_not_write_it,
    a_reader_never_sees_half_a_file,
    #[root]
    after_a_reboot_nothing_is_known,
];

/// How often the log warns of the state file.
fn warnings(dir: &Workdir) -> usize {
    let log = dir.log();
    let warnings = log.messages("WARNING").into_iter();
    warnings
        .filter(|line| line.contains("heartbeat.state"))
        .count()
}

fn a_file_that_is_not_understood_is_unknown_with_a_warning() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.heartbeat().once().expect(0);
    let whole = fs::read(dir.file("heartbeat.state")).expect("a state");
    let variants: [&[u8]; 7] = [
        &whole[..whole.len() / 2],
        b"",
        b"{}",
        b"null",
        b"\x00\xff\x1b[31m",
        b"#!/bin/sh\necho foreign\n",
        &[b'['; 10_000],
    ];
    for (number, variant) in (1..).zip(variants) {
        dir.write("heartbeat.state", variant);
        dir.heartbeat().once().expect(0);
        assert_eq!(dir.words().len(), number + 1, "it was believed");
        assert_eq!(warnings(&dir), number, "{:#?}", dir.log().lines);
        dir.heartbeat().once().expect(0);
        assert_eq!(dir.words().len(), number + 1, "it was not replaced");
    }
}

fn no_file_is_no_warning() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.heartbeat().once().expect(0);
    assert_eq!(warnings(&dir), 0);
}

fn a_link_is_refused_and_its_target_untouched() {
    let peer = Peer::silent();
    for target in ["precious", "not-there"] {
        let dir = Workdir::with(&node(&peer));
        dir.write("precious", "precious");
        symlink(dir.file(target), dir.file("heartbeat.state")).expect("a link");
        assert_refused(&dir);
        assert_eq!(dir.read("precious"), "precious");
        assert!(!dir.has("not-there"));
    }
}

fn what_is_not_a_file_is_refused() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let state = dir.file("heartbeat.state");
    fs::create_dir(&state).expect("a folder");
    assert_refused(&dir);
    fs::remove_dir(&state).expect("remove a folder");
    mkfifo(&state, Mode::S_IRWXU).expect("a FIFO");
    assert_refused(&dir);
}

/// In every mode, on stderr, and before anything was run.
fn assert_refused(dir: &Workdir) {
    for mode in [&["--once"][..], &["--daemonize"], &[]] {
        let run = dir.heartbeat().args(mode).run().expect(3);
        assert!(run.stderr.starts_with("heartbeat: "), "{}", run.stderr);
        assert!(run.stderr.contains("heartbeat.state"), "{}", run.stderr);
        assert_eq!(dir.words(), [""; 0]);
        assert!(!dir.has("heartbeat.pid"));
    }
}

/// Whoever may write in the folder cannot have a file of root's overwritten by guessing a name.
fn a_link_in_the_way_of_a_new_file_is_not_followed() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.write("precious", "precious");
    for name in [
        "heartbeat.state.new",
        "heartbeat.state.tmp",
        "heartbeat.state~",
    ] {
        symlink(dir.file("precious"), dir.file(name)).expect("a link");
    }
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.read("precious"), "precious");
}

fn others_may_not_write_it() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.through("umask 0; exec \"$@\"").once().expect(0);
    for name in ["heartbeat.state", "heartbeat.log"] {
        let mode = fs::metadata(dir.file(name)).expect(name).permissions();
        assert_eq!(mode.mode() & 0o022, 0, "{name} has {:o}", mode.mode());
    }
}

/// A promotion that fails in every one of many rounds.
fn failing_fast(peer: &Peer) -> Config {
    Config::new()
        .general("interval", "0.01")
        .commands("node", "exit 1", "true")
        .check("web", "tcp", peer.addr(), "node")
}

/// It is replaced as a whole: a thousand looks at it find nothing else.
fn a_reader_never_sees_half_a_file() {
    let peer = Peer::silent();
    let dir = Workdir::with(&failing_fast(&peer));
    let heartbeat = dir.heartbeat().start();
    wait_for("a state", || dir.has("heartbeat.state"));
    let begun = std::time::Instant::now();
    while dir.log().count("Action failed") < 40 {
        for _ in 0..25 {
            let text = fs::read(dir.file("heartbeat.state")).expect("a state");
            let json: Result<serde_json::Value, _> = serde_json::from_slice(&text);
            assert!(json.is_ok(), "{:?}", String::from_utf8_lossy(&text));
        }
        assert!(begun.elapsed() < LIMIT, "it has stopped trying");
    }
    heartbeat.stop().expect(0);
}

/// Another boot id is mounted over the kernel's for the second run, which is the one after the reboot.
fn after_a_reboot_nothing_is_known() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.heartbeat().once().expect(0);
    dir.write("boot_id", "11111111-2222-3333-4444-555555555555\n");
    let rebooted = || {
        dir.through_mounts("mount --bind boot_id /proc/sys/kernel/random/boot_id && exec \"$@\"")
    };
    rebooted().once().expect(0);
    assert_eq!(dir.words(), ["+node", "+node"]);
    rebooted().once().expect(0);
    assert_eq!(dir.words(), ["+node", "+node"]);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node", "+node", "+node"]);
}

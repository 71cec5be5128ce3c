//! The pidfile: what it says, what may be overwritten, and that it goes when heartbeat goes.

use std::fs;

use super::{MODES, daemonized, end, node};
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::workdir::Workdir;

use nix::sys::signal::Signal;

tests![
    it_names_the_process_and_goes_with_it,
    a_stale_one_is_no_obstacle,
    something_precious_is_not_overwritten,
    a_device_is_refused,
    a_failed_start_leaves_none,
    one_of_another_process_is_not_removed,
];

fn it_names_the_process_and_goes_with_it() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let mut heartbeat = dir.heartbeat().start();
    heartbeat.wait_until_locked();
    let expected = format!("{}\n", heartbeat.pid());
    assert_eq!(dir.read("heartbeat.pid"), expected);
    dir.wait_for_log("Round 1 complete");
    heartbeat.stop().expect(0);
    assert!(!dir.has("heartbeat.pid"));
    let daemon = daemonized(&dir);
    assert_eq!(dir.read("heartbeat.pid"), format!("{}\n", daemon.0));
    end(daemon, Signal::SIGTERM);
    assert!(!dir.has("heartbeat.pid"));
}

/// Of a process that is gone, of one that lives and is another, of none; longer and shorter than the new one.
fn a_stale_one_is_no_obstacle() {
    let peer = Peer::silent();
    let own = std::process::id().to_string();
    for stale in [
        "4194303\n",
        "1\n",
        &own,
        "",
        "\n",
        "00000000000000004194303\n",
    ] {
        for mode in MODES {
            let dir = Workdir::with(&node(&peer));
            dir.write("heartbeat.pid", stale);
            if mode.contains(&"--once") {
                dir.heartbeat().args(mode).run().expect(0);
            } else if mode.is_empty() {
                let mut heartbeat = dir.heartbeat().start();
                heartbeat.wait_until_locked();
                dir.wait_for_log("Round 1 complete");
                heartbeat.stop().expect(0);
            } else {
                let daemon = daemonized(&dir);
                assert!(daemon.is_alive() && daemon.directory() == dir.path());
                end(daemon, Signal::SIGTERM);
            }
            assert!(!dir.has("heartbeat.pid"));
        }
    }
}

/// `pidfile = ` with the wrong path behind it.
fn something_precious_is_not_overwritten() {
    let peer = Peer::silent();
    let long = "1234 ".repeat(1000);
    let line = "root:x:0:0:root:/root:/bin/sh\n";
    // A key is as short as a number, and no text.
    let key = [[0xfe; 31].as_slice(), b"7"].concat();
    for precious in [line.as_bytes(), b"\x7fELF\0\0", &key, long.as_bytes()] {
        let dir = Workdir::with(&node(&peer));
        dir.write("heartbeat.pid", precious);
        for mode in MODES {
            let run = dir.heartbeat().args(mode).run().expect(3);
            assert!(run.stderr.starts_with("heartbeat: "), "{}", run.stderr);
            assert!(run.stderr.contains("heartbeat.pid"), "{}", run.stderr);
            assert_eq!(fs::read(dir.file("heartbeat.pid")).unwrap(), precious);
        }
        assert_eq!(dir.words(), [""; 0]);
    }
}

/// It cannot be a lock: everybody would share it.
fn a_device_is_refused() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("pidfile", "/dev/null"));
    let run = dir.through_guarded("exec \"$@\"").once().expect(3);
    assert!(run.stderr.contains("/dev/null"), "{}", run.stderr);
}

fn a_failed_start_leaves_none() {
    let peer = Peer::silent();
    for key in ["logfile", "statefile"] {
        for stale in [None, Some("4194303\n")] {
            let dir = Workdir::with(&node(&peer).general(key, "no/such/folder/file"));
            if let Some(stale) = stale {
                dir.write("heartbeat.pid", stale);
            }
            for mode in MODES {
                dir.heartbeat().args(mode).run().expect(3);
                assert!(!dir.has("heartbeat.pid"), "it was left");
            }
        }
    }
}

/// Somebody has removed the file, and another heartbeat has made one since.
fn one_of_another_process_is_not_removed() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let first = dir.heartbeat().start();
    dir.wait_for_log("Action done: ");
    fs::remove_file(dir.file("heartbeat.pid")).expect("remove the pidfile");
    let mut second = dir.heartbeat().start();
    second.wait_until_locked();
    let second_pid = second.pid();
    dir.wait_for_log_times("Action done: ", 2);
    first.stop().expect(0);
    assert_eq!(dir.pid(), Some(second_pid));
    assert!(Process(second_pid).is_alive());
    second.stop().expect(0);
    assert!(!dir.has("heartbeat.pid"));
}

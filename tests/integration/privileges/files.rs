//! The files of a heartbeat that has given up being root: it can still write, rotate and remove them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use super::{MODES, promoting};
use crate::support::accounts::{ALICE, Accounts};
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};

tests![
    #[root]
    they_are_the_users_and_others_may_not_write_them,
    #[root]
    the_log_is_rotated_and_the_pidfile_removed,
    #[root]
    a_folder_that_the_user_may_not_write,
    #[root]
    a_log_that_the_user_may_not_write,
    #[root]
    links_to_files_of_root_are_not_followed,
    #[root]
    root_refuses_a_configuration_that_others_can_write,
];

const FILES: [&str; 3] = ["heartbeat.log", "heartbeat.pid", "heartbeat.state"];

fn they_are_the_users_and_others_may_not_write_them() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    for mode in [MODES[0], MODES[1]] {
        let dir = Workdir::with(&promoting(&peer, "true").general("user", "alice"));
        ALICE.own(&dir);
        let script = "umask 0; exec \"$@\"";
        let started = accounts.started_by(&dir, script).args(mode).start();
        dir.wait_for_log("Action done: ");
        for name in FILES {
            let meta = fs::metadata(dir.file(name)).expect(name);
            assert_eq!((meta.uid(), meta.gid()), (ALICE.uid, ALICE.gid), "{name}");
            assert_eq!(meta.mode() & 0o022, 0, "{name} has {:o}", meta.mode());
        }
        let pid = dir.pid().expect("a pidfile");
        kill(pid, Signal::SIGTERM).expect("stop it");
        wait_for("its end", || !Process(pid).is_alive());
        started.wait().expect(0);
    }
}

/// A log that is nearly full, so that a few rounds are enough.
fn the_log_is_rotated_and_the_pidfile_removed() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    for mode in [MODES[0], MODES[1]] {
        let config = promoting(&peer, "true").general("user", "alice");
        let dir = Workdir::with(&config.general("interval", "0.01"));
        let line = "2026-01-01 00:00:00 INFO     An old line.\n";
        dir.write("heartbeat.log", line.repeat(999_000 / line.len()));
        ALICE.own(&dir);
        let started = accounts.heartbeat(&dir).args(mode).start();
        wait_for("the rotation", || dir.has("heartbeat.log.1"));
        let pid = dir.pid().expect("a pidfile");
        kill(pid, Signal::SIGTERM).expect("stop it");
        wait_for("its end", || !Process(pid).is_alive());
        started.wait().expect(0);
        assert!(!dir.has("heartbeat.pid"), "the pidfile was left");
        assert!(dir.log().says("Goodbye"));
    }
}

/// It is told before anything is run: what root could have written, the daemon could not have rotated or removed.
fn a_folder_that_the_user_may_not_write() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    for key in ["logfile", "pidfile", "statefile"] {
        let config = promoting(&peer, "echo + >> words").general("user", "alice");
        let dir = Workdir::with(&config.general(key, "closed/file"));
        ALICE.own(&dir);
        fs::create_dir(dir.file("closed")).expect("a folder of root's");
        for mode in MODES {
            let run = accounts.heartbeat(&dir).args(mode).run().expect(3);
            assert!(run.stderr.starts_with("heartbeat: "), "{}", run.stderr);
            assert!(run.stderr.contains("closed/file"), "{}", run.stderr);
            assert_eq!(dir.words(), [""; 0]);
            assert!(!dir.has("heartbeat.pid"));
        }
    }
}

/// As after runs as root.
fn a_log_that_the_user_may_not_write() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    let dir = Workdir::with(&promoting(&peer, "echo + >> words").general("user", "alice"));
    ALICE.own(&dir);
    dir.write("heartbeat.log", "");
    chown(dir.file("heartbeat.log"), Some(0), Some(0)).expect("keep it");
    for mode in MODES {
        let run = accounts.heartbeat(&dir).args(mode).run().expect(3);
        assert!(run.stderr.contains("heartbeat.log"), "{}", run.stderr);
        assert_eq!(dir.words(), [""; 0]);
        assert!(!dir.has("heartbeat.pid"));
    }
}

/// The folder is the user's: names in it can be made to lead anywhere. Root itself does not follow them either.
fn links_to_files_of_root_are_not_followed() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    for user in ["alice", "None"] {
        for name in FILES {
            let dir = Workdir::with(&promoting(&peer, "true").general("user", user));
            let folder = Workdir::new();
            folder.write("precious", "");
            symlink(folder.file("precious"), dir.file(name)).expect("a link");
            chown(dir.path(), Some(ALICE.uid), Some(ALICE.gid)).expect("give it away");
            for mode in MODES {
                let run = accounts.heartbeat(&dir).args(mode).run().expect(3);
                assert!(run.stderr.contains(name), "{}", run.stderr);
            }
            let meta = fs::metadata(folder.file("precious")).expect("the target");
            assert_eq!((meta.len(), meta.uid()), (0, 0));
        }
    }
}

fn root_refuses_a_configuration_that_others_can_write() {
    let peer = Peer::silent();
    let dir = Workdir::with(&promoting(&peer, "echo + >> words"));
    let set_mode = |mode: u32| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(dir.file("heartbeat.conf"), mode).expect("set a mode");
    };
    for mode in [0o664, 0o646, 0o666, 0o620, 0o602] {
        set_mode(mode);
        for arguments in MODES.into_iter().chain([&["--test-config"][..]]) {
            let run = dir.heartbeat().args(arguments).run().expect(2);
            assert!(run.stderr.contains("heartbeat.conf"), "{}", run.stderr);
            assert_eq!(dir.files(), ["heartbeat.conf"], "{mode:o}");
        }
    }
    for mode in [0o644, 0o600, 0o400, 0o755] {
        set_mode(mode);
        dir.heartbeat().test_config().expect(0);
    }
    dir.heartbeat().once().expect(0);
    chown(dir.file("heartbeat.conf"), Some(ALICE.uid), None).expect("give it away");
    let run = dir.heartbeat().once().expect(2);
    assert!(run.stderr.contains("belongs to user"), "{}", run.stderr);
    assert_eq!(dir.words(), ["+"]);
}

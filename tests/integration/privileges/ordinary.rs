//! heartbeat as an ordinary user starts it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{MODES, promoting};
use crate::support::accounts::{ALICE, Accounts};
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};

tests![
    #[root]
    who_asks_for_nothing_can_run_it,
    #[root]
    who_asks_for_himself_can_run_it,
    #[root]
    who_asks_for_another_is_refused,
    #[root]
    a_folder_that_may_not_be_written,
    #[root]
    what_others_can_write_is_his_own_affair,
];

const WHO: &str = "id -un >> words";

fn who_asks_for_nothing_can_run_it() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    for mode in MODES {
        let dir = Workdir::with(&promoting(&peer, WHO));
        let started = accounts.started_as(&ALICE, &dir).args(mode).start();
        dir.wait_for_words(&["alice"]);
        if mode.contains(&"--once") {
            started.wait().expect(0);
            continue;
        }
        let pid = dir.pid().expect("a pidfile");
        kill(pid, Signal::SIGTERM).expect("stop it");
        wait_for("its end", || !Process(pid).is_alive());
        started.wait().expect(0);
        assert!(!dir.has("heartbeat.pid"), "the pidfile was left");
    }
}

/// So that a configuration of root's can be tried.
fn who_asks_for_himself_can_run_it() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    let dir = Workdir::with(&promoting(&peer, WHO).general("user", "alice"));
    accounts.started_as(&ALICE, &dir).once().expect(0);
    assert_eq!(dir.words(), ["alice"]);
}

fn who_asks_for_another_is_refused() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    for (key, name) in [
        ("user", "bob"),
        ("user", "root"),
        ("group", "others"),
        ("group", "root"),
    ] {
        let dir = Workdir::with(&promoting(&peer, WHO).general(key, name));
        for mode in MODES {
            let run = accounts.started_as(&ALICE, &dir).args(mode).run().expect(3);
            assert!(run.stderr.starts_with("heartbeat: "), "{}", run.stderr);
            assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
            assert_eq!(dir.files(), ["heartbeat", "heartbeat.conf"]);
        }
    }
}

/// By an ordinary user: root can write everywhere.
fn a_folder_that_may_not_be_written() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    for key in ["logfile", "pidfile", "statefile"] {
        let dir = Workdir::with(&promoting(&peer, WHO).general(key, "closed/file"));
        fs::create_dir(dir.file("closed")).expect("a folder");
        let closed = fs::Permissions::from_mode(0o555);
        fs::set_permissions(dir.file("closed"), closed).expect("close it");
        for mode in MODES {
            let run = accounts.started_as(&ALICE, &dir).args(mode).run().expect(3);
            assert!(run.stderr.starts_with("heartbeat: "), "{}", run.stderr);
            assert!(run.stderr.contains("closed/file"), "{}", run.stderr);
            assert_eq!(dir.words(), [""; 0]);
        }
    }
}

fn what_others_can_write_is_his_own_affair() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    let dir = Workdir::with(&promoting(&peer, WHO));
    let open = fs::Permissions::from_mode(0o666);
    fs::set_permissions(dir.file("heartbeat.conf"), open).expect("open it");
    accounts.started_as(&ALICE, &dir).once().expect(0);
    assert_eq!(dir.words(), ["alice"]);
}

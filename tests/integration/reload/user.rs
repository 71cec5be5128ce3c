//! After the change of user: what only root can read cannot be read again.

use super::node;
use crate::support::accounts::{ALICE, Accounts};
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::script::{REFUSED, RELOADED};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};

tests![
    #[root]
    a_file_that_only_root_can_read,
    #[root]
    a_file_that_the_user_can_read,
];

/// Starts a daemon that has become alice in a directory of hers, but for the configuration.
fn daemon_of_alice(dir: &Workdir) -> Process {
    ALICE.own(dir);
    std::os::unix::fs::chown(dir.file("heartbeat.conf"), Some(0), Some(0))
        .expect("give it to root");
    Accounts::new().heartbeat(dir).daemonize().expect(0);
    let daemon = Process(dir.pid().expect("a daemon's pidfile"));
    assert!(daemon.status("Uid").starts_with(&ALICE.uid.to_string()));
    daemon
}

fn set_mode(dir: &Workdir, mode: u32) {
    let path = dir.file("heartbeat.conf");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set a mode");
}

fn end(daemon: Process) {
    kill(daemon.0, Signal::SIGTERM).expect("stop the daemon");
    wait_for("its end", || !daemon.is_alive());
}

fn a_file_that_only_root_can_read() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("user", "alice"));
    set_mode(&dir, 0o600);
    let daemon = daemon_of_alice(&dir);
    dir.wait_for_words(&["+node"]);
    kill(daemon.0, Signal::SIGHUP).expect("signal the daemon");
    dir.wait_for_log(REFUSED);
    dir.wait_for_log("ermission denied");
    let log = dir.log();
    let why = log.messages("ERROR");
    assert!(
        why.len() == 2 && why[1].contains("heartbeat.conf"),
        "{why:#?}"
    );
    peer.go_down();
    dir.assert_settles_at(&["+node", "-node"]);
    end(daemon);
}

fn a_file_that_the_user_can_read() {
    let (peer, more) = (Peer::silent(), Peer::down());
    let config = || node(&peer).general("user", "alice");
    let dir = Workdir::with(&config());
    let daemon = daemon_of_alice(&dir);
    dir.wait_for_words(&["+node"]);
    dir.configure(&config().check("db", "tcp", more.addr(), "node"));
    kill(daemon.0, Signal::SIGHUP).expect("signal the daemon");
    dir.wait_for_log(RELOADED);
    dir.assert_settles_at(&["+node", "-node"]);
    end(daemon);
}

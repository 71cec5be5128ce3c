//! A command that has become someone whom the user may not kill, as with sudo.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::promoting;
use crate::support::accounts::{ALICE, Accounts};
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    #[root]
    no_other_command_is_run_beside_it,
    #[root]
    no_check_is_held_up_by_its_command,
];

/// A program that becomes whoever it is told to.
fn setuid_root(dir: &Workdir) {
    fs::copy("/usr/bin/setpriv", dir.file("become")).expect("setpriv is everywhere");
    let mode = fs::Permissions::from_mode(0o4755);
    fs::set_permissions(dir.file("become"), mode).expect("setuid root");
}

/// It fails by its deadline, and no second command is put beside the first until that has gone.
fn no_check_is_held_up_by_its_command() {
    let accounts = Accounts::new();
    let command = "echo begun >> words\nif [ ! -e gone ]; then echo $$ > pid; \
                   exec ./become --reuid 0 --regid 0 --clear-groups sleep 1000; fi";
    let config = Config::new()
        .general("user", "alice")
        .general("interval", "0.3")
        .commands("node", "true", "true")
        .exec("stuck", command, "node")
        .key("timeout", "0.2");
    let dir = Workdir::with(&config);
    ALICE.own(&dir);
    setuid_root(&dir);
    let heartbeat = accounts.heartbeat(&dir).start();
    dir.wait_for_log("Reason: exec: not started: the last one was killed and is still there");
    let first = &dir.log().checks("stuck")[0];
    assert_eq!(first.reason, "not done within 0.2s");
    assert!(first.took < 0.4, "{first:#?}");
    assert_eq!(dir.words(), ["begun"]);
    dir.write("gone", "");
    let pid = dir.read("pid").trim().parse().expect("a number");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("root may");
    wait_for("a command that ends", || {
        dir.log().check("stuck").status == "Healthy"
    });
    heartbeat.stop().expect(0);
}

fn no_other_command_is_run_beside_it() {
    let accounts = Accounts::new();
    let mut peer = Peer::silent();
    let command =
        "echo begun >> words; exec ./become --reuid 0 --regid 0 --clear-groups sleep 1000";
    let config = promoting(&peer, command).general("user", "alice");
    let config = config
        .general("action_timeout", "0.2")
        .general("interval", "0.2");
    let dir = Workdir::with(&config);
    ALICE.own(&dir);
    setuid_root(&dir);
    let heartbeat = accounts.heartbeat(&dir).start();
    dir.wait_for_log("Action node: its command cannot be killed.");
    peer.go_down();
    dir.wait_for_log("Running node demotion actions.");
    // Its end does not wait for what it cannot end; the demotion is not believed to have been applied.
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["begun"]);
    assert_eq!(dir.log().count("Running: "), 1);
    assert!(dir.read("heartbeat.state").contains("\"applied\":null"));
}

//! A command that has become someone whom the user may not kill, as with sudo.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::promoting;
use crate::support::accounts::{ALICE, Accounts};
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    #[root]
    no_other_command_is_run_beside_it,
];

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
    fs::copy("/usr/bin/setpriv", dir.file("become")).expect("setpriv is everywhere");
    let mode = fs::Permissions::from_mode(0o4755);
    fs::set_permissions(dir.file("become"), mode).expect("setuid root");
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

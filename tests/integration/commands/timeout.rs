//! A command that runs out of time is killed with all its children.

use std::time::Duration;

use super::{Told, assert_nothing_left, promotion};
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    it_sleeps_for_ever,
    it_forks_children_and_sleeps,
    it_tidies_up_when_told_to_end,
    sigterm_does_not_end_it,
    it_works_at_the_last_moment,
];

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// A directory whose promotion has half a second.
fn limited(peer: &Peer, command: &str) -> Workdir {
    Workdir::with(&promotion(peer, command).general("action_timeout", "500ms"))
}

/// Runs `command` until it has been killed, and sees that nothing of it is left. Checks go on meanwhile.
fn killed(command: &str) -> Told {
    let peer = Peer::silent();
    let dir = limited(&peer, command);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Action failed: ");
    assert_nothing_left(&dir, &heartbeat);
    heartbeat.stop().expect(0);
    let told = Told::only(&dir);
    assert!(told.status.starts_with("timed out after 0.5s"), "{told:#?}");
    told
}

fn it_sleeps_for_ever() {
    let told = killed("echo begun; exec sleep 1000");
    assert!((0.5..3.0).contains(&told.took.as_secs_f64()), "{told:#?}");
    assert_eq!(told.output.as_deref(), Some("begun"));
}

fn it_forks_children_and_sleeps() {
    let told = killed("sleep 1000 & (sleep 1000 & exec sleep 1000) & sleep 1000");
    assert!((0.5..3.0).contains(&told.took.as_secs_f64()), "{told:#?}");
}

/// It gets SIGTERM first, and time to undo what it has begun.
fn it_tidies_up_when_told_to_end() {
    let told = killed("trap 'echo tidying; sleep 0.5; echo tidy; exit 0' TERM; sleep 1000 & wait");
    assert_eq!(told.output.as_deref(), Some("tidying\\ntidy"));
    assert!((1.0..4.0).contains(&told.took.as_secs_f64()), "{told:#?}");
}

/// Whether it, or a child of it alone, ignores SIGTERM, or all of it has been stopped: SIGKILL ends it. At once here,
/// so that the test has to wait only once.
fn sigterm_does_not_end_it() {
    let commands = [
        "trap '' TERM; while :; do sleep 1; done",
        "(trap '' TERM; sleep 1000) & sleep 1000",
        "kill -STOP $$",
    ];
    let peer = Peer::silent();
    let dirs = commands.map(|command| limited(&peer, command));
    let heartbeats: Vec<_> = dirs.iter().map(|dir| dir.heartbeat().start()).collect();
    for (dir, heartbeat) in dirs.iter().zip(heartbeats) {
        dir.wait_for_log("Action failed: ");
        assert_nothing_left(dir, &heartbeat);
        heartbeat.stop().expect(0);
        let told = Told::only(dir);
        assert!(told.status.starts_with("timed out after 0.5s"), "{told:#?}");
        assert!(told.took >= GRACE, "{told:#?}");
        assert!(told.took < GRACE + Duration::from_secs(3), "{told:#?}");
    }
}

fn it_works_at_the_last_moment() {
    let peer = Peer::silent();
    let dir = limited(&peer, "sleep 0.3");
    dir.heartbeat().once().expect(0);
    assert_eq!(Told::only(&dir).status, "exit status 0");
}

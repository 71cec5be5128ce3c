//! A command that leaves a service behind: its end is the end of the shell, and the service lives.

use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Told, promoting, promotion, timed};
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    it_does_not_hold_heartbeat,
    it_lives_and_can_still_write,
    it_outlives_the_timeout_of_its_command,
    it_outlives_a_stop,
];

/// A service that holds our output open, writes more than a pipe holds, and then tells that it could. The shell itself
/// writes: it is the one that a closed pipe would kill.
const SERVICE: &str = "text=$(head -c 100000 /dev/zero | tr '\\0' x)\n\
                       (while :; do echo $text; echo alive >> service; sleep 0.05; done) &\n\
                       echo $! > service-pid; echo started";

/// Waits until the service has written on.
fn assert_service_writes(dir: &Workdir) {
    let length = || fs::metadata(dir.file("service")).map_or(0, |meta| meta.len());
    let before = length();
    wait_for("the service to write on", || length() > before + 12);
}

fn service(dir: &Workdir) -> Process {
    wait_for("the service", || dir.read("service-pid").ends_with('\n'));
    let number = dir.read("service-pid");
    Process(Pid::from_raw(number.trim().parse().expect("a number")))
}

fn it_does_not_hold_heartbeat() {
    let peer = Peer::silent();
    let dir = promoting(&peer, "sleep 1000 & echo started");
    let (_, took) = timed(|| dir.heartbeat().once().expect(0));
    assert!(took < Duration::from_secs(3), "{took:?}");
    let told = Told::only(&dir);
    assert_eq!(told.status, "exit status 0");
    assert_eq!(told.output.as_deref(), Some("started"));
    assert!(told.took < Duration::from_secs(2), "{told:#?}");
}

fn it_lives_and_can_still_write() {
    let peer = Peer::silent();
    let dir = promoting(&peer, SERVICE);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Action done: Name: node");
    assert_service_writes(&dir);
    assert_service_writes(&dir);
    assert!(service(&dir).is_alive());
    heartbeat.stop().expect(0);
}

fn it_outlives_the_timeout_of_its_command() {
    let peer = Peer::silent();
    let config = promotion(&peer, SERVICE).general("action_timeout", "300ms");
    let dir = Workdir::with(&config.general("interval", "0.1"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Action done: Name: node");
    dir.wait_for_log("Round 8 started");
    assert_service_writes(&dir);
    heartbeat.stop().expect(0);
}

/// It does not write, so a closed pipe cannot hurt it; heartbeat must not either.
fn it_outlives_a_stop() {
    let peer = Peer::silent();
    let dir = promoting(&peer, "sleep 1000 & echo $! > service-pid");
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Action done: Name: node");
    heartbeat.stop().expect(0);
    let service = service(&dir);
    assert!(service.is_alive());
    kill(service.0, Signal::SIGKILL).expect("end the service");
}

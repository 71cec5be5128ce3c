//! heartbeat is killed while a command runs: the command is run again, and never beside what is left of the first.

use std::time::Instant;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::node_with;
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::script::at_gate;
use crate::support::wait::{LIMIT, wait_for};
use crate::support::workdir::Workdir;

tests![
    of_a_one_shot,
    of_a_foreground_process,
    of_a_daemon,
    in_the_moment_the_command_begins,
    while_the_command_ignores_sigterm,
    after_the_command_has_gone_too,
    with_the_commands_shell,
    of_a_command_that_forgets_its_environment,
    a_service_that_the_command_has_left_lives,
    a_rehearsal_ends_nothing,
];

/// A directory whose promotion waits at the gate and leaves its process number in `shell`.
fn gated(peer: &Peer, first: &str) -> Workdir {
    let promotion = format!("{first}\necho $$ > shell\n{}", at_gate("+"));
    Workdir::with(&node_with(peer, &promotion, "echo - >> words"))
}

fn crash_of_a_one_shot(dir: &Workdir) {
    let heartbeat = dir.heartbeat().arg("--once").start();
    dir.wait_for_words(&["+("]);
    heartbeat.crash();
}

/// The next one-shot runs the command again, alone; the one after that has nothing to do.
fn assert_run_again(dir: &Workdir) {
    let heartbeat = dir.heartbeat().arg("--once").start();
    dir.wait_for_words(&["+(", "+("]);
    dir.open_gate();
    heartbeat.wait().expect(0);
    dir.wait_for_words(&["+(", "+(", ")+"]);
    dir.heartbeat().once().expect(0);
    dir.wait_for_words(&["+(", "+(", ")+"]);
}

fn of_a_one_shot() {
    let peer = Peer::silent();
    let dir = gated(&peer, "");
    crash_of_a_one_shot(&dir);
    assert_run_again(&dir);
}

fn of_a_foreground_process() {
    let peer = Peer::silent();
    let dir = gated(&peer, "");
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    heartbeat.crash();
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+(", "+("]);
    dir.open_gate();
    dir.assert_settles_at(&["+(", "+(", ")+"]);
    heartbeat.stop().expect(0);
}

fn of_a_daemon() {
    let peer = Peer::silent();
    let dir = gated(&peer, "");
    dir.heartbeat().daemonize().expect(0);
    dir.wait_for_words(&["+("]);
    let daemon = dir.pid().expect("a daemon");
    kill(daemon, Signal::SIGKILL).expect("kill the daemon");
    wait_for("the daemon's end", || !Process(daemon).is_alive());
    assert_run_again(&dir);
}

/// Without a pause between two looks: heartbeat is killed as early as can be.
fn in_the_moment_the_command_begins() {
    let peer = Peer::silent();
    for _ in 0..20 {
        let dir = gated(&peer, "");
        let heartbeat = dir.heartbeat().arg("--once").start();
        let begun = Instant::now();
        while !dir.has("shell") {
            assert!(begun.elapsed() < LIMIT, "the command does not begin");
        }
        heartbeat.crash();
        dir.wait_for_words(&["+("]);
        assert_run_again(&dir);
    }
}

fn while_the_command_ignores_sigterm() {
    let peer = Peer::silent();
    let dir = gated(&peer, "trap '' TERM");
    crash_of_a_one_shot(&dir);
    assert_run_again(&dir);
}

/// What the command does it does by a child, which lives on and would have the last word.
fn with_the_commands_shell() {
    let peer = Peer::silent();
    let late = "echo $$ > shell\n(sleep 2; echo late >> words) & wait";
    let dir = Workdir::with(&node_with(&peer, late, "echo - >> words"));
    let heartbeat = dir.heartbeat().arg("--once").start();
    dir.wait_for_file("shell");
    heartbeat.crash();
    kill(shell(&dir), Signal::SIGKILL).expect("it is there");
    assert_nothing_is_late(&dir, peer);
}

fn of_a_command_that_forgets_its_environment() {
    let peer = Peer::silent();
    let late = "exec env -i /bin/sh -c 'echo $$ > shell; sleep 2; echo late >> words'";
    let dir = Workdir::with(&node_with(&peer, late, "echo - >> words"));
    let heartbeat = dir.heartbeat().arg("--once").start();
    dir.wait_for_file("shell");
    wait_for("its group to be known", || {
        dir.read("heartbeat.state").contains("\"running_group\":[")
    });
    heartbeat.crash();
    assert_nothing_is_late(&dir, peer);
}

/// The node is to be out now: nothing of the promotion is left that could bring it in again.
fn assert_nothing_is_late(dir: &Workdir, mut peer: Peer) {
    peer.go_down();
    dir.heartbeat().once().expect(1);
    assert!(
        dir.log()
            .says("Ending the command that an earlier run has left")
    );
    assert_eq!(dir.processes(), [], "something of it is left");
    assert_eq!(dir.words(), ["-"]);
}

/// As when the whole machine had gone down, but for the boot id.
fn after_the_command_has_gone_too() {
    let peer = Peer::silent();
    let dir = gated(&peer, "");
    crash_of_a_one_shot(&dir);
    end_group(shell(&dir));
    assert_run_again(&dir);
}

/// The command outlives heartbeat, starts a service as services are started, in a session of its own, and ends well:
/// what is ended later is the command, not what it was for.
fn a_service_that_the_command_has_left_lives() {
    let peer = Peer::silent();
    let dir = gated(
        &peer,
        "setsid sleep 1000 > /dev/null 2>&1 & echo $! > service",
    );
    crash_of_a_one_shot(&dir);
    let service = Process(number(&dir, "service"));
    dir.open_gate();
    dir.wait_for_words(&["+(", ")+"]);
    wait_for("the command's end", || !Process(shell(&dir)).is_alive());
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+(", ")+", "+(", ")+"]);
    assert!(service.is_alive(), "the service was ended");
}

fn a_rehearsal_ends_nothing() {
    let peer = Peer::silent();
    let dir = gated(&peer, "");
    crash_of_a_one_shot(&dir);
    dir.heartbeat().arg("--dry-run").once().expect(0);
    assert!(dir.log().says("Would run: "), "{:#?}", dir.log().lines);
    assert!(Process(shell(&dir)).is_alive(), "a rehearsal has ended it");
    assert_run_again(&dir);
}

/// The process group of the command that was left.
fn shell(dir: &Workdir) -> Pid {
    number(dir, "shell")
}

/// The process number in a file.
fn number(dir: &Workdir, file: &str) -> Pid {
    let text = dir.read(file);
    Pid::from_raw(text.trim().parse().expect("a process number"))
}

fn end_group(group: Pid) {
    killpg(group, Signal::SIGKILL).expect("kill a command");
    wait_for("the command's end", || !Process(group).is_alive());
}

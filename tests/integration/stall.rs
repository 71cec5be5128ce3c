//! A process that was not scheduled: what it has not seen is no evidence against the services.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::config::Config;
use crate::support::peer::{OK, Peer};
use crate::support::player::Player;
use crate::support::process::Process;
use crate::support::script::{at_gate, begun_rounds};
use crate::support::wait::{poll_until, wait_for};
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

tests![
    a_round_that_was_stopped_is_thrown_away,
    wherever_it_is_stopped,
    in_the_middle_of_a_check_s_command,
    one_that_has_died_meanwhile_is_found_by_the_new_round,
    counts_are_kept_and_not_raised,
    between_two_rounds,
    again_and_again,
    a_shorter_stop_is_nothing,
    while_a_command_runs,
    in_a_one_shot,
];

const STALLED: &str = "heartbeat was not scheduled for ";

/// A check that passes if it is asked, with an interval of this many seconds and a timeout of the check.
fn node(player: &Player, interval: &str, timeout: &str) -> Config {
    let config = Config::new().general("interval", interval).action("node");
    let config = config.check("web", "http", player.addr(), "node");
    config.key("timeout", timeout)
}

/// Stops a heartbeat for so long, at the least.
fn stop_for(heartbeat: &crate::support::heartbeat::Running, time: Duration) {
    heartbeat.signal(Signal::SIGSTOP);
    let process = Process(heartbeat.pid());
    wait_for("it to be stopped", || {
        process.status("State").starts_with('T')
    });
    poll_until(Instant::now() + time, || None::<()>);
    heartbeat.signal(Signal::SIGCONT);
}

const LONG: Duration = Duration::from_millis(1500);

/// The check's timeout passes while nobody can see its answer.
fn a_round_that_was_stopped_is_thrown_away() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, "0.5", "1.2"));
    let heartbeat = dir.heartbeat().start();
    player.play_out("p");
    dir.wait_for_words(&["+node"]);
    stop_for(&heartbeat, LONG);
    dir.wait_for_log(STALLED);
    player.go_on('p');
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
    let log = dir.log();
    assert!(log.says("this round is thrown away, and a new one begins."));
    assert!(
        log.messages("WARNING")
            .iter()
            .any(|line| line.starts_with(STALLED))
    );
    let results = log.checks("web");
    assert!(
        results.iter().all(|check| check.status == "Healthy"),
        "{results:#?}"
    );
    // The new one begins at once.
    let lines = log.lines;
    let stalled = lines
        .iter()
        .position(|line| line.message.starts_with(STALLED));
    let next = &lines[stalled.expect("the stall") + 1].message;
    assert!(
        next.starts_with("Round ") && next.ends_with(" started."),
        "{next}"
    );
}

/// The moment in which a check begins is one in which heartbeat itself is at work, and does not wait.
fn wherever_it_is_stopped() {
    let heartbeat = Arc::new(Mutex::new(None::<Pid>));
    let stopped = Arc::clone(&heartbeat);
    let peer = Peer::serve(move |mut conn| {
        conn.request()?;
        if let Some(pid) = stopped.lock().unwrap().take() {
            kill(pid, Signal::SIGSTOP).expect("stop heartbeat");
            poll_until(Instant::now() + LONG / 2, || None::<()>);
            kill(pid, Signal::SIGCONT).expect("let it go on");
            return conn.hold();
        }
        conn.send(OK)
    });
    let config = Config::new().general("interval", "0.2").action("node");
    let config = config.check("web", "http", peer.addr(), "node");
    let dir = Workdir::with(&config.key("timeout", "0.4"));
    let running = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    for times in 1..=6 {
        *heartbeat.lock().unwrap() = Some(running.pid());
        wait_for("the stall", || {
            dir.log().count(STALLED) >= times || dir.log().says("Unhealthy")
        });
        dir.wait_for_rounds(1);
        dir.wait_for_words(&["+node"]);
    }
    running.stop().expect(0);
    assert!(!dir.log().says("Unhealthy"));
}

/// A command that is to be killed by its deadline has nobody to do it. The new round's check finds it still there.
fn in_the_middle_of_a_check_s_command() {
    let config = Config::new().general("interval", "0.3").action("node");
    let config = config.exec("check", "echo x >> asked; sleep 0.2", "node");
    let config = config.key("timeout", "0.5");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    for times in 1..=6 {
        let asked = dir.read("asked");
        wait_for("a command", || dir.read("asked") != asked);
        stop_for(&heartbeat, LONG / 2);
        wait_for("the stall", || dir.log().count(STALLED) >= times);
        dir.wait_for_rounds(1);
    }
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["+node"]);
    assert!(!dir.log().says("Unhealthy"));
}

fn one_that_has_died_meanwhile_is_found_by_the_new_round() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, "0.3", "1"));
    let heartbeat = dir.heartbeat().start();
    player.play_out("p");
    dir.wait_for_words(&["+node"]);
    heartbeat.signal(Signal::SIGSTOP);
    player.go_on('f');
    poll_until(Instant::now() + LONG, || None::<()>);
    heartbeat.signal(Signal::SIGCONT);
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    let lines = dir.log().lines;
    let at = |text: &str| lines.iter().position(|line| line.message.contains(text));
    assert!(at(STALLED).expect("the stall") < at("-> unhealthy").expect("the verdict"));
}

fn counts_are_kept_and_not_raised() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, "0.5", "1.2").key("fall", 3));
    let heartbeat = dir.heartbeat().start();
    player.play_out("pff");
    stop_for(&heartbeat, LONG);
    dir.wait_for_log(STALLED);
    dir.wait_for_words(&["+node"]);
    player.play("f");
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    let log = dir.log();
    let failed: Vec<_> = (1..=3)
        .map(|n| log.count(&format!("(failed {n} of 3)")))
        .collect();
    assert_eq!(failed, [1, 1, 1]);
}

/// Nothing is thrown away, but it is noticed, and rounds are not made up for.
fn between_two_rounds() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player, "0.3", "5"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let before = begun_rounds(&dir.log()).len();
    stop_for(&heartbeat, LONG);
    dir.wait_for_log(STALLED);
    let after = begun_rounds(&dir.log()).len();
    assert!(after <= before + 3, "{before} rounds, then {after}");
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
}

fn again_and_again() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, "0.2", "0.5"));
    let heartbeat = dir.heartbeat().start();
    player.play_out("p");
    dir.wait_for_words(&["+node"]);
    for times in 1..=3 {
        player.go_on('p');
        player.play("");
        player.wait_until_asked();
        stop_for(&heartbeat, Duration::from_millis(800));
        dir.wait_for_log_times(STALLED, times);
        player.go_on('p');
        dir.wait_for_rounds(2);
    }
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.log().count("Unhealthy"), 0);
}

/// As any machine has them.
fn a_shorter_stop_is_nothing() {
    let player = Player::new();
    let dir = Workdir::with(
        &node(&player, "6", "30")
            .general("fast_interval", "0.1")
            .key("rise", 2),
    );
    let heartbeat = dir.heartbeat().start();
    player.play_out("p");
    stop_for(&heartbeat, Duration::from_millis(500));
    player.play("p");
    dir.wait_for_words(&["+node"]);
    heartbeat.stop().expect(0);
    assert!(!dir.log().says(STALLED));
    assert_eq!(dir.log().checks("web").len(), 2);
}

/// A command is no check: it has gone on, and its end counts.
fn while_a_command_runs() {
    let peer = Peer::silent();
    let config = Config::new().general("interval", "0.2");
    let config = config.commands("node", &at_gate("+"), "echo - >> words");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    heartbeat.signal(Signal::SIGSTOP);
    dir.open_gate();
    dir.wait_for_words(&["+(", ")+"]);
    poll_until(Instant::now() + LONG, || None::<()>);
    heartbeat.signal(Signal::SIGCONT);
    dir.wait_for_log(STALLED);
    dir.wait_for_log("Action done: ");
    dir.assert_settles_at(&["+(", ")+"]);
    heartbeat.stop().expect(0);
}

/// Its only round is begun anew.
fn in_a_one_shot() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, "0.5", "1.2"));
    let once = dir.heartbeat().arg("--once").start();
    player.wait_until_asked();
    stop_for(&once, LONG);
    dir.wait_for_log(STALLED);
    player.go_on('p');
    once.wait().expect(0);
    assert_eq!(dir.words(), ["+node"]);
}

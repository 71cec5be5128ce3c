//! When it happens: between two rounds, as often as asked, and with what else goes on.

use super::{node, played, quick};
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::{RELOADED, begun_rounds};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};

tests![
    many_signals_in_a_row,
    between_two_rounds_and_not_in_one,
    of_a_daemon,
    while_it_stops,
    together_with_the_end_of_a_command,
    a_rehearsal_is_reloaded_too,
];

/// Every one of them finds another file.
fn many_signals_in_a_row() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let more = Peer::silent();
    for timeout in 1..=60 {
        let config = node(&peer).key("timeout", timeout);
        let config = match timeout % 3 {
            0 => config.check("more", "tcp", more.addr(), "node"),
            1 => config.general("threads", timeout),
            _ => config,
        };
        dir.configure(&config);
        heartbeat.signal(Signal::SIGHUP);
    }
    dir.reload(&heartbeat, &node(&peer).key("timeout", 61));
    dir.wait_for_log(", Timeout: 61, ");
    dir.assert_settles_at(&["+node"]);
    peer.go_down();
    dir.assert_settles_at(&["+node", "-node"]);
    heartbeat.stop().expect(0);
}

/// Not before the round is complete where the next is far away.
fn between_two_rounds_and_not_in_one() {
    let (fast, slow) = (Peer::silent(), Player::new());
    let general = quick().general("interval", 60);
    let config = played(general, "slow", &slow).check("fast", "tcp", fast.addr(), "node");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    slow.wait_until_asked();
    dir.wait_for_log("Name: fast, ");
    dir.configure(&config.key("timeout", 1));
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("Log reopened.");
    slow.play("p");
    dir.wait_for_log(RELOADED);
    let lines = dir.log().lines;
    let at = |text: &str| lines.iter().position(|line| line.message.contains(text));
    let complete = at("Round 1 complete").expect("the end of the round");
    assert!(Some(complete) < at(RELOADED), "{lines:#?}");
    dir.wait_for_words(&["+node"]);
    heartbeat.stop().expect(0);
    assert_eq!(begun_rounds(&dir.log()), [1]);
}

fn of_a_daemon() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.heartbeat().daemonize().expect(0);
    let daemon = dir.pid().expect("a daemon's pidfile");
    dir.wait_for_words(&["+node"]);
    let more = Peer::down();
    dir.configure(&node(&peer).check("db", "tcp", more.addr(), "node"));
    kill(daemon, Signal::SIGHUP).expect("signal the daemon");
    dir.wait_for_log("Added: check db.");
    dir.assert_settles_at(&["+node", "-node"]);
    assert_eq!(dir.pid(), Some(daemon));
    kill(daemon, Signal::SIGTERM).expect("stop the daemon");
    wait_for("its end", || !dir.has("heartbeat.pid"));
}

fn while_it_stops() {
    let peer = Peer::silent();
    let slow = "echo '+(' >> words; until [ -e gate ]; do sleep 0.02; done";
    let config = Config::new().general("interval", "0.1");
    let config = config.commands("node", slow, "echo - >> words");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    heartbeat.signal(Signal::SIGTERM);
    dir.wait_for_log("Stopping.");
    dir.configure(&node(&peer));
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("Log reopened.");
    dir.open_gate();
    heartbeat.wait().expect(0);
    assert!(!dir.log().says(RELOADED));
    assert_eq!(dir.words(), ["+("]);
}

/// The signal and the end of the command come together, again and again; nothing is lost and nothing run twice.
fn together_with_the_end_of_a_command() {
    let player = Player::always('p');
    let hang_up = "kill -HUP \"$(cat heartbeat.pid)\"";
    let config = Config::new().general("interval", "0.1").commands(
        "node",
        &format!("echo + >> words; {hang_up}"),
        &format!("echo - >> words; {hang_up}"),
    );
    let dir = Workdir::with(&played(config, "web", &player));
    let heartbeat = dir.heartbeat().start();
    let mut words = vec!["+"];
    dir.assert_settles_at(&words);
    for letter in ['f', 'p', 'f', 'p'] {
        player.go_on(letter);
        words.push(if letter == 'p' { "+" } else { "-" });
        dir.assert_settles_at(&words);
    }
    heartbeat.stop().expect(0);
    assert_eq!(dir.log().count(RELOADED), 5);
}

fn a_rehearsal_is_reloaded_too() {
    let (peer, down) = (Peer::silent(), Peer::down());
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().arg("--dry-run").start();
    dir.wait_for_log("Would run: echo +node");
    let config = quick().general("statefile", "other.state");
    dir.reload(&heartbeat, &config.check("web", "tcp", down.addr(), "node"));
    dir.wait_for_log("Would run: echo -node");
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), [""; 0]);
    assert!(!dir.has("other.state") && !dir.has("heartbeat.state"));
}

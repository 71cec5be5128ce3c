//! `demotion_guard`: asked before demotions are run. 0 go, 1 hold, anything else is a broken guard.

use std::fs;

use super::{node, quick};
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::tell;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    go,
    hold_and_ask_again_next_round,
    a_broken_one_demotes,
    one_that_hangs_is_broken,
    not_for_promotions,
    not_for_a_drain,
    a_drain_of_what_it_holds,
    a_drain_does_not_wait_for_one_that_is_being_asked,
    not_at_the_end,
    the_end_does_not_wait_for_one_that_is_being_asked,
    not_under_a_hold,
    it_is_told_why,
    it_reaches_the_shell_byte_for_byte,
    several_lines_of_it,
    one_shots_ask_it,
    a_rehearsal_would_ask_it,
    none_is_none,
    what_is_wrong,
];

/// Says what `answer` does, and leaves a `?` for having been asked.
fn guarded(answer: &str) -> Config {
    quick().general("demotion_guard", format!("echo ? >> words; {answer}"))
}

/// The words without the questions.
fn moves(dir: &Workdir) -> Vec<String> {
    let words = dir.words().into_iter();
    words.filter(|word| word != "?").collect()
}

fn go() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(guarded("exit 0"), &player));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    player.go_on('f');
    dir.assert_settles_at(&["+node", "?", "-node"]);
    player.go_on('p');
    dir.assert_settles_at(&["+node", "?", "-node", "+node"]);
    player.go_on('f');
    dir.assert_settles_at(&["+node", "?", "-node", "+node", "?", "-node"]);
    heartbeat.stop().expect(0);
    let log = dir.log();
    assert_eq!(
        log.count("Asking: echo ? >> words; exit 0 (demotion guard)"),
        2
    );
    assert!(
        log.messages("INFO")
            .iter()
            .any(|line| line.starts_with("Demotion guard: go. "))
    );
}

/// Once in a round: it is loud only when it begins to hold.
fn hold_and_ask_again_next_round() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(guarded("test -e gate"), &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    player.go_on('f');
    wait_for("several questions", || dir.words().len() >= 5);
    assert_eq!(moves(&dir), ["+node"]);
    dir.open_gate();
    wait_for("the demotion", || moves(&dir) == ["+node", "-node"]);
    let asked = dir.words().len();
    dir.wait_for_rounds(4);
    assert_eq!(dir.words().len(), asked);
    heartbeat.stop().expect(0);
    let log = dir.log();
    let holds = log.messages("WARNING");
    let holds = holds
        .iter()
        .filter(|line| line.contains("holds, and is asked again next round"));
    assert_eq!(holds.count(), 1);
    assert!(log.count("Asking: ") <= log.rounds().len());
}

fn a_broken_one_demotes() {
    let player = Player::always('f');
    for (answer, told) in [
        ("exit 2", "exit status 2"),
        ("exit 255", "exit status 255"),
        ("no-such-command", "exit status 127"),
        ("kill -SEGV $$", "killed by SIGSEGV"),
    ] {
        let dir = Workdir::with(&node(guarded(answer), &player));
        let heartbeat = dir.heartbeat().start();
        dir.assert_settles_at(&["?", "-node"]);
        heartbeat.stop().expect(0);
        let log = dir.log();
        let errors = log.messages("ERROR");
        let broken = errors.iter().find(|line| line.contains("uard: broken"));
        let broken = broken.unwrap_or_else(|| panic!("no error for {answer}: {errors:#?}"));
        assert!(broken.contains(told), "{broken}");
    }
}

fn one_that_hangs_is_broken() {
    let player = Player::always('f');
    let config = guarded("sleep 60").general("action_timeout", "0.3");
    let dir = Workdir::with(&node(config, &player));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["?", "-node"]);
    heartbeat.stop().expect(0);
    let log = dir.log();
    let errors = log.messages("ERROR");
    assert!(
        errors
            .iter()
            .any(|line| line.contains("timed out after 0.3s")),
        "{errors:#?}"
    );
}

fn not_for_promotions() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(guarded("exit 1"), &player));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
}

fn not_for_a_drain() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(guarded("exit 1"), &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.ask(&["drain", "kernel update"]).expect(0);
    dir.assert_settles_at(&["+node", "-node"]);
    dir.ask(&["resume"]).expect(0);
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}

/// What the operator says weighs more. At the end of the drain the dead node is out, and stays out; the guard, which
/// counts those that are out, is asked until it agrees.
fn a_drain_of_what_it_holds() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(guarded("exit 1"), &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    player.go_on('f');
    wait_for("questions", || dir.words().len() >= 3);
    dir.ask(&["drain", "kernel update"]).expect(0);
    wait_for("the demotion", || moves(&dir) == ["+node", "-node"]);
    dir.ask(&["resume"]).expect(0);
    dir.wait_for_log("Maintenance has ended");
    let words = dir.words().len();
    wait_for("more questions", || dir.words().len() >= words + 2);
    assert_eq!(moves(&dir), ["+node", "-node"]);
    heartbeat.stop().expect(0);
}

fn not_at_the_end() {
    let player = Player::always('p');
    let config = guarded("exit 1").general("on_exit", "demote");
    let dir = Workdir::with(&node(config, &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["+node", "-node"]);
}

fn the_end_does_not_wait_for_one_that_is_being_asked() {
    let player = Player::always('f');
    let config = guarded("exec sleep 300").general("on_exit", "demote");
    let config = config.general("action_timeout", 300);
    let dir = Workdir::with(&node(config, &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["?"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["?", "-node"]);
}

fn not_under_a_hold() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(guarded("exit 0"), &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.ask(&["hold", "hands off"]).expect(0);
    dir.wait_for_log("Maintenance: held");
    player.go_on('f');
    dir.wait_for_log("Health: healthy -> unhealthy");
    dir.assert_settles_at(&["+node"]);
    dir.ask(&["resume"]).expect(0);
    dir.assert_settles_at(&["+node", "?", "-node"]);
    heartbeat.stop().expect(0);
}

fn it_is_told_why() {
    let (player, peer) = (Player::always('p'), Peer::down());
    let guard = tell("asked").replace('\n', "\n    ");
    let config = node(quick().general("demotion_guard", guard), &player);
    let dir = Workdir::with(&config.check("db", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["-node"]);
    heartbeat.stop().expect(0);
    let told = "STATE=unhealthy;\nPREVIOUS=unknown;\nACTION=;\nFAILED=db;\n\
                REASON=db: connect: Connection refused;\n";
    assert_eq!(dir.read("asked"), told);
}

/// As commands do: no comment is cut off, nothing is replaced.
fn it_reaches_the_shell_byte_for_byte() {
    let player = Player::always('f');
    let guard =
        r#"printf '%s|' "a ; b" c#d '%(node)s' %% \\ "$((1+1))" > asked ; exit 0 # ; exit 1"#;
    let dir = Workdir::with(&node(quick().general("demotion_guard", guard), &player));
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.read("asked"), r"a ; b|c#d|%(node)s|%%|\|2|");
    assert_eq!(dir.words(), ["-node"]);
}

fn several_lines_of_it() {
    let player = Player::always('f');
    let guard = "case $HEARTBEAT_STATE in\n    unhealthy) echo ? >> words\n    ;;\n    esac\n    \
                 # A word of explanation.\n    test -e gate";
    let dir = Workdir::with(&node(quick().general("demotion_guard", guard), &player));
    dir.heartbeat().once();
    assert_eq!(dir.words(), ["?"]);
    dir.open_gate();
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.words(), ["?", "?", "-node"]);
}

/// What it holds is not applied: that weighs more than the verdict.
fn one_shots_ask_it() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(guarded("test -e gate"), &player));
    dir.heartbeat().once().expect(0);
    player.go_on('f');
    dir.heartbeat().once().expect(3);
    dir.heartbeat().once().expect(3);
    assert_eq!(dir.words(), ["+node", "?", "?"]);
    dir.open_gate();
    dir.heartbeat().once().expect(1);
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.words(), ["+node", "?", "?", "?", "-node"]);
    fs::remove_file(dir.file("gate")).expect("close the gate");
    player.go_on('p');
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words().len(), 6);
}

fn a_rehearsal_would_ask_it() {
    let player = Player::always('f');
    let dir = Workdir::with(&node(guarded("exit 1"), &player));
    let heartbeat = dir.heartbeat().arg("--dry-run").start();
    dir.wait_for_log("Would ask: echo ? >> words; exit 1 (demotion guard)");
    dir.wait_for_log("Would run: echo -node >> words (demotion of node)");
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), [""; 0]);
}

fn none_is_none() {
    let player = Player::always('f');
    let dir = Workdir::with(&node(quick().general("demotion_guard", "None"), &player));
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.words(), ["-node"]);
    assert!(!dir.log().says("guard"));
}

fn what_is_wrong() {
    let player = Player::new();
    let dir = Workdir::with(&node(quick().general("demotion_guard", ""), &player));
    let tested = dir.heartbeat().test_config().expect(2);
    let told = "heartbeat.conf:4: [general] demotion_guard: ";
    assert!(tested.stderr.starts_with(told), "{}", tested.stderr);
}

/// What it would say no longer matters.
fn a_drain_does_not_wait_for_one_that_is_being_asked() {
    let player = Player::always('f');
    let config = node(guarded("exec sleep 300"), &player);
    let dir = Workdir::with(&config.general("action_timeout", 300));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["?"]);
    dir.ask(&["drain", "at once"]).expect(0);
    dir.wait_for_words(&["?", "-node"]);
    heartbeat.stop().expect(0);
}

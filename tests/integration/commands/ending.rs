//! The ways in which a command ends by itself, and how each is told.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Told, promoting, told_of};
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    it_works,
    it_fails,
    it_does_not_exist,
    it_may_not_be_run,
    it_is_killed_by_a_signal,
    what_it_was_about_to_do_ends_with_it,
    it_is_not_shell,
    it_has_several_lines,
    it_closes_its_output_and_goes_on,
    a_demotion_is_told_as_such,
];

fn it_works() {
    let told = told_of("sleep 0.3; echo all is well", 0);
    assert_eq!(told.verdict, "INFO Action done");
    assert_eq!(
        (told.name.as_str(), told.kind.as_str()),
        ("node", "promotion")
    );
    assert_eq!(told.command, "sleep 0.3; echo all is well");
    assert!((0.3..3.0).contains(&told.took.as_secs_f64()), "{told:#?}");
    assert_eq!(told.status, "exit status 0");
    assert_eq!(told.output.as_deref(), Some("all is well"));
}

/// Its shell is killed, by a person or for want of memory; its child would bring the node in when it is to be out.
fn what_it_was_about_to_do_ends_with_it() {
    let mut peer = Peer::silent();
    let late = "echo $$ > shell\n(sleep 3; echo late >> words) & wait";
    let config = Config::new().commands("node", late, "echo -node >> words");
    let config = config.general("interval", "0.1");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_file("shell");
    peer.go_down();
    dir.wait_for_log("Health: healthy -> unhealthy");
    let shell = dir.read("shell").trim().parse().expect("a number");
    kill(Pid::from_raw(shell), Signal::SIGKILL).expect("it is there");
    dir.wait_for_log("Status: killed by SIGKILL");
    dir.wait_for_words(&["-node"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.processes(), [], "something of it is left");
}

fn it_fails() {
    let told = told_of("echo on stdout; echo on stderr >&2; exit 7", 3);
    assert_eq!(told.verdict, "ERROR Action failed");
    assert_eq!(told.status, "exit status 7");
    assert_eq!(told.output.as_deref(), Some("on stdout\\non stderr"));
    let told = told_of("exit 1", 3);
    assert_eq!((told.status.as_str(), told.output), ("exit status 1", None));
}

fn it_does_not_exist() {
    let told = told_of("no-such-command-anywhere", 3);
    assert_eq!(told.verdict, "ERROR Action failed");
    assert!(told.status.starts_with("exit status 127"), "{told:#?}");
    let output = told.output.expect("the shell's words");
    assert!(output.contains("no-such-command-anywhere"), "{output:?}");
}

fn it_may_not_be_run() {
    let told = told_of("./heartbeat.conf", 3);
    assert!(told.status.starts_with("exit status 126"), "{told:#?}");
}

fn it_is_killed_by_a_signal() {
    for (signal, name) in [
        ("KILL", "SIGKILL"),
        ("SEGV", "SIGSEGV"),
        ("TERM", "SIGTERM"),
    ] {
        let told = told_of(&format!("echo last words; kill -{signal} $$"), 3);
        assert_eq!(told.verdict, "ERROR Action failed");
        assert_eq!(told.status, format!("killed by {name}"));
        assert_eq!(told.output.as_deref(), Some("last words"));
    }
}

fn it_is_not_shell() {
    let told = told_of("if then fi (", 3);
    assert_eq!(told.status, "exit status 2");
    assert!(told.output.is_some(), "{told:#?}");
}

fn it_has_several_lines() {
    let peer = Peer::silent();
    let dir = promoting(&peer, "for word in one two\ndo\necho $word >> words\ndone");
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["one", "two"]);
    let told = Told::only(&dir);
    assert_eq!(told.command.matches("\\n").count(), 3, "{told:#?}");
}

/// The end of its output is not its end.
fn it_closes_its_output_and_goes_on() {
    let told = told_of("exec >&- 2>&-; sleep 0.5; exit 4", 3);
    assert_eq!(told.status, "exit status 4");
    assert!(told.took.as_secs_f64() >= 0.5, "{told:#?}");
}

fn a_demotion_is_told_as_such() {
    let peer = Peer::down();
    let dir = Workdir::with(&Config::new().commands("node", "true", "exit 9").check(
        "web",
        "tcp",
        peer.addr(),
        "node",
    ));
    dir.heartbeat().once().expect(3);
    let told = Told::only(&dir);
    let expected = ("demotion", "exit 9", "exit status 9");
    assert_eq!(
        (
            told.kind.as_str(),
            told.command.as_str(),
            told.status.as_str()
        ),
        expected
    );
    assert!(
        dir.log()
            .messages("INFO")
            .contains(&"Running: exit 9 (demotion of node)")
    );
}

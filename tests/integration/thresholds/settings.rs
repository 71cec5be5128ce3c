//! `rise`, `fall` and `fast_interval` in the file, and what `-t` makes of them.

use super::node;
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::transitions;
use crate::support::workdir::Workdir;

tests![
    default_gives_them_to_all_checks,
    what_is_wrong_is_told_with_its_line,
    a_fast_interval_longer_than_the_interval,
    the_worst_case_of_one_result,
    the_worst_case_of_several_results,
    the_worst_case_of_slow_answers,
    a_promotion_waits_for_the_slowest_check,
    the_worst_case_by_scope,
];

fn default_gives_them_to_all_checks() {
    let (patient, hasty) = (Player::new(), Player::new());
    let hasty_check = node(&patient, 1, 1).check("own", "http", hasty.addr(), "node");
    let text = hasty_check.key("timeout", 30).key("fall", 1).text();
    let text = text.replacen("rise = 1\nfall = 1\n", "", 1);
    let dir = Workdir::new();
    let defaults = "[DEFAULT]\nrise = 2\nfall = 3\n";
    dir.write("heartbeat.conf", format!("{defaults}{text}"));
    let heartbeat = dir.heartbeat().start();
    hasty.go_on('p');
    patient.play_out("pf");
    patient.play_out("pp");
    dir.wait_for_words(&["+node"]);
    patient.play_out("ff");
    dir.wait_for_words(&["+node"]);
    patient.play_out("f");
    dir.wait_for_words(&["+node", "-node"]);
    patient.play_out("pp");
    dir.wait_for_words(&["+node", "-node", "+node"]);
    hasty.go_on('f');
    dir.wait_for_words(&["+node", "-node", "+node", "-node"]);
    heartbeat.stop().expect(0);
    let last = transitions(&dir.log()).pop();
    let expected = "WARNING healthy -> unhealthy, Failed: own.";
    assert_eq!(last.as_deref(), Some(expected));
}

fn what_is_wrong_is_told_with_its_line() {
    let dir = Workdir::new();
    let text = "[DEFAULT]\nrise = often\n[general]\nfast_interval = 0\n\
                [promotions]\nnode = true\n[demotions]\nnode = true\n\
                [web]\nport = 80\naction = node\nrise = 2\nfall = 0\n\
                [db]\nport = 81\naction = node\nfall = 1001\n\
                [cache]\nport = 82\naction = node\nfal = 2\nrise = 1.5\n";
    dir.write("heartbeat.conf", text);
    let tested = dir.heartbeat().test_config().expect(2);
    let range = "is not a number of results in a row (1 to 1000)";
    let expected = [
        format!("heartbeat.conf:2: [DEFAULT] rise: \"often\" {range}"),
        "heartbeat.conf:4: [general] fast_interval: \"0\" is too short (at least 1ms)".to_owned(),
        format!("heartbeat.conf:13: [web] fall: \"0\" {range}"),
        format!("heartbeat.conf:17: [db] fall: \"1001\" {range}"),
        "heartbeat.conf:21: [cache] fal: unknown key; did you mean fall?".to_owned(),
        format!("heartbeat.conf:22: [cache] rise: \"1.5\" {range}"),
    ];
    assert_eq!(tested.stderr.lines().collect::<Vec<_>>(), expected);
}

fn a_fast_interval_longer_than_the_interval() {
    let peer = Peer::silent();
    let config = Config::new()
        .general("interval", 10)
        .general("fast_interval", 11);
    let dir = Workdir::with(
        &config
            .action("node")
            .check("web", "tcp", peer.addr(), "node"),
    );
    let tested = dir.heartbeat().test_config().expect(2);
    let line = "heartbeat.conf:4: [general] fast_interval: longer than the interval of 10s";
    assert!(tested.stderr.starts_with(line), "{}", tested.stderr);
    assert_eq!(tested.stderr.lines().count(), 1);
}

/// Every ten seconds, in doubt every two; nothing is ever asked.
fn paced() -> Config {
    Config::new()
        .general("interval", 10)
        .general("fast_interval", 2)
        .action("node")
        .action("mail")
}

fn check(config: Config, name: &str, timeout: &str, rise: u32, fall: u32) -> Config {
    config
        .check(name, "tcp", "127.0.0.1:80", "node")
        .key("timeout", timeout)
        .key("rise", rise)
        .key("fall", fall)
}

/// What `-t` says of the times of each check.
fn times(config: &Config) -> Vec<String> {
    let tested = Workdir::with(config).heartbeat().test_config().expect(0);
    let lines = tested.stdout.lines().skip(1);
    lines.map(|line| line.trim().to_owned()).collect()
}

fn time(name: &str, down: &str, fall: u32, up: &str, rise: u32) -> String {
    format!(
        "{name}: at most {down} from death to demotion (fall {fall}), {up} from recovery to promotion (rise {rise})"
    )
}

/// It dies after a check that was fast: an interval and a timeout. It recovers while a check still fails.
fn the_worst_case_of_one_result() {
    let told = times(&check(paced(), "web", "1", 1, 1));
    assert_eq!(told, [time("web", "11s", 1, "11s", 1)]);
}

/// 10 + 2 + 2 and the last timeout.
fn the_worst_case_of_several_results() {
    let told = times(&check(paced(), "web", "1.5", 2, 3));
    assert_eq!(told, [time("web", "15.5s", 3, "13.5s", 2)]);
}

/// Answers that take longer than the fast pace are asked for at the first turn that finds them done: at 10, 16, 22.
fn the_worst_case_of_slow_answers() {
    let told = times(&check(paced(), "web", "5", 1, 3));
    assert!(told[0].contains(" (fall 3), "), "{told:?}");
    let at_most = told[0].split_once("at most ").expect("a time").1;
    let seconds: f64 = at_most
        .split_once('s')
        .expect("seconds")
        .0
        .parse()
        .expect("a number");
    // Failures end at 15, at 20 or 21, at 25 to 27: not before, and not an interval later.
    assert!((25.0..=27.0).contains(&seconds), "{told:?}");
}

fn a_promotion_waits_for_the_slowest_check() {
    let told = times(&check(check(paced(), "web", "1", 1, 1), "slow", "9", 1, 1));
    let expected = [
        time("web", "11s", 1, "19s", 1),
        time("slow", "19s", 1, "19s", 1),
    ];
    assert_eq!(told, expected);
}

fn the_worst_case_by_scope() {
    let config = paced().general("scope", "action");
    let config = check(config, "web", "1", 1, 1)
        .check("smtp", "tcp", "127.0.0.1:25", "mail")
        .key("timeout", 9);
    let expected = [
        time("web", "11s", 1, "11s", 1),
        time("smtp", "19s", 1, "19s", 1),
    ];
    assert_eq!(times(&config), expected);
}

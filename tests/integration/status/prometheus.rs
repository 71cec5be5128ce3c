//! For Prometheus: the text exposition format.

use std::collections::{BTreeMap, BTreeSet};

use super::{node, quick};
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::workdir::Workdir;

tests![what_is_told, while_it_is_gone, names_that_must_be_escaped];

/// The samples of an exposition by name and labels; anything that is not as the format wants it fails the test.
fn samples(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line is not ended");
    let (mut family, mut families, mut samples) = (String::new(), BTreeSet::new(), BTreeMap::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a help text");
            assert!(
                !words.is_empty() && families.insert(name.to_owned()),
                "{line}"
            );
            assert_eq!(lines.next(), Some(format!("# TYPE {name} gauge").as_str()));
            name.clone_into(&mut family);
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let name = series.split('{').next().expect("a name");
        assert_eq!(name, family, "outside of its family");
        assert!(name.starts_with("heartbeat_"), "{line}");
        let value = value.parse().expect("a number");
        assert_eq!(
            samples.insert(series.to_owned(), value),
            None,
            "{line} is doubled"
        );
    }
    samples
}

fn asked(dir: &Workdir, code: i32) -> BTreeMap<String, f64> {
    let asked = dir.ask(&["status", "--format", "prometheus"]).expect(code);
    samples(&asked.stdout)
}

fn assert_told(samples: &BTreeMap<String, f64>, expected: &[(&str, f64)]) {
    for (series, value) in expected {
        assert_eq!(
            samples.get(*series),
            Some(value),
            "{series} in {samples:#?}"
        );
    }
}

fn what_is_told() {
    let (player, down) = (Player::always('p'), Peer::down());
    let config = node(&player)
        .action("mail")
        .general("demotion_guard", "exit 1");
    let dir = Workdir::with(
        &config
            .check("smtp", "tcp", down.addr(), "mail")
            .key("fall", 2),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("the guard", |status, _| {
        status["actions"][0]["held"] == true
    });
    dir.ask(&["hold", "--for", "1h", "hands off"]).expect(0);
    dir.wait_for_status("the hold", |status, _| !status["maintenance"].is_null());
    let samples = asked(&dir, 3);
    heartbeat.stop().expect(0);
    assert_told(
        &samples,
        &[
            ("heartbeat_up", 1.0),
            ("heartbeat_health{state=\"unhealthy\"}", 1.0),
            ("heartbeat_health{state=\"healthy\"}", 0.0),
            ("heartbeat_health{state=\"unknown\"}", 0.0),
            ("heartbeat_configuration_generation", 1.0),
            ("heartbeat_configuration_refused", 0.0),
            ("heartbeat_maintenance{kind=\"hold\"}", 1.0),
            ("heartbeat_maintenance{kind=\"drain\"}", 0.0),
            ("heartbeat_maintenance_damaged", 0.0),
            (
                "heartbeat_check_standing{check=\"web\",standing=\"up\"}",
                1.0,
            ),
            (
                "heartbeat_check_standing{check=\"smtp\",standing=\"down\"}",
                1.0,
            ),
            (
                "heartbeat_check_standing{check=\"smtp\",standing=\"up\"}",
                0.0,
            ),
            ("heartbeat_action_applied{action=\"mail\"}", 0.0),
            ("heartbeat_action_held{action=\"mail\"}", 1.0),
            (
                "heartbeat_action_place{action=\"mail\",place=\"unknown\"}",
                1.0,
            ),
        ],
    );
    assert!(samples["heartbeat_check_failures{check=\"smtp\"}"] >= 2.0);
    assert!(samples["heartbeat_maintenance_end_timestamp_seconds"] > 1.0e9);
    assert!(samples.contains_key("heartbeat_check_duration_seconds{check=\"web\"}"));
}

fn while_it_is_gone() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player));
    let told = asked(&dir, 3);
    assert_told(
        &told,
        &[
            ("heartbeat_up", 0.0),
            ("heartbeat_health{state=\"unknown\"}", 1.0),
        ],
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    assert_told(
        &asked(&dir, 0),
        &[
            ("heartbeat_up", 1.0),
            ("heartbeat_health{state=\"healthy\"}", 1.0),
        ],
    );
    heartbeat.crash();
    let told = asked(&dir, 3);
    let expected = [
        ("heartbeat_up", 0.0),
        ("heartbeat_health{state=\"unknown\"}", 1.0),
        ("heartbeat_health{state=\"healthy\"}", 0.0),
        (
            "heartbeat_action_place{action=\"node\",place=\"promoted\"}",
            1.0,
        ),
    ];
    assert_told(&told, &expected);
}

fn names_that_must_be_escaped() {
    let peer = Peer::silent();
    let config = quick().general("interval", 60).action("node");
    let dir = Workdir::with(&config.check(r#"a "b" \ {c=1} ü"#, "tcp", peer.addr(), "node"));
    dir.heartbeat().once().expect(0);
    let series = r#"heartbeat_check_passes{check="a \"b\" \\ {c=1} ü"}"#;
    assert_told(&asked(&dir, 0), &[(series, 1.0)]);
}

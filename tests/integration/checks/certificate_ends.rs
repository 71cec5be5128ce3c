//! When certificates end: the peer's own, those above it, and the authority's.

use std::fs;

use super::certificates::{begin, showing};
use super::{assert_down, assert_up};
use crate::support::authority::Authority;

tests![
    the_days_that_are_left,
    too_few_days,
    the_days_that_are_left_of_the_root,
    what_is_over_above_it,
];

fn the_days_that_are_left() {
    let authority = Authority::new();
    let leaf = showing(authority.certificate_ending_in(12));
    let between = showing(authority.certificate_by_intermediate_ending_in(3));
    let (dir, config) = begin();
    let config = config
        .check("leaf", "https", leaf.at("localhost"), "node")
        .key("min_cert_days", 12)
        .check("leaf-tls", "tls", leaf.at("localhost"), "node")
        .check("between", "https", between.at("localhost"), "node")
        .key("min_cert_days", 3);
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    assert_up(&dir, run, &["leaf", "leaf-tls", "between"]);
    for (name, note) in [
        ("leaf", "certificate ends in 12 days"),
        ("leaf-tls", "certificate ends in 12 days"),
        ("between", "intermediate certificate ends in 3 days"),
    ] {
        assert_eq!(dir.log().check(name).note, note);
    }
    let status = dir.heartbeat().arg("status").run();
    let said = "certificate ends in 12 days";
    assert!(status.stdout.contains(said), "{}", status.stdout);
}

fn too_few_days() {
    let authority = Authority::new();
    let leaf = showing(authority.certificate_ending_in(12));
    let between = showing(authority.certificate_by_intermediate_ending_in(3));
    let expired = showing(authority.expired());
    let (dir, config) = begin();
    let config = config
        .check("leaf", "https", leaf.at("localhost"), "node")
        .key("min_cert_days", 13)
        .check("leaf-tls", "tls", leaf.at("localhost"), "node")
        .key("min_cert_days", 13)
        .key("verify", "no")
        .check("between", "tls", between.at("localhost"), "node")
        .key("min_cert_days", 4)
        .check("expired", "tls", expired.at("localhost"), "node")
        .key("min_cert_days", 1)
        .key("verify", "no");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&authority).once();
    let expected = [
        ("leaf", "tls", "in less than 13 days"),
        ("leaf-tls", "tls", "in less than 13 days"),
        ("between", "tls", "intermediate certificate ends on 20"),
        ("expired", "tls", "certificate expired on 2001-01-01"),
    ];
    assert_down(&dir, run, &expected);
}

/// The peer does not show it, and webpki believes it beyond its end.
fn the_days_that_are_left_of_the_root() {
    let root = Authority::ending_in(5);
    let direct = showing(root.certificate());
    let between = showing(root.certificate_by_intermediate());
    let run = |days: u32, from_file: bool| {
        let (dir, mut config) = begin();
        dir.write("ca.pem", fs::read(root.file()).unwrap());
        for (name, peer) in [("direct", &direct), ("between", &between)] {
            config = config
                .check(name, "tls", peer.at("localhost"), "node")
                .key("min_cert_days", days);
            if from_file {
                config = config.key("ca_file", "ca.pem");
            }
        }
        dir.configure(&config);
        let run = dir.heartbeat().trusting(&root).once();
        (dir, run)
    };
    let ends = "root certificate ends on 20";
    for from_file in [true, false] {
        let (dir, up) = run(5, from_file);
        assert_up(&dir, up, &["direct", "between"]);
        let note = dir.log().check("direct").note;
        assert_eq!(note, "root certificate ends in 5 days");
        let (dir, down) = run(6, from_file);
        let table = ["direct", "between"].map(|name| (name, "tls", ends));
        assert_down(&dir, down, &table);
    }
}

fn what_is_over_above_it() {
    let (lasting, over) = (Authority::new(), Authority::that_is_over());
    let by_over = showing(over.certificate());
    let between = showing(lasting.certificate_by_intermediate_that_is_over());
    let (dir, config) = begin();
    dir.write("ca.pem", fs::read(over.file()).unwrap());
    let config = config
        .check("root", "https", by_over.at("localhost"), "node")
        .key("ca_file", "ca.pem")
        .check("between", "https", between.at("localhost"), "node");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&lasting).once();
    let table = [
        ("root", "tls", "root certificate expired on 2001-01-01"),
        (
            "between",
            "tls",
            "intermediate certificate expired on 2001-01-01",
        ),
    ];
    assert_down(&dir, run, &table);
    let told = dir.heartbeat().test_config().expect(0).stderr;
    let warning = "[root] ca_file: holds a certificate that expired on 2001-01-01 (1.)";
    assert!(told.contains(warning), "{told}");
    let (dir, config) = begin();
    let config = config.check("root", "https", by_over.at("localhost"), "node");
    dir.configure(&config);
    let run = dir.heartbeat().trusting(&over).once();
    assert_down(&dir, run, &[table[0]]);
}

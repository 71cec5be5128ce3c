//! What is shipped: every configuration loads, and the README, the example and the manual pages name every key and flag.

use std::fs;
use std::path::{Path, PathBuf};

use heartbeat::config::keys;

use crate::support::heartbeat::Heartbeat;
use crate::support::workdir::Workdir;

#[path = "../../examples/deploy/markdown.rs"]
mod markdown;
#[path = "../../examples/deploy/pages.rs"]
mod pages;

tests![
    every_configuration_loads,
    the_example_names_every_key_with_its_default,
    the_readme_names_every_key,
    the_readme_names_every_flag,
    the_manual_names_every_key,
    the_manual_names_every_flag,
    the_package_has_the_version,
    the_example_runs_as_it_is,
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("a file that is shipped")
}

/// Those of `examples/`, and `heartbeat.conf` of each folder in it: beside that there may be those of other programs.
fn configurations() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("examples")).expect("examples are shipped");
    let paths = folder.map(|entry| entry.expect("readable").path());
    let mut found: Vec<_> = paths
        .map(|path| {
            if path.is_dir() {
                path.join("heartbeat.conf")
            } else {
                path
            }
        })
        .filter(|path| path.extension().is_some_and(|end| end == "conf") && path.exists())
        .collect();
    found.push(root().join("heartbeat.conf.example"));
    found
}

fn every_configuration_loads() {
    let dir = Workdir::new();
    let found = configurations();
    assert!(found.len() >= 10, "{found:?}");
    for path in found {
        // A copy: root would refuse a checkout that its group may write.
        dir.write("copy.conf", fs::read(&path).expect("readable"));
        let result = Heartbeat::bare(&dir).args(["-t", "-c", "copy.conf"]).run();
        let result = result.expect(0);
        assert!(result.stdout.contains(": good: "), "{}", result.stdout);
        assert_eq!(result.stderr, "", "{} is unwise", path.display());
    }
    assert_eq!(dir.files(), ["copy.conf"], "-t writes nothing");
}

fn the_example_names_every_key_with_its_default() {
    let example = text("heartbeat.conf.example");
    for key in keys() {
        // What has no default is there as a comment.
        let is_there = ["", "#"].map(|mark| example.contains(&format!("\n{mark}{key} = ")));
        assert!(is_there.contains(&true), "{key} is not in the example");
    }
    for default in [
        "user = None",
        "group = None",
        "logfile = heartbeat.log",
        "loglevel = INFO",
        "pidfile = heartbeat.pid",
        "statefile = heartbeat.state",
        "daemonize = no",
        "interval = 60",
        "action_timeout = 60",
        "fast_interval = 60",
        "scope = system",
        "on_exit = keep",
        "reassert = off",
        "demotion_guard = None",
        "timeout = 5",
        "rise = 1",
        "family = any",
        "addresses = any",
        "fall = 1",
        "path = /",
        "method = GET",
        "follow_redirects = yes",
        "expect_status = 200",
        "#verify = yes",
    ] {
        assert!(example.contains(&format!("\n{default}\n")), "{default}");
    }
}

fn the_readme_names_every_key() {
    let readme = text("README.md");
    for key in keys() {
        assert!(
            readme.contains(&format!("`{key}`")),
            "{key} is not in the README"
        );
    }
}

/// `--once`, `-t`, of the subcommands, too.
fn flags() -> Vec<String> {
    let mut command = pages::command();
    command.build();
    let of = |command: &clap::Command| {
        let each = command.get_arguments().map(|argument| {
            let long = argument.get_long().map(|long| format!("--{long}"));
            let short = argument.get_short().map(|short| format!("-{short}"));
            [long, short]
        });
        each.flatten().flatten().collect::<Vec<_>>()
    };
    let mut flags = of(&command);
    flags.extend(command.get_subcommands().flat_map(of));
    assert!(flags.len() >= 14, "{flags:?}");
    flags
}

fn the_readme_names_every_flag() {
    let readme = text("README.md");
    for flag in flags() {
        assert!(readme.contains(&flag), "{flag} is not in the README");
    }
}

fn the_manual_names_every_key() {
    let page = pages::heartbeat_conf();
    for key in keys() {
        let word = format!("\\fB{key}\\fR");
        assert!(page.contains(&word), "{key} is not in heartbeat.conf(5)");
    }
}

fn the_manual_names_every_flag() {
    let page = pages::heartbeat().replace("\\-", "-");
    for flag in flags() {
        let word = format!("\\fB{flag}\\fR");
        assert!(page.contains(&word), "{flag} is not in heartbeat(8)");
    }
}

fn the_package_has_the_version() {
    let changelog = text("examples/deploy/debian/changelog");
    let version = concat!("(", env!("CARGO_PKG_VERSION"), "-");
    let top = changelog.lines().next().expect("a line");
    assert!(
        top.contains(version),
        "{top}: it has no entry for this version"
    );
}

fn the_example_runs_as_it_is() {
    let dir = Workdir::new();
    dir.write("heartbeat.conf.example", text("heartbeat.conf.example"));
    let result = Heartbeat::bare(&dir)
        .args(["-c", "heartbeat.conf.example", "--once"])
        .run();
    // Whether the two services of the example are there is the machine's affair.
    assert!(
        matches!(result.code(), Some(0 | 1)),
        "{:?}: {}",
        result.code(),
        result.stderr
    );
    assert!(dir.log().says("One-time run-through complete. Goodbye."));
}

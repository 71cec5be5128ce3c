//! The configuration file: its dialect, and how its mistakes are told.

use libtest_mimic::Trial;

use crate::support::heartbeat::Finished;
use crate::support::workdir::Workdir;

mod commands;
mod defaults;
mod dialect;
mod http;
mod junk;
mod machine;
mod mistakes;
mod several;

pub fn tests() -> Vec<Trial> {
    [
        commands::tests(),
        defaults::tests(),
        dialect::tests(),
        http::tests(),
        junk::tests(),
        machine::tests(),
        mistakes::tests(),
        several::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A file that is good; each test of a mistake changes one of its lines.
const GOOD: [&str; 13] = [
    "[general]",
    "loglevel = INFO",
    "[promotions]",
    "nginx = touch promoted",
    "[demotions]",
    "nginx = touch demoted",
    "[web]",
    "type = http",
    "hostname = localhost",
    "port = 80",
    "path = /",
    "timeout = 5",
    "action = nginx",
];

/// `GOOD` with one line replaced.
fn with_line(number: usize, text: &str) -> String {
    let mut lines = GOOD.map(str::to_owned);
    text.clone_into(&mut lines[number - 1]);
    lines.join("\n") + "\n"
}

/// A directory with nothing but this `heartbeat.conf`.
fn dir_with(conf: impl AsRef<[u8]>) -> Workdir {
    let dir = Workdir::new();
    dir.write("heartbeat.conf", conf);
    dir
}

/// The file is refused, in the same words by `--test-config` and by a real start, and nothing has been run or
/// written. Returns the lines that were told.
fn refused(conf: impl AsRef<[u8]>) -> Vec<String> {
    let dir = dir_with(conf);
    let tested = dir.heartbeat().test_config();
    let started = dir.heartbeat().once();
    assert_eq!(
        tested.stderr, started.stderr,
        "-t and a start do not say the same"
    );
    assert_refused(&dir, &tested);
    assert_refused(&dir, &started);
    tested.stderr.lines().map(str::to_owned).collect()
}

fn assert_refused(dir: &Workdir, run: &Finished) {
    assert_eq!(run.code(), Some(2), "{run:#?}");
    assert_eq!(run.stdout, "");
    assert!(!run.stderr.is_empty(), "refused without a word");
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    assert!(
        run.stderr.len() < 64 * 1024,
        "{} bytes of stderr",
        run.stderr.len()
    );
    let raw = run.stderr.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(raw, None, "a raw control character in {:?}", run.stderr);
    assert_eq!(dir.files(), ["heartbeat.conf"], "something was written");
}

/// The file is good: nothing is said on stderr.
fn assert_good(conf: impl AsRef<[u8]>) {
    let dir = dir_with(conf);
    let run = dir.heartbeat().test_config().expect(0);
    assert_eq!(run.stderr, "");
    assert_eq!(dir.files(), ["heartbeat.conf"], "something was written");
}

//! Files that are no configuration at all.

use std::os::unix::net::UnixListener;
use std::thread;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{GOOD, assert_refused, dir_with, refused};
use crate::support::heartbeat::Heartbeat;
use crate::support::workdir::Workdir;

tests![
    bytes_that_are_no_text,
    lines_of_ten_million_characters,
    files_of_very_many_lines,
    things_that_are_no_files,
    a_pipe_is_read_to_its_end,
    a_pipe_that_nobody_writes_to,
    random_bytes_never_surprise,
    random_lines_never_surprise,
];

fn bytes_that_are_no_text() {
    let good = GOOD.join("\n");
    let in_utf16: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(good.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let with_bad_line_3 = [
        b"[general]\nloglevel = INFO\n\xff\xfe = 1\n".as_slice(),
        good.as_bytes(),
    ]
    .concat();
    for (what, bytes, line) in [
        ("zeros", vec![0; 4096], 1),
        ("UTF-16", in_utf16, 1),
        ("a byte that is not UTF-8", with_bad_line_3, 3),
        (
            "one zero in a value",
            b"[general]\nlogfile = a\0b\n".to_vec(),
            2,
        ),
        (
            "an executable's beginning",
            b"\x7fELF\x02\x01\x01\0\0\0".to_vec(),
            1,
        ),
    ] {
        let told = refused(&bytes);
        let start = format!("heartbeat.conf:{line}: ");
        assert!(
            told[0].starts_with(&start),
            "{what}: no {start:?} in {told:#?}"
        );
    }
    let told = refused("");
    assert!(told[0].starts_with("heartbeat.conf:"), "{told:#?}");
}

fn lines_of_ten_million_characters() {
    let long = "y".repeat(10_000_000);
    for line in [
        format!("port = {long}"),
        format!("{long} = 80"),
        format!("[{long}]"),
        format!("[{long}"),
        long,
    ] {
        let told = refused(super::with_line(10, &line));
        let start = &line[..20];
        assert!(
            told[0].starts_with("heartbeat.conf:10: "),
            "{start}…: {told:#?}"
        );
        assert!(told.join("\n").len() < 2000, "{start}…: {told:#?}");
    }
}

fn files_of_very_many_lines() {
    let good = GOOD.join("\n");
    for line in [
        "junk\n",
        "k = 1\n",
        "[web]\n",
        "[s@]\ncolour = blue\n",
        "k@ = %(x)s\n",
        "  more\n",
    ] {
        let many: String = (0..30_000)
            .map(|n| line.replace('@', &n.to_string()))
            .collect();
        let dir = dir_with(format!("{good}\n{many}"));
        let run = dir.heartbeat().test_config();
        assert_refused(&dir, &run);
        let first = run.stderr.lines().next().unwrap();
        assert!(first.starts_with("heartbeat.conf:1"), "{line:?}: {first}");
    }
}

fn things_that_are_no_files() {
    let dir = Workdir::new();
    std::fs::create_dir(dir.file("folder")).unwrap();
    let _listener = UnixListener::bind(dir.file("socket")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.file("dangling")).unwrap();
    let before = dir.files();
    for name in [
        "folder",
        "socket",
        "dangling",
        "missing",
        "",
        "/dev/null",
        "/dev/zero",
        "/dev/full",
    ] {
        for flag in ["-t", "--once"] {
            assert_not_read(&dir, name, flag);
        }
    }
    assert_eq!(dir.files(), before, "something was written");
}

fn assert_not_read(dir: &Workdir, name: &str, flag: &str) {
    let run = Heartbeat::bare(dir).args(["-c", name, flag]).run();
    assert_eq!(run.code(), Some(2), "{name:?} {flag}: {run:#?}");
    let named = run.stderr.contains(name);
    assert!(named && run.stderr.len() < 1000, "{name:?}: {run:#?}");
    assert_eq!(run.stdout, "");
}

/// As a shell's `<(…)` gives it.
fn a_pipe_is_read_to_its_end() {
    let dir = dir_with_pipe("pipe");
    let pipe = dir.file("pipe");
    // Opening waits for the reader.
    let writing = thread::spawn(move || std::fs::write(pipe, GOOD.join("\n")));
    let run = Heartbeat::bare(&dir)
        .args(["-c", "pipe", "-t"])
        .run()
        .expect(0);
    writing.join().unwrap().unwrap();
    assert!(run.stdout.starts_with("pipe: good: "), "{run:#?}");
}

fn a_pipe_that_nobody_writes_to() {
    let dir = dir_with_pipe("pipe");
    assert_not_read(&dir, "pipe", "-t");
    assert_eq!(dir.files(), ["pipe"], "something was written");
}

fn dir_with_pipe(name: &str) -> Workdir {
    let dir = Workdir::new();
    mkfifo(&dir.file(name), Mode::S_IRWXU).unwrap();
    dir
}

/// Runs `--test-config` over many files: it is good or refused, in few words, without a panic.
fn never_surprises(files: &BoxedStrategy<Vec<u8>>) {
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(files, |bytes| {
        let dir = dir_with(&bytes);
        let run = dir.heartbeat().test_config();
        prop_assert!(matches!(run.code(), Some(0 | 2)), "{:?}", run);
        prop_assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        prop_assert!(run.stdout.len() + run.stderr.len() < 64 * 1024);
        prop_assert_eq!(run.code() == Some(2), run.stdout.is_empty());
        prop_assert_eq!(dir.files(), ["heartbeat.conf"]);
        Ok(())
    });
    outcome.unwrap();
}

fn random_bytes_never_surprise() {
    never_surprises(&vec(any::<u8>(), 0..2000).boxed());
}

fn random_lines_never_surprise() {
    let pieces = prop_oneof![
        3 => proptest::sample::select(GOOD.to_vec()).prop_map(str::to_owned),
        1 => proptest::sample::select(vec!["[DEFAULT]", "[x]", "", "  ", "\u{feff}", "# c", "; c", "k", "%(port)s"])
            .prop_map(str::to_owned),
        1 => "[ \t]{0,3}[a-z%()=:;#\\[\\]\"'\\\\ ]{0,20}",
        1 => "\\PC{0,30}",
    ];
    let ends = proptest::sample::select(vec!["\n", "\r\n", "\r", "\\\n", " \n  "]);
    let lines = vec((pieces, ends), 0..40);
    let text = lines.prop_map(|lines| {
        let lines = lines.into_iter().map(|(line, end)| line + end);
        lines.collect::<String>().into_bytes()
    });
    never_surprises(&text.boxed());
}

//! What a command prints: bounded in memory and in the log, and never more than one line of it.

use std::fs;

use super::{Told, promoting, told_of};
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    #[alone]
    two_hundred_megabytes,
    the_end_is_kept,
    it_cannot_forge_a_line,
    bytes_that_are_no_text,
];

const MOST_KIB: u64 = 16 * 1024;

fn two_hundred_megabytes() {
    let peer = Peer::silent();
    let dir = promoting(
        &peer,
        "head -c 200000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 5",
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Action failed: ");
    let peak = heartbeat.status_line("VmHWM");
    heartbeat.stop().expect(0);
    let told = Told::only(&dir);
    assert_eq!(told.status, "exit status 5");
    assert!(told.output.expect("output").ends_with("x\\nthe end"));
    let peak: u64 = peak.trim_end_matches(" kB").parse().expect("a size");
    assert!(peak < MOST_KIB, "{peak} KiB at the peak");
    assert!(log_size(&dir) < 16 * 1024, "{} bytes", log_size(&dir));
}

fn log_size(dir: &Workdir) -> u64 {
    fs::metadata(dir.file("heartbeat.log"))
        .expect("a log")
        .len()
}

/// 4 KiB of it, the last ones.
fn the_end_is_kept() {
    let output = told_of("seq 1 5000", 0).output.expect("output");
    assert!(output.ends_with("\\n4999\\n5000"), "{output}");
    let kept = output.replace("\\n", "\n").len();
    assert!((3000..=4096).contains(&kept), "{kept} bytes are kept");
    assert!(!output.contains("\\n4000\\n"), "more is kept than promised");
}

/// Every character that could start a line or move a terminal's cursor is shown, not sent.
fn it_cannot_forge_a_line() {
    let told = told_of(
        "printf 'one\\n2026-11-22 15:04:05 CRITICAL forged\\r2026-11-22 15:04:05 INFO     forged\\033[2J\\302\\233m\\f\\v\\0end'",
        0,
    );
    let output = told.output.expect("output");
    assert!(output.starts_with("one\\n2026"), "{output:?}");
    assert!(output.ends_with("end"), "{output:?}");
    assert!(output.contains("\\u{1b}[2J"), "{output:?}");
    let raw = output.chars().find(|c| c.is_control());
    assert_eq!(raw, None, "{output:?}");
}

fn bytes_that_are_no_text() {
    let told = told_of(
        "printf 'a\\377\\376b'; head -c 3000 /dev/urandom; exit 6",
        3,
    );
    assert_eq!(told.status, "exit status 6");
    assert!(told.output.is_some());
}

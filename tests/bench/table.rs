//! The tables: a figure, the same of the bare loop, their ratio, the goal.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

/// Says what was measured, and how to read it.
pub fn title(runs: usize) {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let version = env!("CARGO_PKG_VERSION");
    println!("heartbeat {version} beside a bare loop over the same endpoints on loopback");
    println!("{processors} processors; medians of {runs} runs, taken in turn");
    println!(
        "the bare loop has one thread, or N where it says xN; for the wall of a round the N that is fastest"
    );
}

/// Opens a table.
pub fn head(name: &str) {
    println!();
    println!(
        "{name:<36}{:>12}{:>12}{:>8}   goal",
        "heartbeat", "bare loop", "ratio"
    );
}

/// A line with a time of heartbeat's and one of the bare loop's.
pub fn times(name: &str, show: fn(Duration) -> String, ours: Duration, bare: Duration, goal: &str) {
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    row(name, &show(ours), &show(bare), &format!("{ratio:.2}"), goal);
}

/// A line with a figure that the bare loop has no match for.
pub fn figure(name: &str, figure: &str, goal: &str) {
    row(name, figure, "", "", goal);
}

/// One line.
pub fn row(name: &str, ours: &str, bare: &str, ratio: &str, goal: &str) {
    let line = format!("  {name:<34}{ours:>12}{bare:>12}{ratio:>8}   {goal}");
    println!("{}", line.trim_end());
}

/// `48.1 µs`.
pub fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

/// `52.3 ms`.
pub fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// `4.2 MiB`.
pub fn mebibytes(kibibytes: u32) -> String {
    format!("{:.1} MiB", f64::from(kibibytes) / 1024.0)
}

//! The program file: how it is built, its size, and the libraries it needs.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::heartbeat::PROGRAM;
use crate::table;

/// Builds the program as whoever installs it does. What cargo builds along with a benchmark has the features, too, that
/// the tests' crates ask of crates it shares with them: it is half a megabyte larger, and not what runs anywhere.
pub fn build() -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["--bin", "heartbeat", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .status()?;
    ensure!(status.success(), "cargo build: {status}");
    Ok(())
}

/// Prints size and libraries.
pub fn print() -> Result<()> {
    println!("\nprogram");
    let size = u32::try_from(fs::metadata(PROGRAM)?.len())?;
    table::figure("size", &format!("{:.2} MB", f64::from(size) / 1e6), "4 MB");
    let needs = libraries().unwrap_or_else(|| "unknown, there is no readelf".to_owned());
    println!("  needs {needs} (goal: nothing but libc)");
    Ok(())
}

/// The shared libraries that the file names, as readelf tells them.
fn libraries() -> Option<String> {
    let output = Command::new("readelf")
        .args(["-d", PROGRAM])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let needed = text.lines().filter(|line| line.contains("(NEEDED)"));
    Some(
        needed
            .filter_map(|line| line.split(['[', ']']).nth(1))
            .collect::<Vec<_>>()
            .join(", "),
    )
}

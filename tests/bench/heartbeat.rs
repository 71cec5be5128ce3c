//! heartbeat as the program under measurement: its configuration and its command lines.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::Plan;
use crate::endpoint::{self, Kind};
use crate::measure::Program;

/// The program under measurement; `binary::build` puts it there.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_heartbeat");

/// One round, no commands run.
pub fn once(configuration: &Path) -> Program {
    program(configuration, &["--once", "--dry-run"], None)
}

/// Rounds for some time.
pub fn foreground(configuration: &Path, time: Duration) -> Program {
    program(configuration, &["--dry-run"], Some(time))
}

/// Only reads the configuration.
pub fn test_config(configuration: &Path) -> Program {
    program(configuration, &["--test-config"], None)
}

/// A call.
fn program(configuration: &Path, flags: &[&str], stop: Option<Duration>) -> Program {
    let mut words: Vec<OsString> = vec![PROGRAM.into(), "-c".into(), configuration.into()];
    words.extend(flags.iter().map(Into::into));
    Program { words, stop }
}

/// Writes a configuration with the first `count` endpoints; what is not measured keeps its default.
pub fn configure(
    plan: &Plan,
    kind: Kind,
    port: u16,
    count: u16,
    interval: Duration,
) -> Result<PathBuf> {
    let mut text = format!("[general]\ninterval = {}ms\n", interval.as_millis());
    for (key, file) in [
        ("logfile", "log"),
        ("pidfile", "pid"),
        ("statefile", "state"),
    ] {
        writeln!(text, "{key} = {}", plan.folder.join(file).display())?;
    }
    text.push_str("[promotions]\nnode = true\n[demotions]\nnode = true\n");
    for index in 0..count {
        let (name, address) = (kind.name(), endpoint::address(index));
        writeln!(
            text,
            "[service {index}]\ntype = {name}\nhostname = {address}\nport = {port}\naction = node"
        )?;
    }
    let file = plan.folder.join(format!("{}-{count}.conf", kind.name()));
    fs::write(&file, text)?;
    Ok(file)
}

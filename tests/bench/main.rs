//! `cargo bench`: what heartbeat costs, each figure beside a bare loop over the same endpoints in the same run.
//!
//! `cargo bench -- --quick` measures fewer times, `cargo bench -- tcp https` only those kinds.
//!
//! Read `round` first (1,000 endpoints), then `start` (ten). Everything under measurement is a process of its own,
//! and so are the endpoints: this program starts itself again with the name of a role (`measure`, `serve`, `bare`) as
//! its first argument. Figures are printed beside their goals and never judged: a busy machine is no failure.

mod bare;
mod binary;
mod certificate;
mod endpoint;
mod heartbeat;
mod later;
mod measure;
mod round;
mod serve;
mod start;
mod table;

use std::path::PathBuf;

use anyhow::{Result, bail};
use endpoint::Kind;
use serve::Server;

/// What the command line asks for, and the places that every measurement needs.
pub struct Plan {
    /// The kinds to measure.
    kinds: Vec<Kind>,
    /// How often a round is measured; the median counts.
    runs: usize,
    /// How often a start is measured: a start is short and therefore noisy.
    starts: usize,
    /// A folder that goes away at the end.
    folder: PathBuf,
    /// The running endpoints.
    server: Server,
}

/// Plays the role that the first argument names, or runs the whole benchmark.
fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("measure") => measure::role(&arguments[1..]),
        Some("serve") => serve::role(&arguments[1..]),
        Some("bare") => bare::role(&arguments[1..]),
        _ => run(&arguments),
    }
}

/// Prints every table.
fn run(arguments: &[String]) -> Result<()> {
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("Figures of a test build would mislead: use `cargo bench`.");
        return Ok(());
    }
    binary::build()?;
    let folder = tempfile::tempdir()?;
    let plan = plan(arguments, folder.path().to_owned())?;
    table::title(plan.runs);
    for kind in &plan.kinds {
        round::print(&plan, *kind)?;
    }
    start::print(&plan)?;
    binary::print()
}

/// Reads the arguments and starts the endpoints.
fn plan(arguments: &[String], folder: PathBuf) -> Result<Plan> {
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let mut kinds = Vec::new();
    for argument in arguments
        .iter()
        .filter(|argument| !["--bench", "--quick"].contains(&argument.as_str()))
    {
        match Kind::named(argument) {
            Some(kind) => kinds.push(kind),
            None => bail!("{argument}: not one of --quick, tcp, http, https"),
        }
    }
    if kinds.is_empty() {
        kinds = Kind::ALL.to_vec();
    }
    let server = Server::start(&folder)?;
    Ok(Plan {
        kinds,
        runs: if quick { 3 } else { 7 },
        starts: if quick { 7 } else { 31 },
        folder,
        server,
    })
}

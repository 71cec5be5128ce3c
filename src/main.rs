//! `heartbeat`: see the library for everything but this.

use std::process::ExitCode;

use clap::Parser;
use heartbeat::{cli::Args, start};

fn main() -> ExitCode {
    start::run(&Args::parse()).into()
}

//! `heartbeat`: see the library for everything but this.

use std::process::ExitCode;

use heartbeat::{cli::Args, start};

fn main() -> ExitCode {
    start::run(&Args::of_process()).into()
}

//! Writes what the package has beside the binary, each made from its one source: the manual pages, from the command
//! line and the README, and the completions, from the command line. `cargo run --example generate -- FOLDER`

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use clap_complete::Shell;

mod markdown;
mod pages;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("usage: generate FOLDER")?;
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("heartbeat.8"), pages::heartbeat())?;
    fs::write(folder.join("heartbeat.conf.5"), pages::heartbeat_conf())?;
    for (shell, name) in [
        (Shell::Bash, "heartbeat.bash"),
        (Shell::Zsh, "_heartbeat"),
        (Shell::Fish, "heartbeat.fish"),
    ] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut pages::command(), "heartbeat", &mut text);
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

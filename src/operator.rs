//! What an operator asks of heartbeat beside running it: how it stands, maintenance, a rehearsal.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::SystemTime;

use crate::cli::{Ask, Exit, Format, Pause};
use crate::config::Config;
use crate::file::refusal;
use crate::maintenance::{self, Kind, Maintenance};
use crate::simulate;
use crate::state::StateFile;
use crate::status;

/// Answers on stdout; what goes wrong is told on stderr.
#[must_use]
pub fn answer(config: &Config, ask: &Ask) -> Exit {
    let answer = match ask {
        Ask::Status { format } => show_status(config, *format),
        Ask::Drain(pause) => begin(config, Kind::Drain, pause),
        Ask::Hold(pause) => begin(config, Kind::Hold, pause),
        Ask::Resume => resume(config),
        Ask::Simulate { results } => return simulate(config, results),
    };
    match answer {
        Ok((text, exit)) => {
            show(&text);
            exit
        }
        Err(error) => {
            tell(&format!("heartbeat: {error:#}"));
            Exit::Failed
        }
    }
}

/// To stdout, and on when nobody listens: `println!` would panic.
fn show(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn show_status(config: &Config, format: Format) -> anyhow::Result<(String, Exit)> {
    let path = &config.general.statefile;
    let status = status::read(&StateFile::new(path)).map_err(|error| failed(path, &error))?;
    let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    Ok((status.show(format, colour), status.exit()))
}

fn begin(config: &Config, kind: Kind, pause: &Pause) -> anyhow::Result<(String, Exit)> {
    let path = maintenance::path_beside(&config.general.statefile);
    let reason = pause.reason.join(" ");
    let maintenance = Maintenance::new(kind, &reason, SystemTime::now(), pause.lasts);
    maintenance::enter(&path, &maintenance).map_err(|error| failed(&path, &error))?;
    Ok((format!("Maintenance: {maintenance}.\n"), Exit::Good))
}

fn resume(config: &Config) -> anyhow::Result<(String, Exit)> {
    let path = maintenance::path_beside(&config.general.statefile);
    let was = maintenance::resume(&path).map_err(|error| failed(&path, &error))?;
    let text = match was {
        Some(was) => format!("Maintenance has ended (it was {was}).\n"),
        None => "No maintenance was in force.\n".to_owned(),
    };
    Ok((text, Exit::Good))
}

fn failed(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow::anyhow!("{}: {}", path.display(), refusal(path, error))
}

fn simulate(config: &Config, results: &[String]) -> Exit {
    match simulate::play(config, results) {
        Ok(text) => {
            show(&text);
            Exit::Good
        }
        Err(wrong) => {
            tell(&wrong);
            Exit::Usage
        }
    }
}

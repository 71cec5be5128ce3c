//! What an operator asks of heartbeat beside running it: how it stands, maintenance, a rehearsal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cli::{Ask, Exit, Format, Pause};
use crate::config::Config;
use crate::file::refusal;
use crate::maintenance::{self, Kind, Maintenance};
use crate::simulate;
use crate::state::StateFile;
use crate::status;

/// Answers on stdout what is asked about the configuration at `path`; what goes wrong is told on stderr. All but a rehearsal
/// need nothing of it but the place of the state.
#[must_use]
pub fn answer(path: &Path, ask: &Ask) -> Exit {
    if let Ask::Simulate { results } = ask {
        return simulate(path, results);
    }
    let statefile = match Config::statefile(path) {
        Ok(statefile) => absolute(&statefile),
        Err(problem) => {
            tell(&problem);
            return Exit::Usage;
        }
    };
    let answer = match ask {
        Ask::Status { format } => Ok(show_status(&statefile, *format)),
        Ask::Drain(pause) => begin(&statefile, Kind::Drain, pause),
        Ask::Hold(pause) => begin(&statefile, Kind::Hold, pause),
        Ask::Resume | Ask::Simulate { .. } => resume(&statefile),
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

/// So that the answer says which one was meant.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// To stdout, and on when nobody listens: `println!` would panic.
fn show(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn show_status(statefile: &Path, format: Format) -> (String, Exit) {
    let status = status::read(&StateFile::new(statefile));
    let is_plain = |name: &str| std::env::var_os(name).is_some();
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    let colour = io::stdout().is_terminal() && !is_plain("NO_COLOR") && !is_dumb;
    (status.show(format, colour), status.exit())
}

fn begin(statefile: &Path, kind: Kind, pause: &Pause) -> anyhow::Result<(String, Exit)> {
    let reason = pause.reason.join(" ");
    if reason.trim().is_empty() {
        tell("heartbeat: the reason is blank; say why");
        return Ok((String::new(), Exit::Usage));
    }
    let path = maintenance::path_beside(statefile);
    let maintenance = Maintenance::new(kind, &reason, SystemTime::now(), pause.lasts);
    maintenance::enter(&path, &maintenance).map_err(|error| failed(&path, &error))?;
    let mut text = format!("Maintenance: {maintenance}.\n");
    if !is_kept(statefile) {
        let _ = writeln!(
            text,
            "No heartbeat that runs keeps {}: the next one that does will obey.",
            statefile.display()
        );
    }
    Ok((text, Exit::Good))
}

/// Whether some daemon keeps this state.
fn is_kept(statefile: &Path) -> bool {
    let state = StateFile::new(statefile).load();
    let writer = state.ok().and_then(|(state, _)| Some(state?.writer));
    writer.is_some_and(|writer| !writer.is_once && writer.is_there())
}

fn resume(statefile: &Path) -> anyhow::Result<(String, Exit)> {
    let path = maintenance::path_beside(statefile);
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

fn simulate(path: &Path, results: &[String]) -> Exit {
    let played = Config::load_to_ask(path).map_err(|problems| problems.to_string());
    match played.and_then(|config| simulate::play(&config, results)) {
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

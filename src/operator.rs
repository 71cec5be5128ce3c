//! What an operator asks of heartbeat beside running it: how it stands, maintenance, a rehearsal.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::cli::{Ask, Exit, Format, Pause};
use crate::config::Config;
use crate::file::refusal;
use crate::maintenance::{self, Kind, Maintenance};
use crate::report::stderr::complain;
use crate::simulate;
use crate::state::StateFile;
use crate::status;

/// Answers on stdout what is asked about the configuration at `path`; what goes wrong is told on stderr. All but a rehearsal
/// need nothing of it but the place of the state.
#[must_use]
pub fn answer(path: &Path, ask: &Ask) -> Exit {
    match ask {
        Ask::Status { format } => about_state(path, |file| Ok(show_status(file, *format))),
        Ask::Drain { pause, patience } => {
            about_state(path, |file| begin(file, Kind::Drain, pause, patience.wait))
        }
        Ask::Hold(pause) => about_state(path, |file| begin(file, Kind::Hold, pause, None)),
        Ask::Resume(patience) => about_state(path, |file| resume(file, patience.wait)),
        Ask::Simulate { results } => simulate(path, results),
    }
}

fn about_state(path: &Path, answer: impl FnOnce(&Path) -> anyhow::Result<(String, Exit)>) -> Exit {
    let statefile = match Config::statefile(path) {
        Ok(statefile) => absolute(&statefile),
        Err(problem) => {
            complain(&problem);
            return Exit::Usage;
        }
    };
    match answer(&statefile) {
        Ok((text, exit)) => {
            show(&text);
            exit
        }
        Err(error) => {
            complain(&format!("heartbeat: {error:#}"));
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

fn show_status(statefile: &Path, format: Format) -> (String, Exit) {
    let status = status::read(&StateFile::new(statefile));
    let is_plain = |name: &str| std::env::var_os(name).is_some();
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    let colour = io::stdout().is_terminal() && !is_plain("NO_COLOR") && !is_dumb;
    (status.show(format, colour), status.exit())
}

fn begin(
    statefile: &Path,
    kind: Kind,
    pause: &Pause,
    patience: Option<Duration>,
) -> anyhow::Result<(String, Exit)> {
    let reason = pause.reason.join(" ");
    if reason.trim().is_empty() {
        complain("heartbeat: the reason is blank; say why");
        return Ok((String::new(), Exit::Usage));
    }
    let path = maintenance::path_beside(statefile);
    let maintenance = Maintenance::new(kind, &reason, SystemTime::now(), pause.lasts);
    maintenance::enter(&path, &maintenance).map_err(|error| failed(&path, &error))?;
    show(&format!("Maintenance: {maintenance}.\n"));
    if is_kept(statefile) {
        return Ok(done(statefile, Some(&maintenance), patience));
    }
    Ok(no_daemon(statefile, patience))
}

/// Waits for what was ordered, if it is to be waited for.
fn done(
    statefile: &Path,
    ordered: Option<&Maintenance>,
    patience: Option<Duration>,
) -> (String, Exit) {
    let Some(patience) = patience else {
        return (String::new(), Exit::Good);
    };
    match status::wait(&StateFile::new(statefile), ordered, patience) {
        Ok(took) => (
            format!("Done after {}.\n", status::precise(took)),
            Exit::Good,
        ),
        Err(why) => {
            complain(&format!("heartbeat: not done: {why}"));
            (String::new(), Exit::Failed)
        }
    }
}

fn no_daemon(statefile: &Path, patience: Option<Duration>) -> (String, Exit) {
    let text = format!(
        "No heartbeat that runs keeps {}: the next one that does will obey.\n",
        statefile.display()
    );
    (text, patience.map_or(Exit::Good, |_| Exit::Failed))
}

/// Whether some daemon keeps this state.
fn is_kept(statefile: &Path) -> bool {
    let state = StateFile::new(statefile).load();
    let writer = state.ok().and_then(|(state, _)| Some(state?.writer));
    writer.is_some_and(|writer| !writer.is_once && writer.is_there())
}

fn resume(statefile: &Path, patience: Option<Duration>) -> anyhow::Result<(String, Exit)> {
    let path = maintenance::path_beside(statefile);
    let was = maintenance::resume(&path).map_err(|error| failed(&path, &error))?;
    let text = match was {
        Some(was) => format!("Maintenance has ended (it was {was}).\n"),
        None => "No maintenance was in force.\n".to_owned(),
    };
    show(&text);
    if patience.is_some() && !is_kept(statefile) {
        return Ok(no_daemon(statefile, patience));
    }
    Ok(done(statefile, None, patience))
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
            complain(&wrong);
            Exit::Usage
        }
    }
}

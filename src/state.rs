//! The state file: what one run leaves for the next, and for whoever asks.
//!
//! It is replaced atomically, and an action is marked unknown in it *before* its command starts. It need not be synced
//! to disk: it is void after a reboot, and all that survives without one survives in the page cache.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::config::Action;
use crate::converge::{Applied, Place};
use crate::file;
use crate::fingerprint;
use crate::group;
use crate::health::{Health, Track};
use crate::maintenance::Maintenance;

/// The form of the file; another one is not understood.
const FORM: u32 = 2;

/// A state file is a few hundred bytes per check and action; what is larger is something else.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The variable by which a command that outlived its heartbeat is known again.
pub const RUN: &str = "HEARTBEAT_RUN";

/// Everything that is known, in the order of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Who has written it.
    pub writer: Writer,
    /// When.
    pub written: Moment,
    /// Later than this it says nothing about the present.
    pub valid_until: Moment,
    /// How often the configuration has been read since the start, the last time with success.
    pub generation: u64,
    /// When that was.
    pub loaded: Moment,
    /// Why a newer configuration is not in force.
    pub refused: Option<Refused>,
    /// The verdict on the system.
    pub system: Judged,
    /// What the operator has said, in force or not.
    pub maintenance: Option<Maintenance>,
    /// What is wrong with the maintenance file.
    pub damage: Option<String>,
    /// What the guard has said last.
    pub guard: Option<Ran>,
    /// The run of a command that had begun when this was written: the value of [`RUN`] in its environment.
    pub running: Option<String>,
    /// The process group of that command, and when its leader began (`proc(5)`); `None`: it has yet to begin.
    #[serde(default)]
    pub running_group: Option<(i32, u64)>,
    /// The checks.
    pub checks: Vec<CheckState>,
    /// The actions.
    pub actions: Vec<ActionState>,
}

/// The file's content.
#[derive(Serialize)]
struct Stored<'a> {
    heartbeat: u32,
    boot: &'a str,
    #[serde(flatten)]
    state: &'a State,
}

/// What says whether the rest can be understood, and believed.
#[derive(Deserialize)]
struct Head {
    heartbeat: u32,
    #[serde(default)]
    boot: String,
}

/// A process that is no other one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// Its number.
    pub pid: i32,
    /// When it began, in clock ticks since boot: `proc(5)`, `/proc/pid/stat`.
    pub begun: u64,
    /// It runs one round and ends.
    pub is_once: bool,
}

impl Writer {
    /// This process.
    #[must_use]
    pub fn this(is_once: bool) -> Self {
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        Self {
            pid,
            begun: group::begun(pid).unwrap_or_default(),
            is_once,
        }
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_there(&self) -> bool {
        group::begun(self.pid) == Some(self.begun)
    }
}

/// A configuration that was refused at a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// When.
    pub at: Moment,
    /// The first problems, one a line.
    pub why: String,
}

/// A verdict, the one before it, and since when it is what it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The newest.
    pub health: Health,
    /// The one before it.
    pub previous: Health,
    /// Since when.
    pub since: Moment,
}

/// A check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckState {
    /// Its section's name.
    pub name: String,
    /// Tells whether it is still the same probe.
    pub probe: String,
    /// `tcp`, `http`, …
    pub kind: String,
    /// `localhost:80`
    pub endpoint: String,
    /// Passes that make it up.
    pub rise: u32,
    /// Failures that make it down.
    pub fall: u32,
    /// What is known of it.
    pub track: Track,
    /// Since when it stands as it does.
    pub since: Moment,
    /// Its last result.
    pub last: Option<Answered>,
}

/// A check's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// When.
    pub at: Moment,
    /// In microseconds.
    pub took: u64,
    /// What is worth saying of it, if it passed.
    #[serde(default)]
    pub note: Option<String>,
    /// Phase and reason, if it failed.
    pub failure: Option<(String, String)>,
}

/// An action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionState {
    /// Its key.
    pub name: String,
    /// Tells whether its commands are still those that were applied.
    pub commands: String,
    /// What has been applied.
    pub applied: Option<Applied>,
    /// Where it is to be.
    pub wanted: Option<Place>,
    /// The verdict that it follows.
    pub verdict: Judged,
    /// How often its command has been begun since another place is wanted.
    pub tries: u32,
    /// The guard keeps it from being demoted.
    pub is_held: bool,
    /// Its last command.
    pub last: Option<Ran>,
}

/// A command that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// `promotion`, `demotion` or `guard`.
    pub what: String,
    /// When it ended.
    pub at: Moment,
    /// In microseconds.
    pub took: u64,
    /// `exit status 0`
    pub status: String,
    /// It has done what it is for.
    pub worked: bool,
    /// The end of what it wrote.
    pub output: String,
}

/// Where the state is kept.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    boot: String,
}

impl StateFile {
    /// The state at `path`. Nothing is read or written yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self {
            path: path.to_owned(),
            boot: boot.trim().to_owned(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the last run has left, and what is odd about it. Neither a file that is not there nor one of another boot,
    /// which says nothing any more, is odd.
    ///
    /// # Errors
    /// The file is there and cannot be read: neither could it be replaced.
    pub fn load(&self) -> io::Result<(Option<State>, Option<String>)> {
        Ok(match self.bytes()?.map(|bytes| parse(&bytes)) {
            None => (None, None),
            Some(Ok((head, state))) => {
                let is_of_this_boot = head.boot == self.boot && !self.boot.is_empty();
                (is_of_this_boot.then_some(state), None)
            }
            Some(Err(how)) => (None, Some(how)),
        })
    }

    /// What the operator had ordered when the file was written. Unlike all else in it, that outlives a reboot.
    #[must_use]
    pub fn ordered(&self) -> Option<Maintenance> {
        let (_, state) = parse(&self.bytes().ok()??).ok()?;
        state.maintenance
    }

    fn bytes(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match file::open(&self.path, OpenOptions::new().read(true), false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// The system's; the file is as it was.
    pub fn save(&self, state: &State) -> io::Result<()> {
        let stored = Stored {
            heartbeat: FORM,
            boot: &self.boot,
            state,
        };
        let mut text = serde_json::to_vec(&stored)?;
        text.push(b'\n');
        file::replace(&self.path, &text)
    }

    /// Removes the file, or empties it where its folder does not let us: either makes everything unknown, and a full disk
    /// refuses neither.
    ///
    /// # Errors
    /// The system's; the file may be there as it was.
    pub fn forget(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                file::open(&self.path, OpenOptions::new().write(true), false)?.set_len(0)
            }
            _ => Ok(()),
        }
    }
}

/// What a file says, or what is odd about it.
fn parse(bytes: &[u8]) -> Result<(Head, State), String> {
    if bytes.is_empty() {
        return Err("it is empty".to_owned());
    }
    let odd = |error: serde_json::Error| error.to_string();
    let head: Head = serde_json::from_slice(bytes).map_err(odd)?;
    if head.heartbeat != FORM {
        return Err(format!("form {}, not {FORM}", head.heartbeat));
    }
    Ok((head, serde_json::from_slice(bytes).map_err(odd)?))
}

/// Tells whether an action's commands have changed.
#[must_use]
pub fn fingerprint(action: &Action) -> String {
    fingerprint::of([&action.promotion, &action.demotion].map(|text| Some(text.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maintenance::Kind;
    use std::time::UNIX_EPOCH;
    use tempfile::TempDir;

    fn folder() -> (TempDir, StateFile) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = StateFile::new(&folder.path().join("state"));
        (folder, file)
    }

    fn known() -> State {
        let action = ActionState {
            name: "a".to_owned(),
            applied: Some(Applied {
                by_order: false,
                place: Place::Promoted,
                at: Moment::now(),
            }),
            ..ActionState::default()
        };
        State {
            writer: Writer::this(true),
            running: Some("1-2".to_owned()),
            running_group: Some((1, 2)),
            checks: vec![CheckState::default()],
            actions: vec![action],
            maintenance: Some(Maintenance::new(Kind::Drain, "x", UNIX_EPOCH, None)),
            ..State::default()
        }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let (_folder, file) = folder();
        assert_eq!(file.load().expect("absent"), (None, None));
        let known = known();
        file.save(&known).expect("saved");
        assert_eq!(file.load().expect("there"), (Some(known), None));
        file.forget().expect("removed");
        assert_eq!(file.load().expect("absent"), (None, None));
    }

    #[test]
    fn after_a_reboot_nothing_is_known() {
        let (_folder, mut file) = folder();
        file.save(&known()).expect("saved");
        file.boot = "another".to_owned();
        assert_eq!(file.load().expect("there"), (None, None));
        assert_eq!(file.ordered(), known().maintenance);
        assert!(file.ordered().is_some(), "but for what was ordered");
    }

    #[test]
    fn damaged_empty_and_foreign_files_are_unknown_with_a_word() {
        let (_folder, file) = folder();
        file.save(&known()).expect("saved");
        let whole = fs::read(file.path()).expect("there");
        for bytes in [
            &whole[..whole.len() / 2],
            b"",
            b"{}",
            b"[1]",
            b"\x00\xff",
            br#"{"heartbeat":9}"#,
            br#"{"heartbeat":2,"boot":"x"}"#,
        ] {
            fs::write(file.path(), bytes).expect("written");
            let (state, odd) = file.load().expect("readable");
            assert_eq!(state, None);
            assert!(odd.is_some(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_writer_is_known_again_and_not_mistaken() {
        let this = Writer::this(false);
        assert!(this.is_there());
        let other = Writer {
            begun: this.begun + 1,
            ..this
        };
        assert!(
            !other.is_there(),
            "its number has been given to another process"
        );
    }

    #[test]
    fn commands_that_differ_have_other_fingerprints() {
        let action = |promotion: &str, demotion: &str| {
            fingerprint(&Action {
                name: String::new(),
                promotion: promotion.to_owned(),
                demotion: demotion.to_owned(),
                demotion_rank: 0,
            })
        };
        assert_eq!(action("a", "b"), action("a", "b"));
        assert_ne!(action("ab", ""), action("a", "b"));
    }
}

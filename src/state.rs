//! The state file: what one run leaves for the next.
//!
//! It is replaced atomically, and an action is marked unknown in it *before* its command starts. It need not be synced
//! to disk: it is void after a reboot, and all that survives without one survives in the page cache.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ring::digest;
use serde::{Deserialize, Serialize};

use crate::config::Action;
use crate::converge::Place;
use crate::file;
use crate::health::Health;

/// The form of the file; another one is not understood.
const FORM: u32 = 1;

/// A state file is a few hundred bytes per action; what is larger is something else.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The variable by which a command that outlived its heartbeat is known again.
pub const RUN: &str = "HEARTBEAT_RUN";

/// What is carried from run to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The last verdict.
    pub health: Health,
    /// The verdict before it.
    pub previous: Health,
    /// What has been applied, by action.
    pub applied: Vec<Option<Place>>,
    /// The run of a command that had begun when this was written: the value of [`RUN`] in its environment.
    pub running: Option<String>,
}

/// The file's content.
#[derive(Serialize, Deserialize)]
struct Stored {
    heartbeat: u32,
    boot: String,
    health: Health,
    previous: Health,
    running: Option<String>,
    actions: BTreeMap<String, StoredAction>,
}

#[derive(Serialize, Deserialize)]
struct StoredAction {
    applied: Option<Place>,
    commands: String,
}

/// Where the state is kept.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    boot: String,
    /// Names and fingerprints of the actions, in their order.
    actions: Vec<(String, String)>,
}

impl StateFile {
    /// The state of these actions at `path`. Nothing is read or written yet.
    #[must_use]
    pub fn new(path: &Path, actions: &[Action]) -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let named = |action: &Action| (action.name.clone(), fingerprint(action));
        Self {
            path: path.to_owned(),
            boot: boot.trim().to_owned(),
            actions: actions.iter().map(named).collect(),
        }
    }

    /// A state in which nothing is known.
    #[must_use]
    pub fn unknown(&self) -> State {
        State {
            applied: vec![None; self.actions.len()],
            ..State::default()
        }
    }

    /// What the last run has left, and what is odd about it. A file that is not there is not odd.
    ///
    /// # Errors
    /// The file is there and cannot be read: neither could it be replaced.
    pub fn load(&self) -> io::Result<(State, Option<String>)> {
        let file = match file::open(&self.path, OpenOptions::new().read(true), false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((self.unknown(), None));
            }
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        match serde_json::from_slice::<Stored>(&bytes) {
            Ok(stored) if stored.heartbeat == FORM => Ok((self.valid(stored), None)),
            Ok(stored) => Ok((
                self.unknown(),
                Some(format!("form {}, not {FORM}", stored.heartbeat)),
            )),
            Err(_) if bytes.is_empty() => Ok((self.unknown(), Some("it is empty".to_owned()))),
            Err(error) => Ok((self.unknown(), Some(error.to_string()))),
        }
    }

    /// What of a stored state still holds: nothing after a reboot, no action whose commands are others now.
    fn valid(&self, mut stored: Stored) -> State {
        if stored.boot != self.boot || self.boot.is_empty() {
            return self.unknown();
        }
        let mut applied = |(name, commands): &(String, String)| {
            let action = stored.actions.remove(name)?;
            action.applied.filter(|_| action.commands == *commands)
        };
        State {
            applied: self.actions.iter().map(&mut applied).collect(),
            health: stored.health,
            previous: stored.previous,
            running: stored.running,
        }
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// The system's; the file is as it was.
    pub fn save(&self, state: &State) -> io::Result<()> {
        let stored = Stored {
            heartbeat: FORM,
            boot: self.boot.clone(),
            health: state.health,
            previous: state.previous,
            running: state.running.clone(),
            actions: self.stored_actions(&state.applied),
        };
        let mut text = serde_json::to_vec_pretty(&stored)?;
        text.push(b'\n');
        let new = self.new_path();
        let result = write_new(&new, &text).and_then(|()| fs::rename(&new, &self.path));
        if result.is_err() {
            // A torn one is of no use, and takes room on a disk that may be full.
            let _ = fs::remove_file(&new);
        }
        result
    }

    fn stored_actions(&self, applied: &[Option<Place>]) -> BTreeMap<String, StoredAction> {
        let with_place = self.actions.iter().zip(applied);
        let stored = with_place.map(|((name, commands), applied)| {
            let commands = commands.clone();
            let action = StoredAction {
                applied: *applied,
                commands,
            };
            (name.clone(), action)
        });
        stored.collect()
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

    fn new_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        name.into()
    }
}

/// Writes a file that was not there before, so that neither a link nor a file of others is written to.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = file::open(path, OpenOptions::new().write(true).create_new(true), false)?;
    file.write_all(bytes)
}

/// Tells whether commands have changed, without showing what may be secret in them.
fn fingerprint(action: &Action) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for command in [&action.promotion, &action.demotion] {
        context.update(&(command.len() as u64).to_le_bytes());
        context.update(command.as_bytes());
    }
    let hash = context.finish();
    let half = hash.as_ref().first_chunk().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn action(name: &str, promotion: &str) -> Action {
        Action {
            name: name.to_owned(),
            promotion: promotion.to_owned(),
            demotion: "off".to_owned(),
            demotion_rank: 0,
        }
    }

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        (folder, path)
    }

    fn known() -> State {
        State {
            health: Health::Healthy,
            previous: Health::Unhealthy,
            applied: vec![Some(Place::Promoted), Some(Place::Demoted)],
            running: Some("1-2".to_owned()),
        }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let (_folder, path) = folder();
        let file = StateFile::new(&path, &[action("a", "on"), action("b", "on")]);
        assert_eq!(file.load().expect("absent"), (file.unknown(), None));
        file.save(&known()).expect("saved");
        assert_eq!(file.load().expect("there"), (known(), None));
        file.forget().expect("removed");
        assert_eq!(file.load().expect("absent"), (file.unknown(), None));
    }

    #[test]
    fn an_action_with_other_commands_is_unknown() {
        let (_folder, path) = folder();
        let before = StateFile::new(&path, &[action("a", "on"), action("b", "on")]);
        before.save(&known()).expect("saved");
        let after = StateFile::new(
            &path,
            &[action("b", "on"), action("a", "other"), action("c", "on")],
        );
        let (state, warning) = after.load().expect("there");
        assert_eq!(state.applied, [Some(Place::Demoted), None, None]);
        assert_eq!((state.health, warning), (Health::Healthy, None));
    }

    #[test]
    fn after_a_reboot_nothing_is_known() {
        let (_folder, path) = folder();
        let mut file = StateFile::new(&path, &[action("a", "on"), action("b", "on")]);
        file.save(&known()).expect("saved");
        file.boot = "another".to_owned();
        assert_eq!(file.load().expect("there"), (file.unknown(), None));
    }

    #[test]
    fn damaged_empty_and_foreign_files_are_unknown_with_a_word() {
        let (_folder, path) = folder();
        let file = StateFile::new(&path, &[action("a", "on")]);
        file.save(&file.unknown()).expect("saved");
        let whole = fs::read(&path).expect("there");
        for bytes in [
            &whole[..whole.len() / 2],
            b"",
            b"{}",
            b"[1]",
            b"\x00\xff",
            br#"{"heartbeat":9}"#,
        ] {
            fs::write(&path, bytes).expect("written");
            let (state, warning) = file.load().expect("readable");
            assert_eq!(state, file.unknown());
            assert!(warning.is_some(), "{}", String::from_utf8_lossy(bytes));
        }
    }
}

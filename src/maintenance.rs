//! What the operator has said over the verdicts' heads, in a file beside the state: drain or hold, why, and until when.
//!
//! It outlives heartbeat and a reboot, so its end is a time on the wall. It is read whenever it has changed. One that
//! cannot be understood moves nothing: what was in force stays in force.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Local};
use serde::{Deserialize, Serialize};

use crate::converge::Order;
use crate::file;
use crate::settings::plain;

/// The form of the file; another one is not understood.
const FORM: u32 = 1;

/// A maintenance file is a few hundred bytes; what is larger is something else.
const LARGEST: u64 = 64 * 1024;

/// How often an order is written that collides with others.
const MOST_TRIES: usize = 20;

/// Longest reason that is kept, in characters.
const LONGEST_REASON: usize = 300;

/// What is to be done while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The node is out, whatever the checks say.
    Drain,
    /// No command is run.
    Hold,
}

impl Kind {
    /// What the node, or its actions, are while it lasts: `drained`, `held`.
    #[must_use]
    pub fn state(self) -> &'static str {
        match self {
            Self::Drain => "drained",
            Self::Hold => "held",
        }
    }
}

/// A maintenance that has been ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    heartbeat: u32,
    /// Drain or hold.
    pub kind: Kind,
    /// In the operator's words.
    pub reason: String,
    /// When it was ordered, in seconds since 1970.
    pub since: u64,
    /// When it ends by itself, in seconds since 1970; `None`: when it is told to.
    pub until: Option<u64>,
}

impl Maintenance {
    /// One that begins at `now`, in one line, for so long.
    #[must_use]
    pub fn new(kind: Kind, reason: &str, now: SystemTime, lasts: Option<Duration>) -> Self {
        let cut: String = reason.trim().chars().take(LONGEST_REASON).collect();
        let end = lasts.map(|lasts| now + lasts);
        Self {
            heartbeat: FORM,
            kind,
            reason: plain(&cut),
            since: seconds(now),
            // A part of a second is a whole one, or a short maintenance would be over before it is seen.
            until: end.map(|end| seconds(end + Duration::from_nanos(999_999_999))),
        }
    }

    /// Whether it is in force. One whose end has passed never is.
    #[must_use]
    pub fn is_in_force(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|until| seconds(now) < until)
    }

    /// What it means for the goal.
    #[must_use]
    pub fn order(&self) -> Order {
        match self.kind {
            Kind::Drain => Order::Drain,
            Kind::Hold => Order::Hold,
        }
    }
}

/// `drained until 2026-11-22 15:04:05: kernel update`
impl fmt::Display for Maintenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.state())?;
        if let Some(until) = self.until {
            write!(f, " until {}", local_time(until))?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// `2026-11-22 15:04:05`; what no calendar has is given in seconds since 1970.
fn local_time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or_else(
        || format!("@{seconds}"),
        |time| {
            time.with_timezone(&Local)
                .format("%Y-%m-%d %H:%M:%S")
                .to_string()
        },
    )
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// Where the maintenance of a state file is: beside it.
#[must_use]
pub fn path_beside(statefile: &Path) -> PathBuf {
    let mut name = OsString::from(statefile);
    name.push(".maintenance");
    name.into()
}

/// Puts a maintenance into force, in place of what was, and lets it outlive a loss of power.
///
/// # Errors
/// The system's; what was in force still is, but for a disk that cannot be written to.
pub fn enter(path: &Path, maintenance: &Maintenance) -> io::Result<()> {
    let mut text = serde_json::to_vec(maintenance)?;
    text.push(b'\n');
    // Of two that are given at once, one may take the other's half-written file away.
    let mut result = file::replace_for_good(path, &text);
    for _ in 0..MOST_TRIES {
        match &result {
            Err(error) if is_taken_away(error) => result = file::replace_for_good(path, &text),
            _ => break,
        }
    }
    result
}

fn is_taken_away(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
    )
}

/// Ends whatever is in force, a damaged file too. Gives what that was, in words.
///
/// # Errors
/// The system's; what was in force still is.
pub fn resume(path: &Path) -> io::Result<Option<String>> {
    let was = match read(path) {
        Ok(was) => was
            .filter(|was| was.is_in_force(SystemTime::now()))
            .map(|was| was.to_string()),
        Err(how) => Some(format!("damaged: {}", plain(&how))),
    };
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(was),
        Err(error) => Err(error),
        Ok(()) => file::sync_folder(path).map(|()| was),
    }
}

/// What the file says, whether or not its end has passed. `None`: there is none.
///
/// # Errors
/// It is there, and cannot be read or understood: how so.
pub fn read(path: &Path) -> Result<Option<Maintenance>, String> {
    let opened = file::open(path, OpenOptions::new().read(true), false);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file::reason(&error)),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(|error| file::reason(&error))?;
    if bytes.is_empty() {
        return Err("it is empty".to_owned());
    }
    match serde_json::from_slice::<Maintenance>(&bytes) {
        Ok(read) if read.heartbeat == FORM => Ok(Some(Maintenance {
            // Whoever wrote it by hand may have written anything.
            reason: plain(&read.reason),
            ..read
        })),
        Ok(read) => Err(format!("form {}, not {FORM}", read.heartbeat)),
        Err(error) => Err(error.to_string()),
    }
}

/// Watches the file.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    /// By which a file is known to be the one that was read last.
    seen: Option<Stamp>,
    has_read: bool,
    last: Option<Maintenance>,
    damage: Option<String>,
}

type Stamp = (u64, u64, i64, i64, u64);

impl Watch {
    /// Of the file at `path`. `last`: what was in force when heartbeat was last there, should the file be damaged.
    #[must_use]
    pub fn new(path: PathBuf, last: Option<Maintenance>) -> Self {
        Self {
            path,
            seen: None,
            has_read: false,
            last,
            damage: None,
        }
    }

    /// Looks whether the file has changed, and reads it then. Gives whether it was read.
    pub fn look(&mut self) -> bool {
        let stamp = self.stamp();
        if self.has_read && stamp == self.seen {
            return false;
        }
        (self.seen, self.has_read) = (stamp, true);
        match read(&self.path) {
            Ok(read) => (self.last, self.damage) = (read, None),
            Err(how) => self.damage = Some(how),
        }
        true
    }

    fn stamp(&self) -> Option<Stamp> {
        let meta = fs::symlink_metadata(&self.path).ok()?;
        let (changed, nanos) = (meta.ctime(), meta.ctime_nsec());
        Some((meta.dev(), meta.ino(), changed, nanos, meta.size()))
    }

    /// Takes away the file of one that has ended by itself, if it is the one that was read: a clock that is set back would
    /// have everybody else believe that it is in force.
    pub fn clear_away(&mut self) {
        if self.damage.is_none() && self.stamp() == self.seen {
            // At worst it is still there.
            let _ = fs::remove_file(&self.path);
            self.seen = self.stamp();
        }
    }

    /// What is in force. What has ended has ended: a clock that is set back does not bring it to life again.
    pub fn in_force(&mut self, now: SystemTime) -> Option<&Maintenance> {
        self.last.take_if(|last| !last.is_in_force(now));
        self.last.as_ref()
    }

    /// What is wrong with the file.
    #[must_use]
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("maintenance");
        (folder, path)
    }

    fn drain(lasts: Option<u64>) -> Maintenance {
        let lasts = lasts.map(Duration::from_secs);
        Maintenance::new(Kind::Drain, " kernel\nupdate ", SystemTime::now(), lasts)
    }

    #[test]
    fn what_is_entered_is_read_until_it_is_resumed() {
        let (_folder, path) = folder();
        assert_eq!(read(&path), Ok(None));
        assert_eq!(resume(&path).expect("nothing there"), None);
        enter(&path, &drain(None)).expect("entered");
        let hold = Maintenance::new(Kind::Hold, "wait", SystemTime::now(), None);
        enter(&path, &hold).expect("entered");
        assert_eq!(read(&path), Ok(Some(hold.clone())));
        assert_eq!(
            resume(&path).expect("resumed"),
            Some("held: wait".to_owned())
        );
        assert_eq!(read(&path), Ok(None));
    }

    #[test]
    fn it_ends_at_its_time_and_not_before() {
        let now = SystemTime::now();
        let half = Maintenance::new(Kind::Drain, "x", now, Some(Duration::from_millis(500)));
        assert!(half.is_in_force(now + Duration::from_millis(499)));
        assert!(!half.is_in_force(now + Duration::from_secs(3)));
        assert!(drain(None).is_in_force(now + Duration::from_secs(1_000_000)));
    }

    #[test]
    fn what_has_ended_does_not_come_back_with_the_clock() {
        let (_folder, path) = folder();
        let now = SystemTime::now();
        enter(&path, &drain(Some(60))).expect("entered");
        let mut watch = Watch::new(path, None);
        watch.look();
        assert!(watch.in_force(now).is_some());
        assert_eq!(watch.in_force(now + Duration::from_secs(3600)), None);
        assert_eq!(watch.in_force(now), None);
    }

    #[test]
    fn whatever_was_written_by_hand_is_shown_in_one_line() {
        let odd = Maintenance {
            until: Some(u64::MAX),
            ..drain(None)
        };
        assert_eq!(
            odd.to_string(),
            "drained until @18446744073709551615: kernel\\nupdate"
        );
        assert_eq!(drain(None).to_string(), "drained: kernel\\nupdate");
    }

    #[test]
    fn damage_changes_nothing() {
        let (_folder, path) = folder();
        enter(&path, &drain(None)).expect("entered");
        let mut watch = Watch::new(path.clone(), None);
        assert!(watch.look() && !watch.look());
        let now = SystemTime::now();
        for damage in [
            "",
            "{",
            "[]",
            "{\"heartbeat\":2,\"kind\":\"hold\",\"reason\":\"\",\"since\":0,\"until\":null}",
        ] {
            fs::write(&path, damage).expect("written");
            assert!(watch.look());
            assert!(watch.damage().is_some(), "{damage}");
            assert_eq!(watch.in_force(now).map(|m| m.kind), Some(Kind::Drain));
        }
        fs::remove_file(&path).expect("removed");
        assert!(watch.look());
        assert_eq!(watch.damage(), None);
        assert_eq!(watch.in_force(now), None);
    }
}

//! The pidfile, which is the lock: one heartbeat at a time.
//!
//! The lock is an flock, taken before the file is touched, so a loser leaves it as it is and a stale one is no obstacle.
//! It belongs to the open file, survives a fork, and ends with the last process that has it, however that ends. std's
//! `File` is used and not nix's `Flock`, whose drop unlocks: the parent's, on its way out, would unlock the daemon's.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use log::warn;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::file::{self, refusal};

/// How long a loser waits for the winner to have written its number.
const NAME_WAIT: Duration = Duration::from_millis(500);

/// How often a pidfile that vanishes between opening and locking it is tried again.
const MOST_TRIES: usize = 100;

/// A pidfile holds no more than a number and a line break.
const LONGEST: u64 = 32;

/// The held lock.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock. Our process number is yet to be written, by the process that stays.
    ///
    /// # Errors
    /// Another process holds it, and which one; or the file cannot be opened, or is something else than a pidfile.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        for _ in 0..MOST_TRIES {
            let mut file = open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => match holder(&mut file) {
                    Some(holder) => bail!(Held::by(path, &holder)),
                    // It is free: from the beginning, as the file may have gone with its holder.
                    None => continue,
                },
                Err(TryLockError::Error(error)) => bail!(failed(path, &error)),
            }
            // The last holder may have removed the file between our opening and locking it.
            if !is_still_there(path, &file) {
                continue;
            }
            if !looks_like_a_pidfile(&mut file) {
                bail!(
                    "pidfile {}: holds something else than a process number",
                    path.display()
                );
            }
            return Ok(Self {
                path: path.to_owned(),
                file,
            });
        }
        bail!(
            "pidfile {}: is removed as often as it is made",
            path.display()
        )
    }

    /// Writes our process number. Where a full disk takes none the lock holds all the same: a dead service is not to stay
    /// in rotation for want of a few bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn write_pid(&self) -> anyhow::Result<()> {
        let text = format!("{}\n", std::process::id());
        let write = || {
            (&self.file).seek(SeekFrom::Start(0))?;
            (&self.file).write_all(text.as_bytes())?;
            self.file.set_len(text.len() as u64)
        };
        match write() {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                warn!("{}; it holds no number.", failed(&self.path, &error));
                Ok(())
            }
            Err(error) => Err(failed(&self.path, &error)),
            Ok(()) => Ok(()),
        }
    }

    /// Makes the file again where it has been removed, as by a cleaner of temporary files: a second heartbeat would find
    /// nothing locked. Gives whether it had to.
    ///
    /// # Errors
    /// It has been replaced by another's, or cannot be made.
    pub fn restore(&mut self) -> anyhow::Result<bool> {
        if is_still_there(&self.path, &self.file) {
            return Ok(false);
        }
        let new = Self::take(&self.path)?;
        new.write_pid()?;
        *self = new;
        Ok(true)
    }

    /// Removes the file while the lock is still held, if it is still ours. Where its folder does not let us, it is
    /// emptied.
    pub fn release(self) {
        if is_still_there(&self.path, &self.file) && fs::remove_file(&self.path).is_err() {
            let _ = self.file.set_len(0);
        }
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    file::open(path, &mut options, false).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> anyhow::Error {
    anyhow!("pidfile {}: {}", path.display(), refusal(path, error))
}

fn is_still_there(path: &Path, file: &File) -> bool {
    let (Ok(there), Ok(ours)) = (fs::symlink_metadata(path), file.metadata()) else {
        return false;
    };
    (there.dev(), there.ino()) == (ours.dev(), ours.ino())
}

/// Empty, or a number: a file given by mistake as the pidfile is not overwritten, be it a key of a few bytes.
fn looks_like_a_pidfile(file: &mut File) -> bool {
    let is_short = file.metadata().is_ok_and(|meta| meta.len() <= LONGEST);
    let is_number = |bytes: Vec<u8>| bytes.trim_ascii().iter().all(u8::is_ascii_digit);
    is_short && content(file).is_ok_and(is_number)
}

/// How it begins.
fn content(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn number(file: &mut File) -> Option<i32> {
    let text = String::from_utf8(content(file).ok()?).ok()?;
    text.trim().parse().ok()
}

/// Who holds the lock. `None`: it has become free (a child of a holder that was killed may keep it for a moment). A new
/// holder may not have written its number yet, so that is waited for.
fn holder(file: &mut File) -> Option<String> {
    let end = Instant::now() + NAME_WAIT;
    while Instant::now() < end {
        if let Some(pid) = number(file).filter(|pid| is_alive(*pid)) {
            return Some(format!("process {pid}"));
        }
        if file.try_lock().is_ok() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Some("another process".to_owned())
}

/// Another heartbeat has the lock: which one, in words.
#[derive(Debug)]
pub struct Held(String);

impl Held {
    fn by(path: &Path, holder: &str) -> Self {
        let path = path.display();
        Self(format!(
            "{path}: locked by {holder}: is another heartbeat running?"
        ))
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Held {}

/// Any answer but "no such process" is one.
fn is_alive(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH)
}

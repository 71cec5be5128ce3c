//! A log file that rotates: 1,000,000 bytes, four backups, as heartbeat.py's `RotatingFileHandler`.
//!
//! Every record is written whole by one write. What cannot be written is counted and told when it can be again; no
//! error of the log ever reaches the checks.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::file;

/// A file that would reach this many bytes is rotated first.
const LARGEST: u64 = 1_000_000;

/// Backups that are kept: `.1` is the newest.
const BACKUPS: u32 = 4;

/// What goes wrong with a log, to be told in it.
#[derive(Debug)]
pub enum Trouble {
    /// So many lines could not be written.
    Lost(u64),
    /// It has grown too large, and cannot be moved away: why.
    NotRotated(String),
}

/// The log file and its size.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    /// A device such as `/dev/null` stays where it is.
    rotates: bool,
    lost: u64,
}

impl LogFile {
    /// Opens `path` for appending, and creates it where it is not there.
    ///
    /// # Errors
    /// The system's; or it is a link, or neither a file nor a device.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (file, size, rotates) = open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
            rotates,
            lost: 0,
        })
    }

    /// Writes one record, which ends in a line break. `notice` makes the record that tells of trouble.
    pub fn write(&mut self, record: &str, notice: impl Fn(Trouble) -> String) {
        if let Err(why) = self.make_room(record.len() as u64) {
            let notice = notice(Trouble::NotRotated(file::reason(&why)));
            // A disk that does not take it does not take the record either, which is counted.
            let _ = self.append(notice.as_bytes());
        }
        if self.lost > 0 {
            let notice = notice(Trouble::Lost(self.lost));
            if self.append(notice.as_bytes()).is_err() {
                self.lost += 1;
                return;
            }
            self.lost = 0;
        }
        if self.append(record.as_bytes()).is_err() {
            self.lost += 1;
        }
    }

    fn make_room(&mut self, length: u64) -> io::Result<()> {
        if !self.rotates || self.size == 0 || self.size + length < LARGEST {
            return Ok(());
        }
        // It goes on, and is not tried again for each line.
        self.rotate().inspect_err(|_| self.size = 0)
    }

    fn append(&mut self, record: &[u8]) -> io::Result<()> {
        let written = self.file.write(record)?;
        if written < record.len() {
            // A full disk has taken half of it, which would stand glued to the next record.
            let length = self.file.metadata()?.len();
            self.file.set_len(length.saturating_sub(written as u64))?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.size += record.len() as u64;
        Ok(())
    }

    /// Moves the files on by one. The new one is opened first: where that fails, as in a folder that may not be written, or
    /// where there are no descriptors left, nothing has been moved.
    fn rotate(&mut self) -> io::Result<()> {
        let new = file::replacement(&self.path);
        let _ = fs::remove_file(&new);
        let (opened, size, rotates) = open(&new)?;
        let moved = self.move_on().and_then(|()| fs::rename(&new, &self.path));
        if moved.is_err() {
            let _ = fs::remove_file(&new);
        } else {
            (self.file, self.size, self.rotates) = (opened, size, rotates);
        }
        moved
    }

    fn move_on(&self) -> io::Result<()> {
        for number in (1..BACKUPS).rev() {
            move_away(&self.backup(number), &self.backup(number + 1))?;
        }
        move_away(&self.path, &self.backup(1))
    }

    fn backup(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Opens the path again, as after it has been moved away.
    ///
    /// # Errors
    /// As [`LogFile::open`]; the old file goes on.
    pub fn reopen(&mut self) -> io::Result<()> {
        (self.file, self.size, self.rotates) = open(&self.path)?;
        Ok(())
    }
}

/// One that is not there need not be moved.
fn move_away(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn open(path: &Path) -> io::Result<(File, u64, bool)> {
    let file = file::open(path, OpenOptions::new().append(true).create(true), true)?;
    let meta = file.metadata()?;
    Ok((file, meta.len(), meta.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> String {
        format!("{number:06} {}\n", "x".repeat(92))
    }

    #[test]
    fn rotation_neither_loses_nor_tears_a_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = LogFile::open(&path).expect("opened");
        for number in 0..35_000 {
            log.write(&line(number), |_| String::new());
        }
        let mut text = String::new();
        for name in ["log.3", "log.2", "log.1", "log"] {
            let part = fs::read_to_string(folder.path().join(name)).expect("there");
            assert!(part.len() < 1_000_000 && part.ends_with('\n'), "{name}");
            text.push_str(&part);
        }
        let expected: String = (0..35_000).map(line).collect();
        assert!(text == expected, "lines are missing, torn or out of order");
        assert!(!folder.path().join("log.4").exists());
    }

    #[test]
    fn only_four_backups_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = LogFile::open(&folder.path().join("log")).expect("opened");
        for number in 0..80_000 {
            log.write(&line(number), |_| String::new());
        }
        let files = fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(files, 5);
    }

    #[test]
    fn what_was_lost_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = LogFile::open(Path::new("/dev/full")).expect("a device will do");
        let notice = |trouble| match trouble {
            Trouble::Lost(lost) => format!("{lost} lost\n"),
            Trouble::NotRotated(why) => format!("{why}\n"),
        };
        log.write("a\n", notice);
        log.write("b\n", notice);
        log.path.clone_from(&path);
        log.reopen().expect("opened");
        log.write("c\n", notice);
        assert_eq!(fs::read_to_string(&path).expect("there"), "2 lost\nc\n");
    }
}

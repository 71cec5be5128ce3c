//! The bytes of a configuration file, and whether they may be believed.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};

use crate::file::reason;

/// Largest file that is read: some fifty thousand checks.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Reads the text of `path`, which may be a pipe.
///
/// # Errors
/// One line, with file and where possible line: not readable, not text, or open to others while we are root.
pub fn read(path: &Path) -> Result<String, String> {
    let name = path.display();
    let failed = |error: io::Error| format!("{name}: cannot be read: {}", reason(&error));
    let (file, meta) = open(path).map_err(failed)?;
    if meta.is_dir() {
        return Err(format!("{name}: is a folder, not a file"));
    }
    trusted(&meta).map_err(|text| format!("{name}: {text}"))?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("{name}: larger than {LARGEST} bytes"));
    }
    text(bytes).map_err(|(line, text)| format!("{name}:{line}: {text}"))
}

/// Opens without waiting: a FIFO that nobody writes to would hold us for ever.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    const PATIENCE: u16 = 5000; // milliseconds
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = options.open(path)?;
    let meta = file.metadata()?;
    if meta.file_type().is_fifo() {
        let mut news = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        if poll(&mut news, PATIENCE)? == 0 {
            return Err(io::Error::other("a pipe that nobody writes to"));
        }
        fcntl(&file, FcntlArg::F_SETFL(OFlag::empty()))?;
    }
    Ok((file, meta))
}

/// A file whose commands root will run must not be open to others, as cron and logrotate demand.
fn trusted(meta: &Metadata) -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() || !meta.is_file() {
        return Ok(());
    }
    let consequence = "and its commands would be run by root";
    match (meta.mode() & 0o7777, meta.uid()) {
        (mode, _) if mode & 0o022 != 0 => Err(format!(
            "mode {mode:04o} lets group or others write it, {consequence} (chmod go-w)"
        )),
        (_, 0) => Ok(()),
        (_, owner) => Err(format!(
            "belongs to user {owner}, who may write it, {consequence} (chown root)"
        )),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, (usize, String)> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err((1, "is UTF-16; save it as UTF-8".to_owned()));
    }
    let line_of = |bytes: &[u8]| bytes.split(|&byte| byte == b'\n').count();
    if let Some(at) = bytes.iter().position(|&b| b == 0) {
        let text = "holds a zero byte; this is not a text file".to_owned();
        return Err((line_of(&bytes[..at]), text));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        (line_of(valid), "is not UTF-8 text".to_owned())
    })
}

//! Files that a privileged process writes in folders of others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

/// Opens `path` as `options` say, but never through a symbolic link, and never anything that is not a plain file
/// (`or_device`: a character device such as `/dev/null` will do). Does not block on a FIFO. A new file can be read by
/// all and written by its owner.
///
/// # Errors
/// The system's; or what the path is instead of a file.
pub fn open(path: &Path, options: &mut OpenOptions, or_device: bool) -> io::Result<File> {
    options.custom_flags(O_NOFOLLOW | O_NONBLOCK).mode(0o644);
    let file = options.open(path).map_err(|error| {
        let is_link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
        if is_link {
            return io::Error::other("is a symbolic link, which is not followed");
        }
        error
    })?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() || or_device && kind.is_char_device() {
        return Ok(file);
    }
    Err(io::Error::other("is not a file"))
}

/// Replaces a file by one of this content, at once: whoever reads it sees the old one or the new one. All may read it.
///
/// # Errors
/// The system's; the file is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(path, |new| write_new(new, bytes).map(drop))
}

/// The same, and it is on the disk, should the power fail: see fsync(2).
///
/// # Errors
/// The system's; the file is as it was, or as it shall be.
pub fn replace_for_good(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(path, |new| write_new(new, bytes)?.sync_all())?;
    sync_folder(path)
}

/// What has been put into the folder of `path`, and what has been taken out of it, is on the disk.
///
/// # Errors
/// The system's.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = File::open(folder.unwrap_or(Path::new(".")));
    match folder.and_then(|folder| folder.sync_all()) {
        // A file system that knows no such thing; a folder that we may write in, and not read.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

fn replace_by(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let new = replacement(path);
    let result = write(&new).and_then(|()| fs::rename(&new, path));
    if result.is_err() {
        // A torn one is of no use, and takes room on a disk that may be full.
        let _ = fs::remove_file(&new);
    }
    result
}

/// Where what is to replace a file is written first.
#[must_use]
pub fn replacement(path: &Path) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(".new");
    name.into()
}

/// Writes a file that was not there before, so that neither a link nor a file of others is written to.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = open(path, OpenOptions::new().write(true).create_new(true), false)?;
    // Whatever the umask of whoever calls.
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Why a file cannot be kept at `path`, with what would be right where the system's words leave that open.
#[must_use]
pub fn refusal(path: &Path, error: &io::Error) -> String {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder.display().to_string(),
        _ => "the working directory".to_owned(),
    };
    let words = reason(error);
    match error.kind() {
        io::ErrorKind::NotFound => format!("{words} (the folder is not there: {folder})"),
        io::ErrorKind::PermissionDenied => {
            let uid = nix::unistd::geteuid();
            let user = nix::unistd::User::from_uid(uid).ok().flatten();
            let user = user.map_or(uid.to_string(), |user| user.name);
            format!("{words} (user {user} must be able to write in {folder})")
        }
        _ => words,
    }
}

/// The system's words for an error, without the number that std puts behind them.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

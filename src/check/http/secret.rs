//! What must not be shown: read from a file that nobody else can read, and kept out of every reason.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use nix::libc::O_NONBLOCK;
use nix::unistd::{User, geteuid};
use ureq::http::HeaderValue;

use super::redirect::in_url;
use crate::check::Failure;
use crate::file;
use crate::settings::Settings;

/// Longest password, in bytes.
pub const LONGEST: usize = 1024;

/// A piece of a secret that is at least this long is not shown where the rest has been cut off.
const SHORTEST_PIECE: usize = 4;

/// A part of a header that is shorter than this is no secret of its own.
const SHORTEST_PART: usize = 6;

/// What a peer may repeat to us, and we must not repeat to anybody.
#[derive(Default)]
pub struct Secrets(Vec<Vec<u8>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// One more, and the same as it stands in the address that a redirect leads to. The longer ones come first: what a
    /// shorter one has blotted out would not be known again as a part of them.
    pub fn add(&mut self, secret: &[u8]) {
        let in_url = in_url(&String::from_utf8_lossy(secret));
        for secret in [secret, in_url.as_bytes()] {
            let place = self.0.partition_point(|known| known.len() >= secret.len());
            if !secret.is_empty() && !self.0.iter().any(|known| known == secret) {
                self.0.insert(place, secret.to_vec());
            }
        }
    }

    /// A header's value, what stands behind the name of its scheme (`Bearer …`), and what is secret in that: the values of
    /// its parts (`session=…; theme=…`), and what it is the base64 of (RFC 7617).
    pub fn add_header(&mut self, value: &HeaderValue) {
        let value = value.as_bytes();
        let behind = value.splitn(2, |byte| *byte == b' ').nth(1);
        let behind = behind.filter(|behind| behind.len() >= SHORTEST_PART);
        for secret in [Some(value), behind].into_iter().flatten() {
            self.add(secret);
            for part in secret.split(|byte| matches!(byte, b';' | b',')) {
                self.add_part(part);
            }
        }
        if let Some(plain) = behind.and_then(|behind| BASE64_STANDARD.decode(behind).ok()) {
            self.add(&plain);
            let password = plain.splitn(2, |byte| *byte == b':').nth(1);
            self.add_part(password.unwrap_or_default());
        }
    }

    /// One of several, unless it is so short that it would be found everywhere.
    fn add_part(&mut self, part: &[u8]) {
        let value = part.splitn(2, |byte| *byte == b'=').last();
        let value = value.unwrap_or_default().trim_ascii();
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        let value = value.strip_suffix(b"\"").unwrap_or(value);
        if value.len() >= SHORTEST_PART {
            self.add(value);
        }
    }

    /// The longest of them.
    pub fn longest(&self) -> usize {
        self.0.iter().map(Vec::len).max().unwrap_or_default()
    }

    /// Puts asterisks in their places, also where the end of `bytes` cuts one off.
    pub fn mask(&self, bytes: &mut [u8]) {
        for secret in self.0.iter().filter(|secret| !secret.is_empty()) {
            let mut at = 0;
            while at < bytes.len() {
                let rest = &mut bytes[at..];
                let length = secret.len().min(rest.len());
                let is_shown = length == secret.len() || length >= SHORTEST_PIECE;
                if is_shown && rest[..length] == secret[..length] {
                    rest[..length].fill(b'*');
                    at += length;
                } else {
                    at += 1;
                }
            }
        }
    }

    /// The failure without what the peer has repeated of them.
    pub fn kept_out_of(&self, mut failure: Failure) -> Failure {
        if !self.0.is_empty() {
            let mut bytes = failure.reason.into_bytes();
            self.mask(&mut bytes);
            failure.reason = String::from_utf8_lossy(&bytes).into_owned();
        }
        failure
    }
}

/// Reads the password in the file that `key` names: its only line. `None`: it is wrong and noted, or files are skipped.
pub fn read(settings: &mut Settings, key: &str) -> Option<Vec<u8>> {
    let reader = settings.reader();
    if reader.skips_files {
        return None;
    }
    let account = reader.user.as_deref().and_then(account);
    settings.optional(key, |path| read_file(path, account))
}

fn account(name: &str) -> Option<u32> {
    let user = User::from_name(name).ok().flatten();
    user.map(|user| user.uid.as_raw())
}

fn read_file(path: &str, account: Option<u32>) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| format!("cannot be read: {}", file::reason(&error));
    // Without waiting: it may be a pipe.
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(O_NONBLOCK).open(path);
    let file = file.map_err(failed)?;
    trusted(&file.metadata().map_err(failed)?, account)?;
    password(file).map_err(failed)?
}

fn trusted(meta: &Metadata, account: Option<u32>) -> Result<(), String> {
    if !meta.is_file() {
        return Err("is not a file".to_owned());
    }
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "has mode {mode:04o}, which lets others at it (chmod 0600)"
        ));
    }
    let owners = [Some(0), Some(geteuid().as_raw()), account];
    if !owners.contains(&Some(meta.uid())) {
        return Err(format!(
            "belongs to user {}; it must belong to root or to whom heartbeat runs as",
            meta.uid()
        ));
    }
    Ok(())
}

fn password(file: File) -> io::Result<Result<Vec<u8>, String>> {
    let mut bytes = Vec::new();
    let most = LONGEST + "\r\n".len();
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let wrong = match line {
        [] => "is empty; it must hold a password".to_owned(),
        line if line.len() > LONGEST => format!("holds more than {LONGEST} bytes"),
        line if line.iter().any(u8::is_ascii_control) => {
            "holds more than one line, or a control character".to_owned()
        }
        line => return Ok(Ok(line.to_vec())),
    };
    Ok(Err(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Phase;

    fn secrets(of: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        for one in of {
            secrets.add(one.as_bytes());
        }
        secrets
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let secrets = secrets(&["hunter22", "x", ""]);
        for (given, masked) in [
            ("a hunter22 hunter22b", "a ******** ********b"),
            ("the end is hunter2", "the end is *******"),
            ("the end is hun", "the end is hun"),
            ("hunter23", "hunter23"),
            ("axb", "a*b"),
        ] {
            let mut bytes = given.as_bytes().to_vec();
            secrets.mask(&mut bytes);
            assert_eq!(String::from_utf8_lossy(&bytes), masked);
        }
    }

    #[test]
    fn a_header_is_secret_with_and_without_its_scheme() {
        let mut secrets = Secrets::default();
        secrets.add_header(&HeaderValue::from_static("Bearer abcdef"));
        let failure = Failure::new(Phase::Body, "not Bearer abcdef, nor abcdef");
        let failure = secrets.kept_out_of(failure);
        assert_eq!(failure.to_string(), "body: not *************, nor ******");
        assert!(format!("{secrets:?}").starts_with("Secrets("));
    }

    /// The names stay readable, and what is too short to be a secret.
    #[test]
    fn the_parts_of_a_header_are_secret_alone() {
        for (header, given, masked) in [
            (
                "session=s3cretsession; theme=dark",
                "invalid session: s3cretsession, dark",
                "invalid session: *************, dark",
            ),
            (
                "Token token=\"abcdef99\", realm=\"r\"",
                "unknown token abcdef99",
                "unknown token ********",
            ),
            (
                "a=abcdef; b=abcdefSECRET99",
                "unknown b: abcdefSECRET99, a: abcdef.",
                "unknown b: **************, a: ******.",
            ),
            ("session=s3cretsession; y", "my day", "my day"),
            (
                "Bearer a//b^c|defgh",
                "to /x?t=a//b%5Ec%7Cdefgh",
                "to /x?t=****************",
            ),
            (
                "Basic cHJvYmU6aHVudGVyMjI=",
                "hunter22 of probe!",
                "******** of probe!",
            ),
        ] {
            let mut secrets = Secrets::default();
            secrets.add_header(&HeaderValue::from_static(header));
            let mut bytes = given.as_bytes().to_vec();
            secrets.mask(&mut bytes);
            assert_eq!(String::from_utf8_lossy(&bytes), masked, "{header}");
        }
    }
}

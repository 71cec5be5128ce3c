//! stderr: a terminal, a pipe, journald. What is logged never waits for it.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::OnceLock;

use nix::libc::{O_NOCTTY, O_NONBLOCK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The terminal on stderr, opened once more: what is written there never waits. One that says it is ready may take less
/// than a line, and who waits for the rest waits as long as nobody reads. (On stderr itself that would be set for
/// everybody who has the terminal open.)
static TERMINAL: OnceLock<File> = OnceLock::new();

/// Opens the terminal, if stderr is one; to be called while we still may, before a change of user.
pub fn claim_terminal() {
    let mut options = File::options();
    options.write(true).custom_flags(O_NONBLOCK | O_NOCTTY);
    if io::stderr().is_terminal()
        && let Ok(terminal) = options.open("/proc/self/fd/2")
    {
        // Another one would be the same.
        let _ = TERMINAL.set(terminal);
    }
}

/// Tells whoever has started us what is wrong, a line or several, and goes on when nobody listens: `eprintln!` would panic.
/// In the journal it is an error.
pub fn complain(text: &str) {
    let level = if is_journal() { "<3>" } else { "" };
    for line in text.lines() {
        let _ = writeln!(io::stderr(), "{level}{line}");
    }
}

/// Whether stderr still is what systemd has connected to journald: `systemd.exec(5)`, `$JOURNAL_STREAM`.
pub fn is_journal() -> bool {
    let Ok(meta) = io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map(File::from)
        .and_then(|f| f.metadata())
    else {
        return false;
    };
    let stream = format!("{}:{}", meta.dev(), meta.ino());
    std::env::var("JOURNAL_STREAM").is_ok_and(|journal| journal == stream)
}

/// What could not be written to stderr.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Lines.
    lost: u64,
    /// Of the last one a part has been written.
    is_torn: bool,
}

/// Writes a line if that can be done at once: a terminal that has been stopped, or a pipe that nobody reads, must not
/// hold up the loop. The next one that can be written comes after `notice` of how many could not. fern's own output to
/// stderr would wait, and panic when it cannot write at all.
pub fn offer(line: &str, backlog: &mut Backlog, notice: impl FnOnce(u64) -> String) {
    /// What a pipe that is ready takes without waiting: `PIPE_BUF`, pipe(7).
    const PIECE: usize = 4096;
    let end = if backlog.is_torn { "\n" } else { "" };
    let notice = match backlog.lost {
        0 => String::new(),
        lost => notice(lost),
    };
    let text = [end, &notice, line].concat();
    for (place, piece) in text.as_bytes().chunks(PIECE).enumerate() {
        let stderr = io::stderr();
        let mut news = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
        let is_ready = poll(&mut news, PollTimeout::ZERO).is_ok_and(|ready| ready > 0);
        if !is_ready || push(piece).is_err() {
            backlog.lost += 1;
            // A terminal may have taken a part of the first piece, too.
            backlog.is_torn |= place > 0 || TERMINAL.get().is_some() && is_ready;
            return;
        }
    }
    *backlog = Backlog::default();
}

fn push(piece: &[u8]) -> io::Result<()> {
    match TERMINAL.get() {
        Some(mut terminal) => terminal.write_all(piece),
        None => io::stderr().write_all(piece),
    }
}

//! What a command writes: the end of it is kept, the rest is read and dropped, so that nobody who holds the pipe open
//! ever waits for us or is killed by its end.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How much of the end of the output is kept.
const OUTPUT_KEPT: usize = 4096;

/// How long the output of a command that has ended is waited for, while something else goes on writing to it.
const DRAIN: Duration = Duration::from_millis(100);

/// The end of what a command has written.
#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    /// The command has ended: what still comes is dropped.
    closed: bool,
    /// Nobody can write any more.
    ended: bool,
}

/// Follows the output of a command on a thread of its own, as long as anyone holds it open.
#[derive(Debug)]
pub struct Output {
    tail: Arc<Mutex<Tail>>,
    reader: io::PipeReader,
}

impl Output {
    /// Takes what comes out of `reader` until nobody holds the other end open.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn follow(reader: io::PipeReader) -> io::Result<Self> {
        let tail = Arc::new(Mutex::new(Tail::default()));
        let mut followed = reader.try_clone()?;
        let shared = Arc::clone(&tail);
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || while take(&mut followed, &shared) {})?;
        Ok(Self { tail, reader })
    }

    /// The command has ended: everything it wrote is in the pipe or has been taken. Gives the end of it, at most 4 KiB.
    #[must_use]
    pub fn end(self) -> String {
        let end = Instant::now() + DRAIN;
        while Instant::now() < end
            && !lock(&self.tail).ended
            && has_input(&self.reader, PollTimeout::ZERO)
        {
            thread::sleep(Duration::from_millis(1));
        }
        let mut tail = lock(&self.tail);
        tail.closed = true;
        let bytes = std::mem::take(&mut tail.bytes);
        let kept = &bytes[bytes.len().saturating_sub(OUTPUT_KEPT)..];
        String::from_utf8_lossy(kept).trim().to_owned()
    }
}

/// Takes a piece of output. It is read under the lock, so that whoever finds the pipe empty and holds the lock has it
/// all. `false`: there will be no more.
fn take(reader: &mut io::PipeReader, tail: &Mutex<Tail>) -> bool {
    if !has_input(reader, PollTimeout::NONE) {
        return true;
    }
    let mut piece = [0; 8192];
    let mut tail = lock(tail);
    match reader.read(&mut piece) {
        Ok(0) => {
            tail.ended = true;
            return false;
        }
        Ok(amount) if !tail.closed => tail.bytes.extend_from_slice(&piece[..amount]),
        Ok(_) => {}
        Err(error) => return error.kind() == io::ErrorKind::Interrupted,
    }
    let excess = tail.bytes.len().saturating_sub(OUTPUT_KEPT);
    if excess > OUTPUT_KEPT {
        tail.bytes.drain(..excess);
    }
    true
}

fn has_input(reader: &io::PipeReader, wait: PollTimeout) -> bool {
    poll(&mut [PollFd::new(reader.as_fd(), PollFlags::POLLIN)], wait).is_ok_and(|ready| ready > 0)
}

/// Nothing is left half done under this lock.
fn lock(tail: &Mutex<Tail>) -> MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What commands write: the end of it is kept, the rest is read and dropped, so that nobody who holds the pipe open ever
//! waits for us or is killed by its end.
//!
//! One thread reads for all of them: what commands leave in the background may hold a pipe each for years, and must not
//! cost a thread each.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::mutex::lock;

/// How much of the end of the output is kept.
const OUTPUT_KEPT: usize = 4096;

/// How long the output of a command that has ended is waited for, while something else goes on writing to it.
const DRAIN: Duration = Duration::from_millis(100);

/// Pipes of commands that have ended, held open by what they have left. One more, and the oldest is closed: a command that
/// leaves something each time must not take all descriptors.
const MOST_LEFT: usize = 64;

/// What commands have left is read no sooner than this after it was read: one that floods must not cost a processor.
const REST: Duration = Duration::from_millis(20);

/// The end of what a command has written.
#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    /// The command has ended: what still comes is dropped.
    closed: bool,
    /// Nobody can write any more.
    ended: bool,
}

/// The output of a command, as long as anyone holds it open.
#[derive(Debug)]
pub struct Output {
    tail: Arc<Mutex<Tail>>,
    reader: io::PipeReader,
}

impl Output {
    /// Has what comes out of `reader` taken until nobody holds the other end open.
    ///
    /// # Errors
    /// There is no thread or no descriptor to be had.
    pub fn follow(reader: io::PipeReader) -> io::Result<Self> {
        let tail = Arc::new(Mutex::new(Tail::default()));
        Hub::take(Followed {
            reader: reader.try_clone()?,
            tail: Arc::clone(&tail),
        })?;
        Ok(Self { tail, reader })
    }

    /// The command has ended: everything it wrote is in the pipe or has been taken. Gives the end of it, at most 4 KiB.
    #[must_use]
    pub fn end(self) -> String {
        let end = Instant::now() + DRAIN;
        while Instant::now() < end && !lock(&self.tail).ended && has_input(&self.reader) {
            thread::sleep(Duration::from_millis(1));
        }
        let mut tail = lock(&self.tail);
        tail.closed = true;
        let bytes = std::mem::take(&mut tail.bytes);
        let kept = &bytes[bytes.len().saturating_sub(OUTPUT_KEPT)..];
        String::from_utf8_lossy(kept).trim().to_owned()
    }
}

/// How the thread that reads is told of one more.
struct Hub {
    news: Sender<Followed>,
    bell: io::PipeWriter,
}

/// Begun with the first command. Where there was no thread to be had it is tried again.
static HUB: Mutex<Option<Hub>> = Mutex::new(None);

impl Hub {
    fn take(followed: Followed) -> io::Result<()> {
        let mut hub = lock(&HUB);
        if hub.is_none() {
            *hub = Some(Self::begin()?);
        }
        if let Some(hub) = &mut *hub {
            hub.news.send(followed).map_err(io::Error::other)?;
            hub.bell.write_all(b".")?;
        }
        Ok(())
    }

    fn begin() -> io::Result<Self> {
        let (news, heard) = channel();
        let (door, bell) = io::pipe()?;
        let thread = thread::Builder::new().name("output".to_owned());
        thread.spawn(move || read_all(door, &heard))?;
        Ok(Self { news, bell })
    }
}

/// A pipe, and what has come out of it.
struct Followed {
    reader: io::PipeReader,
    tail: Arc<Mutex<Tail>>,
}

impl Followed {
    fn news(&self, is_resting: bool) -> PollFd<'_> {
        let is_left = lock(&self.tail).closed;
        let flags = if is_left && is_resting {
            PollFlags::empty()
        } else {
            PollFlags::POLLIN
        };
        PollFd::new(self.reader.as_fd(), flags)
    }
}

fn read_all(mut door: io::PipeReader, news: &Receiver<Followed>) {
    let mut all: Vec<Followed> = Vec::new();
    let mut rested = Instant::now();
    loop {
        let (has_rung, ready) = wait(&door, &all, rested);
        let mut ready = ready.into_iter();
        all.retain(|one| {
            let is_ready = ready.next().unwrap_or_default();
            if is_ready && lock(&one.tail).closed {
                rested = Instant::now() + REST;
            }
            !is_ready || take(&one.reader, &one.tail)
        });
        if has_rung {
            // As often as it has rung by now, or again in the next turn.
            let _ = door.read(&mut [0; 64]);
        }
        all.extend(news.try_iter());
        forget_oldest(&mut all);
    }
}

/// Waits until the bell rings, or something has come. Gives both. What commands have left is not looked at before `rested`.
fn wait(door: &io::PipeReader, all: &[Followed], rested: Instant) -> (bool, Vec<bool>) {
    let rest = rested.saturating_duration_since(Instant::now());
    let bell = PollFd::new(door.as_fd(), PollFlags::POLLIN);
    let mut fds: Vec<_> = [bell]
        .into_iter()
        .chain(all.iter().map(|one| one.news(!rest.is_zero())))
        .collect();
    let patience = match rest {
        Duration::ZERO => PollTimeout::NONE,
        rest => PollTimeout::try_from(rest).unwrap_or(PollTimeout::ZERO),
    };
    if poll(&mut fds, patience).is_err() {
        // Out of memory, or a signal.
        thread::sleep(Duration::from_millis(1));
        return (false, Vec::new());
    }
    let mut ready = fds.iter().map(|fd| fd.any().unwrap_or_default());
    (ready.next().unwrap_or_default(), ready.collect())
}

/// Takes a piece of output. It is read under the lock, so that whoever finds the pipe empty and holds the lock has it
/// all. `false`: there will be no more.
fn take(mut reader: &io::PipeReader, tail: &Mutex<Tail>) -> bool {
    let mut piece = [0; 16384];
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

fn forget_oldest(all: &mut Vec<Followed>) {
    let is_left = |one: &Followed| lock(&one.tail).closed;
    let left = all.iter().filter(|one| is_left(one)).count();
    let mut excess = left.saturating_sub(MOST_LEFT);
    all.retain(|one| {
        let goes = excess > 0 && is_left(one);
        excess -= usize::from(goes);
        !goes
    });
}

fn has_input(reader: &io::PipeReader) -> bool {
    let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

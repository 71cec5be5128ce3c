//! A service that passes and fails as the test plays it, one check after the other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::peer::{OK, Peer};
use super::wait::wait_for;

/// An HTTP answer that makes a check fail.
const BROKEN: &str = "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n";

/// An HTTP server whose answers are played: `p` passes, `f` fails. When none is left, the check hangs until there is.
pub struct Player {
    peer: Peer,
    score: Arc<Score>,
}

#[derive(Default)]
struct Score {
    notes: Mutex<Notes>,
    changed: Condvar,
}

#[derive(Default)]
struct Notes {
    letters: VecDeque<char>,
    /// What is answered when no letters are left.
    always: Option<char>,
    /// How many requests there have been. Only the newest one is answered: those before it have been given up.
    asked: usize,
    answered: usize,
    is_over: bool,
}

impl Player {
    /// One that lets the first check hang.
    pub fn new() -> Self {
        let score = Arc::new(Score::default());
        let own = Arc::clone(&score);
        let peer = Peer::serve(move |mut conn| {
            conn.request()?;
            match own.next() {
                Some('p') => conn.send(OK),
                Some(_) => conn.send(BROKEN),
                None => Ok(()),
            }
        });
        Self { peer, score }
    }

    /// One that has these answers ready.
    pub fn playing(letters: &str) -> Self {
        let player = Self::new();
        player.play(letters);
        player
    }

    /// One that gives this answer until it is told otherwise.
    pub fn always(letter: char) -> Self {
        let player = Self::new();
        player.go_on(letter);
        player
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.peer.addr()
    }

    /// The checks that have come so far.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// More answers. After them checks hang.
    pub fn play(&self, letters: &str) {
        self.change(|notes| {
            notes.letters.extend(letters.chars());
            notes.always = None;
        });
    }

    /// After the answers that have been played, this one for ever.
    pub fn go_on(&self, letter: char) {
        self.change(|notes| notes.always = Some(letter));
    }

    /// Plays them, waits until checks have been given all of them and the next one hangs.
    pub fn play_out(&self, letters: &str) {
        self.play(letters);
        self.wait_until_asked();
    }

    /// Waits until a check hangs for want of an answer.
    pub fn wait_until_asked(&self) {
        wait_for("a check to hang", || self.is_asked());
    }

    /// Whether a check hangs for want of an answer.
    pub fn is_asked(&self) -> bool {
        let notes = self.score.notes.lock().unwrap();
        notes.letters.is_empty() && notes.always.is_none() && notes.asked > notes.answered
    }

    fn change(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.score.notes.lock().unwrap());
        self.score.changed.notify_all();
    }
}

impl Score {
    /// The answer to a request that has just come; `None`: it gets none.
    fn next(&self) -> Option<char> {
        /// Nobody waits longer, and heartbeat may have gone without a word.
        const PATIENCE: Duration = Duration::from_secs(60);
        let mut notes = self.notes.lock().unwrap();
        notes.asked += 1;
        let mine = notes.asked;
        loop {
            if notes.is_over || notes.asked > mine {
                return None;
            }
            let letter = notes.letters.pop_front().or(notes.always);
            if letter.is_some() {
                notes.answered = mine;
                return letter;
            }
            let (woken, waited) = self.changed.wait_timeout(notes, PATIENCE).unwrap();
            if waited.timed_out() {
                return None;
            }
            notes = woken;
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.change(|notes| notes.is_over = true);
    }
}

//! The worker pool: checks run in parallel, each worker takes the next check when it is free.
//!
//! Waking many threads for short jobs costs more than the jobs, and few threads would hold up a round of slow ones. So
//! a round begins with a few workers, and as long as they do not get on, their number is doubled every few milliseconds.
//!
//! Each of rayon's threads has one job for life: to wait for a call and work. With a job for each round, a thread that
//! ends one would look through the queues of all others, again and again, before it sleeps: hundreds of system calls.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::check::{Check, Outcome};
use crate::event::Event;
use crate::mutex::lock;

/// Workers that a round begins with: enough to keep the processors busy while checks wait for the network, as a processor
/// that falls asleep between two answers has to be woken.
const FEW: usize = 16;

/// How often it is looked at how the workers get on.
const LOOK: Duration = Duration::from_millis(3);

/// Workers that get through fewer checks than this between two looks are taken to be waiting, not at work.
const AT_WORK: usize = 2;

/// Workers and the checks that wait for one.
#[derive(Debug)]
pub struct Pool {
    workers: ThreadPool,
    /// Each call is heard by one of the workers that wait.
    calls: Sender<Arc<Batch>>,
    events: Sender<Event>,
    checks: Arc<[Check]>,
    /// Checks that are with a worker, or wait for one.
    in_flight: Vec<bool>,
    in_flight_now: usize,
    /// How often the checks have got other places, or those in flight been given up.
    era: u64,
    /// Those that were begun in another era, and which check each of them is now. `None`: its outcome says nothing.
    older: HashMap<(u64, usize), Option<usize>>,
    batch: Arc<Batch>,
    /// Workers that have been sent to the batch.
    sent: usize,
    /// How many checks had been taken at the last look, and when that was.
    seen: usize,
    looked: Instant,
}

/// Checks to run, and how many of them have been taken.
#[derive(Debug)]
struct Batch {
    checks: Arc<[Check]>,
    era: u64,
    due: Vec<usize>,
    taken: AtomicUsize,
}

impl Batch {
    fn new(checks: &Arc<[Check]>, era: u64, due: Vec<usize>) -> Arc<Self> {
        Arc::new(Self {
            checks: Arc::clone(checks),
            era,
            due,
            taken: AtomicUsize::new(0),
        })
    }

    fn take(&self) -> Option<usize> {
        let place = self.taken.fetch_add(1, Ordering::Relaxed);
        self.due.get(place).copied()
    }

    /// Leaves nothing for whoever comes later, and gives what had not been taken.
    fn take_rest(&self) -> &[usize] {
        let taken = self.taken.swap(self.due.len(), Ordering::Relaxed);
        self.due.get(taken..).unwrap_or_default()
    }
}

impl Pool {
    /// A pool of `workers` threads for `checks`; outcomes are sent to `events`.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn new(
        workers: usize,
        checks: Arc<[Check]>,
        events: Sender<Event>,
    ) -> anyhow::Result<Self> {
        let workers = threads(workers)?;
        Ok(Self {
            calls: employ(&workers, &events),
            workers,
            in_flight: vec![false; checks.len()],
            in_flight_now: 0,
            era: 0,
            older: HashMap::new(),
            batch: Batch::new(&checks, 0, Vec::new()),
            checks,
            events,
            sent: 0,
            seen: 0,
            looked: Instant::now(),
        })
    }

    /// Threads to replace ours by; `None`: it would be the same number.
    ///
    /// # Errors
    /// They cannot be started.
    pub fn threads_for(&self, workers: usize) -> anyhow::Result<Option<ThreadPool>> {
        let is_other = workers != self.workers.current_num_threads();
        is_other.then(|| threads(workers)).transpose()
    }

    /// Other checks from here on, and other threads if there are any. `origin` says for each check which one of the old it
    /// was: what is in flight of those will count, and they are not started a second time.
    pub fn replace(
        &mut self,
        checks: Arc<[Check]>,
        origin: &[Option<usize>],
        threads: Option<ThreadPool>,
    ) {
        if let Some(threads) = threads {
            // The old workers end when nobody can call them any more.
            self.calls = employ(&threads, &self.events);
            self.workers = threads;
        }
        let new = |old| origin.iter().position(|from| *from == Some(old));
        self.checks = checks;
        self.begin_era(new);
    }

    /// What is in flight will not count, and may be run again at once.
    pub fn give_up(&mut self) {
        self.begin_era(|_| None);
    }

    fn begin_era(&mut self, new: impl Fn(usize) -> Option<usize>) {
        for check in self.batch.take_rest() {
            self.in_flight[*check] = false;
        }
        let carried: HashSet<usize> = self.older.values().flatten().copied().collect();
        for place in self.older.values_mut() {
            *place = place.and_then(&new);
        }
        let in_flight = std::mem::replace(&mut self.in_flight, vec![false; self.checks.len()]);
        for (check, _) in in_flight.into_iter().enumerate().filter(|(_, is)| *is) {
            // One of an older era is the one that will answer.
            if !carried.contains(&check) {
                self.older.insert((self.era, check), new(check));
            }
        }
        for place in self.older.values().flatten() {
            self.in_flight[*place] = true;
        }
        self.in_flight_now = self.in_flight.iter().filter(|is| **is).count();
        self.era += 1;
    }

    /// Has every check run that is not in flight; those that still wait for a worker come first. Returns at once.
    pub fn run_all(&mut self) {
        let mut due = self.batch.take_rest().to_vec();
        due.extend((0..self.checks.len()).filter(|check| !self.in_flight[*check]));
        self.in_flight.fill(true);
        self.in_flight_now = self.checks.len();
        self.batch = Batch::new(&self.checks, self.era, due);
        (self.sent, self.seen, self.looked) = (0, 0, Instant::now());
        self.send(FEW);
    }

    /// A check has answered: it may be run again. Gives its place now; `None`: it is gone, or its outcome says nothing.
    pub fn take_back(&mut self, outcome: &Outcome) -> Option<usize> {
        let check = if outcome.era == self.era {
            Some(outcome.check)
        } else {
            self.older.remove(&(outcome.era, outcome.check)).flatten()
        };
        if let Some(check) = check {
            self.in_flight[check] = false;
            self.in_flight_now -= 1;
        }
        check
    }

    /// What still waits for a worker is not run.
    pub fn abandon(&mut self) {
        self.batch.take_rest();
    }

    /// How many checks have yet to answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight_now
    }

    /// Sends more workers where those that were sent wait. Gives the time until it should be called again; `None`:
    /// every check has been taken.
    pub fn press_on(&mut self) -> Option<Duration> {
        let taken = self.batch.taken.load(Ordering::Relaxed);
        let most = self.workers.current_num_threads();
        if taken >= self.batch.due.len() || self.sent >= most {
            return None;
        }
        let since = self.looked.elapsed();
        if since < LOOK {
            return Some(LOOK.saturating_sub(since));
        }
        if taken - self.seen < self.sent * AT_WORK {
            self.send(self.sent);
        }
        (self.seen, self.looked) = (taken, Instant::now());
        Some(LOOK)
    }

    fn send(&mut self, more: usize) {
        let waiting = self
            .batch
            .due
            .len()
            .saturating_sub(self.batch.taken.load(Ordering::Relaxed));
        let most = self.workers.current_num_threads().saturating_sub(self.sent);
        let more = more.min(waiting).min(most);
        for _ in 0..more {
            // The workers are gone only when heartbeat is.
            let _ = self.calls.send(Arc::clone(&self.batch));
        }
        self.sent += more;
    }
}

fn threads(number: usize) -> anyhow::Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(number)
        .thread_name(|index| format!("check-{index}"))
        .build()
        // rayon's own words repeat the system's.
        .map_err(|_| anyhow!("no {number} threads for the checks (fewer with the key threads)"))
}

/// Gives every thread its job, which ends with the returned sender.
fn employ(pool: &ThreadPool, events: &Sender<Event>) -> Sender<Arc<Batch>> {
    let (calls, heard) = channel();
    let heard = Arc::new(Mutex::new(heard));
    for _ in 0..pool.current_num_threads() {
        let (heard, events) = (Arc::clone(&heard), events.clone());
        pool.spawn(move || {
            while let Some(batch) = next(&heard) {
                work(&batch, &events);
            }
        });
    }
    calls
}

/// A worker's next batch. One of them waits for the call, the others for that one to have heard it: a call wakes one.
fn next(heard: &Mutex<Receiver<Arc<Batch>>>) -> Option<Arc<Batch>> {
    let heard = lock(heard);
    heard.recv().ok()
}

/// One worker, until nothing waits any more.
fn work(batch: &Batch, events: &Sender<Event>) {
    while let Some(check) = batch.take() {
        let begun = Instant::now();
        let result = batch.checks[check].run();
        let outcome = Outcome {
            check,
            era: batch.era,
            result,
            took: begun.elapsed(),
        };
        // The loop is gone only when heartbeat is.
        let _ = events.send(Event::Outcome(outcome));
    }
}

//! The worker pool: checks run in parallel, each worker takes the next check when it is free.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::check::{Check, Outcome};
use crate::event::Event;

/// Workers and the checks that wait for one.
#[derive(Debug)]
pub struct Pool {
    workers: ThreadPool,
    queue: Arc<Queue>,
    events: Sender<Event>,
}

#[derive(Debug)]
struct Queue {
    checks: Arc<[Check]>,
    waiting: Mutex<VecDeque<usize>>,
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
        let workers = ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(|index| format!("check-{index}"))
            .build()
            .context("the threads for the checks")?;
        let waiting = Mutex::default();
        let queue = Arc::new(Queue { checks, waiting });
        Ok(Self {
            workers,
            queue,
            events,
        })
    }

    /// Has these checks run as soon as workers are free. Does not wait.
    pub fn run(&self, due: &[usize]) {
        self.queue.lock().extend(due);
        for _ in 0..due.len().min(self.workers.current_num_threads()) {
            let (queue, events) = (Arc::clone(&self.queue), self.events.clone());
            self.workers.spawn(move || queue.work(&events));
        }
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<usize>> {
        // Nothing is left half done under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One worker, until nothing waits any more.
    fn work(&self, events: &Sender<Event>) {
        loop {
            let Some(check) = self.lock().pop_front() else {
                return;
            };
            let begun = Instant::now();
            let result = self.checks[check].run();
            let took = begun.elapsed();
            // The loop is gone only when heartbeat is.
            let _ = events.send(Event::Outcome(Outcome {
                check,
                result,
                took,
            }));
        }
    }
}

//! Waiting for something to happen, instead of for time to pass.

use std::thread;
use std::time::{Duration, Instant};

/// Far beyond what anything here takes: reaching it is a failure, on a slow machine too.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Polls until `condition` holds; panics with `what` was awaited if it never does.
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for_some(what, || condition().then_some(()));
}

/// Polls until there is a value and returns it; panics with `what` was awaited if there never is one.
pub fn wait_for_some<T>(what: &str, poll: impl FnMut() -> Option<T>) -> T {
    poll_until(Instant::now() + LIMIT, poll)
        .unwrap_or_else(|| panic!("waited {LIMIT:?} in vain for {what}"))
}

/// Polls until there is a value or the deadline has passed.
pub fn poll_until<T>(deadline: Instant, mut poll: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        if let Some(value) = poll() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

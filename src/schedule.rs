//! When the next round is due: pure, `now` is passed in.

use std::time::{Duration, Instant};

/// Turns at `start`, `start + interval`, `start + 2 × interval` …, whatever the rounds between them take.
#[derive(Debug)]
pub struct Schedule {
    next: Instant,
    interval: Duration,
}

impl Schedule {
    /// The first round is due at `start`. `interval` is more than zero.
    #[must_use]
    pub fn new(start: Instant, interval: Duration) -> Self {
        Self {
            next: start,
            interval,
        }
    }

    /// How long it is until the next round is due; zero when it is.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Duration {
        self.next.saturating_duration_since(now)
    }

    /// A round has begun: the next one is due at the first turn after `now`. Turns that were missed are not made up.
    pub fn begun(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.next).as_nanos();
        let missed = late / self.interval.as_nanos().max(1);
        let missed = u32::try_from(missed).unwrap_or(u32::MAX);
        self.next += self.interval.saturating_mul(missed.saturating_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn turns_do_not_drift_and_are_not_made_up() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, SECOND);
        assert_eq!(schedule.wait(start), Duration::ZERO);
        schedule.begun(start + SECOND / 10);
        assert_eq!(schedule.wait(start + SECOND / 2), SECOND / 2);
        schedule.begun(start + SECOND * 7 / 2);
        assert_eq!(schedule.wait(start + SECOND * 7 / 2), SECOND / 2);
    }

    proptest! {
        #[test]
        fn every_turn_is_a_multiple_of_the_interval(late in prop::collection::vec(0_u64..5_000, 1..20)) {
            let start = Instant::now();
            let mut schedule = Schedule::new(start, SECOND);
            let mut now = start;
            for late in late {
                now += schedule.wait(now) + Duration::from_millis(late);
                schedule.begun(now);
                let turn = now + schedule.wait(now);
                prop_assert!(turn > now && turn <= now + SECOND);
                prop_assert_eq!((turn - start).as_nanos() % SECOND.as_nanos(), 0);
            }
        }
    }
}

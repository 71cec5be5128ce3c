//! When the next round is due: pure, `now` is passed in.

use std::time::Duration;

use crate::clock::Moment;

/// How long it is from the start of one round to the start of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// While every check is where its last result says. More than zero.
    pub interval: Duration,
    /// While some check is in doubt. More than zero, and at most `interval`.
    pub fast: Duration,
}

impl Pace {
    fn step(&self, in_doubt: bool) -> Duration {
        if in_doubt { self.fast } else { self.interval }
    }
}

/// Turns that follow one another at their pace, whatever the rounds between them take.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    /// The last turn; before the first one, a turn before it.
    turn: Moment,
    has_begun: bool,
}

impl Schedule {
    /// The first round is due at `start`.
    #[must_use]
    pub fn new(start: Moment, pace: Pace) -> Self {
        Self {
            pace,
            turn: start,
            has_begun: false,
        }
    }

    /// How long it is until the next round is due; zero when it is.
    #[must_use]
    pub fn wait(&self, now: Moment, in_doubt: bool) -> Duration {
        let step = if self.has_begun {
            self.pace.step(in_doubt)
        } else {
            Duration::ZERO
        };
        (self.turn + step).since(now)
    }

    /// A round has begun: its turn was the last one up to `now`. Turns that were missed are not made up.
    pub fn begun(&mut self, now: Moment, in_doubt: bool) {
        let step = self.pace.step(in_doubt);
        let steps = now.since(self.turn).as_nanos() / step.as_nanos().max(1);
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.turn = self.turn + step.saturating_mul(steps);
        self.has_begun = true;
    }

    /// A round is thrown away: the next one is due at `now`, and turns are counted from there.
    pub fn restart(&mut self, now: Moment) {
        (self.turn, self.has_begun) = (now, false);
    }

    /// Another pace, from the last turn on.
    pub fn change(&mut self, pace: Pace) {
        self.pace = pace;
    }
}

/// How long it takes at most until a check has given `results` results in a row that contradict its standing, each of
/// them after its whole `timeout`: the turns of rounds pass over a check that is still running. `is_busy`: a run that began
/// before the change is still in flight, and does not count; otherwise one has just ended.
#[must_use]
pub fn slowest(pace: Pace, timeout: Duration, results: u32, is_busy: bool) -> Duration {
    let start = Moment::default();
    let mut schedule = Schedule::new(start, pace);
    schedule.begun(start, false);
    let mut ended = if is_busy { start + timeout } else { start };
    let mut in_doubt = false;
    for result in 0..results {
        // Turns that fell into the time it ran have passed it over; the last one too, if it fell on its very end.
        schedule.begun(ended, in_doubt);
        in_doubt = result > 0;
        let begun = ended + schedule.wait(ended, in_doubt);
        schedule.begun(begun, in_doubt);
        ended = begun + timeout;
    }
    ended.since(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(milliseconds: u64) -> Moment {
        Moment::after_boot(Duration::from_millis(milliseconds))
    }

    fn pace(interval: u64, fast: u64) -> Pace {
        let [interval, fast] = [interval, fast].map(Duration::from_millis);
        Pace { interval, fast }
    }

    #[test]
    fn turns_do_not_drift_and_are_not_made_up() {
        let mut schedule = Schedule::new(at(5000), pace(1000, 1000));
        assert_eq!(schedule.wait(at(5000), false), Duration::ZERO);
        schedule.begun(at(5100), false);
        assert_eq!(schedule.wait(at(5500), false), SECOND / 2);
        schedule.begun(at(8500), false);
        assert_eq!(schedule.wait(at(8500), false), SECOND / 2);
    }

    #[test]
    fn in_doubt_turns_come_faster() {
        let mut schedule = Schedule::new(at(0), pace(10_000, 1000));
        schedule.begun(at(0), true);
        assert_eq!(schedule.wait(at(300), true), SECOND * 7 / 10);
        schedule.begun(at(1000), true);
        assert_eq!(schedule.wait(at(1000), false), SECOND * 10);
        assert_eq!(
            schedule.wait(at(4500), true),
            Duration::ZERO,
            "the doubt is new"
        );
        schedule.begun(at(4500), true);
        assert_eq!(schedule.wait(at(4500), true), SECOND / 2);
    }

    #[test]
    fn after_a_restart_turns_are_counted_from_there() {
        let mut schedule = Schedule::new(at(0), pace(1000, 1000));
        schedule.begun(at(0), false);
        schedule.restart(at(7300));
        assert_eq!(schedule.wait(at(7300), false), Duration::ZERO);
        schedule.begun(at(7300), false);
        assert_eq!(schedule.wait(at(7300), false), SECOND);
    }

    #[test]
    fn the_slowest_way_to_a_threshold() {
        let seconds = |interval: u64, fast: u64, timeout, results, is_busy| {
            let pace = pace(interval * 1000, fast * 1000);
            slowest(pace, SECOND * timeout, results, is_busy).as_secs()
        };
        assert_eq!(seconds(10, 10, 2, 1, false), 12, "a turn, and the timeout");
        assert_eq!(seconds(10, 10, 2, 3, false), 32);
        assert_eq!(
            seconds(10, 1, 2, 3, false),
            17,
            "10+2, at once 2, a turn of 1 and 2"
        );
        assert_eq!(seconds(10, 5, 2, 3, false), 22, "10+2, at 15 and at 20");
        assert_eq!(
            seconds(10, 10, 2, 1, true),
            12,
            "the one that had begun ends at 2"
        );
        assert_eq!(
            seconds(2, 2, 5, 1, true),
            11,
            "the turns at 2 and 4 pass it over"
        );
        assert_eq!(seconds(2, 2, 5, 2, false), 13, "2 to 7, 8 to 13");
        assert_eq!(
            seconds(10, 10, 10, 2, false),
            40,
            "20 is the end of the first"
        );
    }

    proptest! {
        #[test]
        fn every_turn_is_a_multiple_of_the_interval(late in prop::collection::vec(0_u64..5_000, 1..20)) {
            let start = at(3);
            let mut schedule = Schedule::new(start, pace(1000, 1000));
            let mut now = start;
            for late in late {
                now = now + schedule.wait(now, false) + Duration::from_millis(late);
                schedule.begun(now, false);
                let turn = now + schedule.wait(now, false);
                prop_assert!(turn > now && turn <= now + SECOND);
                prop_assert_eq!(turn.since(start).as_nanos() % SECOND.as_nanos(), 0);
            }
        }

        /// The real thing, step by step, with a check that answers as late as it may, is never slower.
        #[test]
        fn nothing_is_slower_than_the_slowest(
            (interval, fast) in (1_u64..60).prop_flat_map(|interval| (Just(interval), 1..=interval)),
            timeout in 1_u64..100,
            results in 1_u32..5,
            death in 0_u64..60,
        ) {
            let pace = pace(interval, fast);
            let mut schedule = Schedule::new(at(0), pace);
            let (mut failures, mut until) = (0, None);
            let mut now = 0;
            while failures < results {
                if until == Some(now) {
                    failures += 1;
                    until = None;
                }
                let in_doubt = failures > 0;
                if schedule.wait(at(now), in_doubt).is_zero() {
                    schedule.begun(at(now), in_doubt);
                    if until.is_none() && now >= death {
                        until = Some(now + timeout);
                    }
                }
                now += 1;
            }
            let took = Duration::from_millis(now - 1 - death);
            let most = slowest(pace, Duration::from_millis(timeout), results, false);
            prop_assert!(took <= most, "{:?} {:?}", took, most);
        }
    }
}

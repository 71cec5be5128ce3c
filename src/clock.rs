//! Moments that never jump and that every process of the same boot understands.

use std::ops::Add;
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds since boot, suspended time included: `CLOCK_BOOTTIME`, `clock_gettime(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(u64);

impl Moment {
    /// This one.
    #[must_use]
    pub fn now() -> Self {
        // Linux has this clock since 2.6.39; a call with a good id cannot fail.
        let time = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
        Self::after_boot(time)
    }

    /// The moment so long after boot.
    #[must_use]
    pub fn after_boot(time: Duration) -> Self {
        Self(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    /// How long ago `earlier` was; zero if it is yet to come.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The time on the wall at this moment, if it is `wall` at the moment `now`.
    #[must_use]
    pub fn on_the_wall(self, now: Self, wall: SystemTime) -> SystemTime {
        let shown = wall.checked_sub(now.since(self));
        shown.map_or(SystemTime::UNIX_EPOCH, |time| time + self.since(now))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(Self::after_boot(duration).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_follow_one_another() {
        let earlier = Moment::now();
        let later = earlier + Duration::from_secs(5);
        assert_eq!(later.since(earlier), Duration::from_secs(5));
        assert_eq!(earlier.since(later), Duration::ZERO);
        assert!(Moment::now() >= earlier && Moment::now() < later);
    }

    #[test]
    fn the_wall_before_and_after() {
        let (now, wall) = (
            Moment::after_boot(Duration::from_secs(9)),
            SystemTime::now(),
        );
        let second = Duration::from_secs(1);
        let earlier = Moment::after_boot(Duration::from_secs(8));
        assert_eq!(earlier.on_the_wall(now, wall), wall - second);
        assert_eq!((now + second).on_the_wall(now, wall), wall + second);
    }
}

//! Whether the disk is too far behind. Pure: what is measured is handed in.
//!
//! A bound is passed at its value and left at half of it. Otherwise, with a disk near the bound, writes would be refused and
//! accepted in turns, many times a second.

use std::time::Duration;

use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::watermarks::Watermarks;

use super::refusal::Refusal;
use crate::settings::config;

/// A bound that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Passed {
    /// Steady ms of the time at which it was passed.
    since_ms: u64,
    /// The highest value since then.
    most: u64,
}

/// Which bounds are passed now.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    age: Option<Passed>,
    size: Option<Passed>,
    /// Steady ms of the last time at which no bound was promised: under another policy, or while the log was down. The age
    /// of an older write counts from then.
    exempt_ms: u64,
}

/// What is measured, and the bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gauges {
    now_ms: u64,
    age_ms: u64,
    /// 0: none.
    max_age_ms: u64,
    bytes: u64,
    /// 0: none.
    max_bytes: u64,
    policy: FsyncPolicy,
    down: bool,
}

impl Gauges {
    pub(super) fn read(marks: &Watermarks, building: u64) -> Self {
        Self {
            now_ms: marks.clock().steady_ms(),
            age_ms: marks.oldest_unsynced_age_ms(),
            max_age_ms: config::max_unsynced_age_s() * 1000,
            bytes: marks.unwritten_bytes() + building,
            max_bytes: config::max_unwritten(),
            policy: config::fsync_policy(),
            down: marks.is_down(),
        }
    }
}

/// A state that began, with the measured value, or ended, with the highest value and its duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    AgeBegins(u64),
    AgeEnds(u64, Duration),
    SizeBegins(u64),
    SizeEnds(u64, Duration),
}

impl Pressure {
    pub(crate) fn is_on(&self) -> bool {
        self.age.is_some() || self.size.is_some()
    }

    /// True while the oldest write that is not on disk is older than it may be.
    pub(crate) fn is_old(&self) -> bool {
        self.age.is_some()
    }

    /// Compares the size alone with its bound: cheap enough for every durable write.
    pub(super) fn check_size(&mut self, gauges: Gauges) -> Option<Change> {
        let Gauges {
            now_ms,
            bytes,
            max_bytes,
            ..
        } = gauges;
        let over = max_bytes > 0 && bytes > max_bytes;
        match &mut self.size {
            None if over && !gauges.down => {
                self.size = Some(Passed {
                    since_ms: now_ms,
                    most: bytes,
                });
                Some(Change::SizeBegins(bytes))
            }
            Some(passed) if max_bytes == 0 || bytes <= max_bytes / 2 => {
                let ends = Change::SizeEnds(passed.most.max(bytes), passed.lasted(now_ms));
                self.size = None;
                Some(ends)
            }
            Some(passed) => {
                passed.most = passed.most.max(bytes);
                None
            }
            None => None,
        }
    }

    pub(super) fn check_age(&mut self, gauges: Gauges) -> Option<Change> {
        let Gauges {
            now_ms, max_age_ms, ..
        } = gauges;
        let bounded = gauges.policy != FsyncPolicy::No && max_age_ms > 0;
        if !bounded || gauges.down {
            self.exempt_ms = now_ms;
        }
        let age = gauges.age_ms.min(now_ms.saturating_sub(self.exempt_ms));
        match &mut self.age {
            None if bounded && !gauges.down && age > max_age_ms => {
                self.age = Some(Passed {
                    since_ms: now_ms,
                    most: age,
                });
                Some(Change::AgeBegins(age))
            }
            Some(passed) if !bounded || age <= max_age_ms / 2 => {
                let ends = Change::AgeEnds(passed.most.max(age), passed.lasted(now_ms));
                self.age = None;
                Some(ends)
            }
            Some(passed) => {
                passed.most = passed.most.max(age);
                None
            }
            None => None,
        }
    }

    /// Why durable writes are refused.
    pub(super) fn reason(&self, gauges: Gauges) -> Option<Refusal> {
        if self.age.is_some() {
            return Some(Refusal::Old {
                age_ms: gauges.age_ms,
                max_age_s: gauges.max_age_ms / 1000,
            });
        }
        self.size.map(|_| Refusal::Much {
            bytes: gauges.bytes,
            max_bytes: gauges.max_bytes,
        })
    }
}

impl Passed {
    fn lasted(self, now_ms: u64) -> Duration {
        Duration::from_millis(now_ms.saturating_sub(self.since_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauges(now_ms: u64, age_ms: u64, bytes: u64) -> Gauges {
        Gauges {
            now_ms,
            age_ms,
            max_age_ms: 10_000,
            bytes,
            max_bytes: 1000,
            policy: FsyncPolicy::EverySec,
            down: false,
        }
    }

    #[test]
    fn a_bound_is_passed_above_its_value_and_left_at_half_of_it() {
        let mut pressure = Pressure::default();
        assert_eq!(pressure.check_size(gauges(1, 0, 1000)), None);
        assert_eq!(
            pressure.check_size(gauges(2, 0, 1001)),
            Some(Change::SizeBegins(1001))
        );
        assert_eq!(pressure.check_size(gauges(3, 0, 5000)), None);
        assert_eq!(pressure.check_size(gauges(4, 0, 501)), None);
        let ends = Change::SizeEnds(5000, Duration::from_millis(3));
        assert_eq!(pressure.check_size(gauges(5, 0, 500)), Some(ends));

        assert_eq!(pressure.check_age(gauges(20_000, 10_000, 0)), None);
        let begins = Some(Change::AgeBegins(10_001));
        assert_eq!(pressure.check_age(gauges(20_001, 10_001, 0)), begins);
        assert!(
            pressure
                .reason(gauges(20_001, 10_001, 0))
                .is_some_and(|why| why.to_string().contains("10001 ms"))
        );
        assert_eq!(pressure.check_age(gauges(22_000, 5001, 0)), None);
        let ends = Change::AgeEnds(10_001, Duration::from_millis(2999));
        assert_eq!(pressure.check_age(gauges(23_000, 5000, 0)), Some(ends));
        assert!(!pressure.is_on());
    }

    #[test]
    fn an_age_from_a_time_without_a_bound_does_not_count() {
        let mut pressure = Pressure::default();
        let without = Gauges {
            policy: FsyncPolicy::No,
            ..gauges(100_000, 90_000, 0)
        };
        assert_eq!(pressure.check_age(without), None);
        assert_eq!(pressure.check_age(gauges(100_100, 90_100, 0)), None);
        let begins = Some(Change::AgeBegins(10_001));
        assert_eq!(pressure.check_age(gauges(110_001, 100_001, 0)), begins);
        assert!(matches!(pressure.check_age(without), Some(Change::AgeEnds(..))));
    }

    #[test]
    fn a_log_that_is_down_has_its_own_reason_and_no_bound_of_zero_is_ever_passed() {
        let mut pressure = Pressure::default();
        let down = Gauges {
            down: true,
            ..gauges(100_000, 90_000, 5000)
        };
        assert_eq!(
            (pressure.check_age(down), pressure.check_size(down)),
            (None, None)
        );
        let off = Gauges {
            max_age_ms: 0,
            max_bytes: 0,
            ..gauges(100_000, 90_000, 5000)
        };
        assert_eq!((pressure.check_age(off), pressure.check_size(off)), (None, None));
    }
}

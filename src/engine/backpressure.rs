//! Backpressure: durable writes are refused while the disk is too slow, so that neither the memory of changes that wait nor
//! the span of time that a crash may lose grows without bound. What the server does by itself (expiry and eviction) is never
//! refused, nor what a primary sends: no client would be notified of that.
//!
//! A bound is passed at its value and left at half of it. Otherwise, with a disk near the bound, writes would be refused and
//! accepted in turns, many times a second.

use std::time::Duration;

use module_api::server::{latency, log};
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::watermarks::Watermarks;

use crate::engine::{self, refusal};
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
struct Gauges {
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
    fn read(marks: &Watermarks, building: u64) -> Self {
        Self {
            now_ms: marks.clock().steady_ms(),
            age_ms: marks.oldest_unsynced_age_ms(),
            max_age_ms: config::max_unsynced_age_ms(),
            bytes: marks.unwritten_bytes() + building,
            max_bytes: config::max_unwritten(),
            policy: config::fsync_policy(),
            down: marks.is_down(),
        }
    }
}

/// A state that began, with the measured value, or ended, with the highest value and its duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
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
    fn look_at_size(&mut self, gauges: Gauges) -> Option<Change> {
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

    fn look_at_age(&mut self, gauges: Gauges) -> Option<Change> {
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
    fn reason(&self, gauges: Gauges) -> Option<String> {
        if self.age.is_some() {
            return Some(format!(
                "the disk is behind: the oldest write that is not on it is {} ms old, mylog.max-unsynced-age is {} s",
                gauges.age_ms,
                gauges.max_age_ms / 1000
            ));
        }
        self.size.map(|_| {
            format!(
                "the disk is behind: {} bytes wait to be written, mylog.max-unwritten is {}",
                gauges.bytes, gauges.max_bytes
            )
        })
    }
}

impl Passed {
    fn lasted(self, now_ms: u64) -> Duration {
        Duration::from_millis(now_ms.saturating_sub(self.since_ms))
    }
}

impl engine::Engine {
    fn gauges(&self) -> Gauges {
        Gauges::read(self.marks(), self.building_bytes())
    }

    /// Why durable writes are refused because of a slow disk; `None` while they are not.
    pub(crate) fn pressure_reason(&self) -> Option<String> {
        if !self.pressure.is_on() {
            return None;
        }
        self.pressure.reason(self.gauges())
    }
}

/// Before a durable write: the changes of this turn may have taken the size past its bound.
pub(crate) fn look_at_size() {
    let over = engine::with(|engine| engine.has_too_much_unwritten() && !engine.pressure.is_on());
    if over == Some(true) {
        sample();
    }
}

/// Measures in every turn of the event loop, and from the cron: a turn may take long, or never end.
pub(crate) fn sample() {
    let changes = engine::with(|engine| {
        // The common turn of a cache does not even read the clock.
        if engine.marks().nothing_waits() && engine.building_bytes() == 0 && !engine.pressure.is_on() {
            return [None, None];
        }
        let gauges = engine.gauges();
        [
            engine.pressure.look_at_age(gauges),
            engine.pressure.look_at_size(gauges),
        ]
    });
    let changes: Vec<Change> = changes.into_iter().flatten().flatten().collect();
    for change in &changes {
        tell(*change);
    }
    if !changes.is_empty() {
        refusal::refresh();
    }
}

fn tell(change: Change) {
    let ended = |took: Duration| {
        latency::sample(
            c"mylog-backpressure",
            i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        );
        took.as_millis()
    };
    match change {
        Change::AgeBegins(age) => log::warning(&format!(
            "durable writes are refused: the oldest write that is not on disk is {age} ms old (mylog.max-unsynced-age)"
        )),
        Change::SizeBegins(bytes) => log::warning(&format!(
            "durable writes are refused: {bytes} bytes wait to be written (mylog.max-unwritten)"
        )),
        Change::AgeEnds(most, took) => log::notice(&format!(
            "the disk has caught up after {} ms: the oldest write was up to {most} ms old; durable writes are taken",
            ended(took)
        )),
        Change::SizeEnds(most, took) => log::notice(&format!(
            "the disk has caught up after {} ms: up to {most} bytes waited to be written; durable writes are taken",
            ended(took)
        )),
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
        assert_eq!(pressure.look_at_size(gauges(1, 0, 1000)), None);
        assert_eq!(
            pressure.look_at_size(gauges(2, 0, 1001)),
            Some(Change::SizeBegins(1001))
        );
        assert_eq!(pressure.look_at_size(gauges(3, 0, 5000)), None);
        assert_eq!(pressure.look_at_size(gauges(4, 0, 501)), None);
        let ends = Change::SizeEnds(5000, Duration::from_millis(3));
        assert_eq!(pressure.look_at_size(gauges(5, 0, 500)), Some(ends));

        assert_eq!(pressure.look_at_age(gauges(20_000, 10_000, 0)), None);
        let begins = Some(Change::AgeBegins(10_001));
        assert_eq!(pressure.look_at_age(gauges(20_001, 10_001, 0)), begins);
        assert!(
            pressure
                .reason(gauges(20_001, 10_001, 0))
                .is_some_and(|why| why.contains("10001 ms"))
        );
        assert_eq!(pressure.look_at_age(gauges(22_000, 5001, 0)), None);
        let ends = Change::AgeEnds(10_001, Duration::from_millis(2999));
        assert_eq!(pressure.look_at_age(gauges(23_000, 5000, 0)), Some(ends));
        assert!(!pressure.is_on());
    }

    #[test]
    fn an_age_from_a_time_without_a_bound_does_not_count() {
        let mut pressure = Pressure::default();
        let without = Gauges {
            policy: FsyncPolicy::No,
            ..gauges(100_000, 90_000, 0)
        };
        assert_eq!(pressure.look_at_age(without), None);
        assert_eq!(pressure.look_at_age(gauges(100_100, 90_100, 0)), None);
        let begins = Some(Change::AgeBegins(10_001));
        assert_eq!(pressure.look_at_age(gauges(110_001, 100_001, 0)), begins);
        assert!(matches!(pressure.look_at_age(without), Some(Change::AgeEnds(..))));
    }

    #[test]
    fn a_log_that_is_down_has_its_own_reason_and_no_bound_of_zero_is_ever_passed() {
        let mut pressure = Pressure::default();
        let down = Gauges {
            down: true,
            ..gauges(100_000, 90_000, 5000)
        };
        assert_eq!(
            (pressure.look_at_age(down), pressure.look_at_size(down)),
            (None, None)
        );
        let off = Gauges {
            max_age_ms: 0,
            max_bytes: 0,
            ..gauges(100_000, 90_000, 5000)
        };
        assert_eq!(
            (pressure.look_at_age(off), pressure.look_at_size(off)),
            (None, None)
        );
    }
}

//! When a log that only a new file can help is rewritten by itself. A disk that does not take a new file costs
//! no fork; one that has just come back, or got more room, is tried at once; what fails all the same is tried
//! again less and less often. A pure function of what it is told.

use std::time::Duration;

/// Longest wait between two tries.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// More room than this, or than an eighth, is no accident.
const MORE: u64 = 1 << 20;

/// The tries so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HealingSchedule {
    failures: u32,
    failed_at: Duration,
    /// Free bytes as the last try began.
    free_then: u64,
}

impl HealingSchedule {
    /// True when a new file is to be made at `now`. `ready`: its folder takes one; `free` and `needed` in bytes,
    /// `u64::MAX` free if that is unknown. Not to be asked while a rewrite runs.
    pub fn is_due(&mut self, now: Duration, ready: bool, free: u64, needed: u64) -> bool {
        if !ready {
            // Once it is, that is news: no reason to wait.
            self.failures = 0;
            return false;
        }
        free >= needed && (self.wait(now).is_zero() || self.has_grown(free))
    }

    /// A try begins, with that many bytes free.
    pub fn began(&mut self, free: u64) {
        self.free_then = free;
    }

    /// It failed.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.failed_at = now;
    }

    /// The log is well.
    pub fn healed(&mut self) {
        *self = Self::default();
    }

    /// Time until the next try.
    pub fn wait(&self, now: Duration) -> Duration {
        let Some(doublings) = self.failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let wait = Duration::from_secs(1u64.checked_shl(doublings).unwrap_or(u64::MAX)).min(MAX_WAIT);
        (self.failed_at + wait).saturating_sub(now)
    }

    /// Somebody has made room since the last try. Not what the try itself took and gave back.
    fn has_grown(&self, free: u64) -> bool {
        let more = (self.free_then / 8).max(MORE);
        free > self.free_then.saturating_add(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: u64 = 10 << 20;

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_disk_without_room_or_that_takes_no_file_is_not_tried() {
        let mut schedule = HealingSchedule::default();
        assert!(!schedule.is_due(at(0), true, NEEDED - 1, NEEDED));
        assert!(!schedule.is_due(at(0), false, NEEDED, NEEDED));
        assert!(schedule.is_due(at(0), true, NEEDED, NEEDED));
        assert!(schedule.is_due(at(0), true, u64::MAX, NEEDED));
    }

    #[test]
    fn failures_wait_longer_and_longer_but_a_minute_at_most() {
        let mut schedule = HealingSchedule::default();
        let waits: Vec<_> = (0..9)
            .map(|_| {
                schedule.began(NEEDED);
                schedule.failed(at(1000));
                assert!(!schedule.is_due(at(1000), true, NEEDED, NEEDED));
                let wait = schedule.wait(at(1000));
                assert!(schedule.is_due(at(1000) + wait, true, NEEDED, NEEDED));
                wait.as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        (0..100).for_each(|_| schedule.failed(at(1000)));
        assert_eq!(schedule.wait(at(1000)), MAX_WAIT);
    }

    #[test]
    fn a_disk_that_has_come_back_or_got_room_is_tried_at_once() {
        let mut schedule = HealingSchedule::default();
        schedule.began(NEEDED);
        (0..9).for_each(|_| schedule.failed(at(1000)));
        assert!(!schedule.is_due(at(1001), true, NEEDED + 1, NEEDED));
        assert!(schedule.is_due(at(1001), true, NEEDED + NEEDED / 8 + 1, NEEDED));
        assert!(!schedule.is_due(at(1001), false, NEEDED, NEEDED));
        assert!(schedule.is_due(at(1002), true, NEEDED, NEEDED));
    }
}

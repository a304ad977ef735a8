//! When a rewrite is due: asked for, grown, or a failed one tried again.

use std::time::Duration;

/// Failures in a row before the first wait, as Redis' `AOF_REWRITE_LIMITE_THRESHOLD` has it.
const FREE_FAILURES: u32 = 3;
/// Longest wait between tries.
const MAX_WAIT_MINUTES: u64 = 60;
/// Part of the live bytes that is added for what changes while they are written.
const MARGIN_PART: u64 = 8;
/// And for frames and the last group, in bytes.
const MARGIN_BYTES: u64 = 64 << 10;

/// Free space, in bytes, without which a rewrite of `live_bytes` need not begin: it would fill the disk to the
/// brim and fail. The old file goes only after the new one has taken its place.
pub fn space_needed(live_bytes: u64) -> u64 {
    live_bytes
        .saturating_add(live_bytes / MARGIN_PART)
        .saturating_add(MARGIN_BYTES)
}

/// Growth that makes a rewrite due. `mylog.auto-rewrite-*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Growth over the size after the last rewrite, in percent; 0 never.
    pub percentage: u64,
    /// Smallest file that is rewritten for its growth, in bytes.
    pub min_size: u64,
    /// Size that makes a rewrite due by itself, in bytes; 0 for none. Only once the file has also grown
    /// by a tenth, or a large live set would be rewritten without end.
    pub max_size: u64,
}

impl Growth {
    /// True when a file of `current` bytes, of `base` after its rewrite, is due.
    pub fn is_due(&self, current: u64, base: u64) -> bool {
        let grown = current.saturating_sub(base);
        let by_percentage = self.percentage > 0
            && current >= self.min_size
            && u128::from(grown) * 100 >= u128::from(base) * u128::from(self.percentage);
        let by_size = self.max_size > 0 && current >= self.max_size && grown >= base / 10;
        by_percentage || by_size
    }
}

/// Failures in a row, and the wait they cost: 1, 2, 4 ... 60 minutes from the third on. A rewrite that is
/// asked for by hand does not wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackOff {
    failures: u32,
    /// When the last failure was.
    failed_at: Duration,
}

impl BackOff {
    /// Counts a failure at `now`.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.failed_at = now;
    }

    /// Forgets the failures: a rewrite succeeded or was asked for.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// How long an automatic rewrite still has to wait at `now`.
    pub fn remaining(&self, now: Duration) -> Duration {
        let Some(over) = self.failures.checked_sub(FREE_FAILURES) else {
            return Duration::ZERO;
        };
        let minutes = 1u64
            .checked_shl(over)
            .unwrap_or(MAX_WAIT_MINUTES)
            .min(MAX_WAIT_MINUTES);
        (self.failed_at + Duration::from_secs(60 * minutes)).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_measured_from_the_size_after_the_last_rewrite() {
        let growth = Growth {
            percentage: 100,
            min_size: 64,
            max_size: 0,
        };
        assert!(!growth.is_due(63, 1));
        assert!(growth.is_due(64, 32));
        assert!(!growth.is_due(64, 33));
        assert!(
            !Growth {
                percentage: 0,
                ..growth
            }
            .is_due(u64::MAX, 1)
        );
        assert!(
            Growth {
                percentage: 0,
                max_size: 100,
                ..growth
            }
            .is_due(100, 90)
        );
        assert!(
            !Growth {
                percentage: 0,
                max_size: 100,
                ..growth
            }
            .is_due(100, 99)
        );
    }

    #[test]
    fn failures_back_off_to_an_hour() {
        let mut back_off = BackOff::default();
        let waits: Vec<_> = (0..12)
            .map(|_| {
                back_off.failed(Duration::from_secs(1000));
                back_off.remaining(Duration::from_secs(1000)).as_secs() / 60
            })
            .collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(back_off.remaining(Duration::from_secs(1000 + 3599)).as_secs(), 1);
        back_off.reset();
        assert_eq!(back_off.remaining(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn space_is_needed_for_all_that_lives_and_a_part_of_it_again() {
        assert_eq!(space_needed(0), 64 << 10);
        assert_eq!(space_needed(800), 900 + (64 << 10));
        assert_eq!(space_needed(u64::MAX), u64::MAX);
    }
}

//! How long syncs take: a histogram of fixed buckets, written by one thread and read by any, without a lock.
//! Four buckets to each doubling, so a quantile is right to about a fifth. It must never allocate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets to each doubling: 2 to the power of this.
const SUB_BITS: u32 = 2;
/// Covers up to 2^40 us, some twelve days.
const BUCKETS: usize = 41 << SUB_BITS;

/// The times of all syncs since the start.
#[derive(Debug)]
pub struct FsyncTimes {
    buckets: [AtomicU64; BUCKETS],
    /// The longest in us since somebody last asked, 0 if there was none.
    slowest: AtomicU64,
    /// The last one in us.
    last: AtomicU64,
}

impl Default for FsyncTimes {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            slowest: AtomicU64::new(0),
            last: AtomicU64::new(0),
        }
    }
}

impl FsyncTimes {
    /// Counts one sync.
    pub fn record(&self, took: Duration) {
        let usec = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket_of(usec)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.slowest.fetch_max(usec, Ordering::Relaxed);
        self.last.store(usec, Ordering::Relaxed);
    }

    /// The last sync; nothing before the first one.
    pub fn last(&self) -> Duration {
        Duration::from_micros(self.last.load(Ordering::Relaxed))
    }

    /// The longest sync in us since the last call, 0 if there was none.
    pub fn take_slowest_usec(&self) -> u64 {
        // The common turn of the event loop has nothing to take: it does not write to the shared line.
        if self.slowest.load(Ordering::Relaxed) == 0 {
            0
        } else {
            self.slowest.swap(0, Ordering::Relaxed)
        }
    }

    /// The time in us that `percent` of the syncs did not exceed; 0 before the first sync.
    pub fn percentile_usec(&self, percent: u64) -> u64 {
        let counts = self
            .buckets
            .each_ref()
            .map(|bucket| bucket.load(Ordering::Relaxed));
        let total: u64 = counts.iter().sum();
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return highest_of(bucket);
            }
        }
        0
    }
}

fn bucket_of(usec: u64) -> usize {
    let bits = usec.checked_ilog2().unwrap_or(0);
    if bits < SUB_BITS {
        return usec as usize;
    }
    let sub = (usec >> (bits - SUB_BITS)) & ((1 << SUB_BITS) - 1);
    let index = (((bits - SUB_BITS + 1) << SUB_BITS) as usize) + sub as usize;
    index.min(BUCKETS - 1)
}

/// Largest time that falls into a bucket.
fn highest_of(bucket: usize) -> u64 {
    let row = (bucket >> SUB_BITS) as u32;
    if row == 0 {
        return bucket as u64;
    }
    let sub = (bucket & ((1 << SUB_BITS) - 1)) as u64;
    (((1 << SUB_BITS) + sub + 1) << (row - 1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_falls_into_the_bucket_that_ends_at_or_after_it() {
        for usec in (0..5000).chain([1 << 20, (1 << 20) + 1, (1 << 30) - 1]) {
            let bucket = bucket_of(usec);
            assert!(highest_of(bucket) >= usec, "{usec}");
            assert!(bucket == 0 || highest_of(bucket - 1) < usec, "{usec}");
        }
    }

    #[test]
    fn quantiles_are_within_a_quarter() {
        let times = FsyncTimes::default();
        assert_eq!(times.percentile_usec(50), 0);
        for usec in 1..=1000 {
            times.record(Duration::from_micros(usec));
        }
        let (p50, p99) = (times.percentile_usec(50), times.percentile_usec(99));
        assert!((500..=625).contains(&p50), "{p50}");
        assert!((990..=1250).contains(&p99), "{p99}");
    }

    #[test]
    fn an_absurd_time_is_counted_in_the_last_bucket() {
        let times = FsyncTimes::default();
        times.record(Duration::MAX);
        assert!(times.percentile_usec(99) >= 1 << 40);
    }
}

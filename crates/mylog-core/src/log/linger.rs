//! How long the writer waits for those it has just released. Clients that were acknowledged together come
//! back together: a sync begun with the first of them leaves the others to the next one, and each sync
//! carries half of the clients. A pure function of what was seen; it must never look at a clock itself.

use std::time::Duration;

/// Part of a sync's time that waiting for the others is worth.
const PART: u32 = 5;
/// Shorter than this a thread can't sleep.
const SHORTEST: Duration = Duration::from_micros(100);
/// Longest wait, however slow the disk.
const LONGEST: Duration = Duration::from_millis(4);
/// Syncs without waiting after one wait in vain; doubled with each further one.
const PAUSE: u32 = 4;
/// Most of them: a change of the load is noticed within so many syncs.
const LONGEST_PAUSE: u32 = 64;

/// What the waits so far were good for.
#[derive(Debug)]
pub(crate) struct Linger {
    /// Syncs to go without waiting.
    pause: u32,
    /// The next pause.
    next_pause: u32,
}

impl Linger {
    pub(crate) fn new() -> Self {
        Self {
            pause: 0,
            next_pause: PAUSE,
        }
    }

    /// How long to wait after a sync that took so long and made so many records durable.
    pub(crate) fn limit(&mut self, records: u64, sync: Duration) -> Option<Duration> {
        let limit = (sync / PART).min(LONGEST);
        // One record is one client, who waits for nobody.
        if records < 2 || limit < SHORTEST {
            return None;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        Some(limit)
    }

    /// A wait is over: whether as many records came as were released.
    pub(crate) fn waited(&mut self, all_came: bool) {
        if all_came {
            self.next_pause = PAUSE;
        } else {
            self.pause = self.next_pause;
            self.next_pause = (self.next_pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_millis(2);

    #[test]
    fn a_wait_is_a_part_of_the_sync_and_bounded() {
        let mut linger = Linger::new();
        assert_eq!(linger.limit(2, SYNC), Some(Duration::from_micros(400)));
        assert_eq!(linger.limit(2, SYNC * 1000), Some(LONGEST));
        assert_eq!(linger.limit(2, Duration::from_micros(120)), None);
        assert_eq!(linger.limit(1, SYNC), None);
    }

    #[test]
    fn waits_in_vain_become_rare_and_one_that_was_not_brings_them_back() {
        let mut linger = Linger::new();
        let mut waits = 0;
        for _ in 0..10_000 {
            if linger.limit(50, SYNC).is_some() {
                waits += 1;
                linger.waited(false);
            }
        }
        assert!((150..200).contains(&waits), "{waits}");
        while linger.limit(50, SYNC).is_none() {}
        linger.waited(true);
        assert!(linger.limit(50, SYNC).is_some());
        linger.waited(false);
        let pause = (0..).take_while(|_| linger.limit(50, SYNC).is_none()).count();
        assert_eq!(pause, PAUSE as usize);
    }
}

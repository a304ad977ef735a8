//! How long the writer waits for those it has just released. Clients that were acknowledged together come
//! back together: a sync begun with the first of them leaves the others to the next one, and each sync
//! carries half of the clients. A pure function of what was seen; it must never look at a clock itself.

use std::time::Duration;

/// Behind a shorter sync there is no time to wait for anybody: a thread sleeps too long.
const SHORT_SYNC: Duration = Duration::from_micros(500);
/// Longest wait, however slow the disk. While clients keep coming it is worth as much as a sync takes: they may be let go bit by
/// bit, for half of that.
const LONGEST: Duration = Duration::from_millis(8);
/// Part of the wait in which somebody has to come, or nobody will. A turn in which all are run may take as long.
const QUIET_PART: u32 = 4;
/// Part of those released that have to come, or the wait was in vain.
const FEW_PART: u64 = 4;
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

/// How long to wait for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Whoever comes.
    pub(crate) limit: Duration,
    /// Since somebody came last.
    pub(crate) quiet: Duration,
}

impl Linger {
    pub(crate) fn new() -> Self {
        Self {
            pause: 0,
            next_pause: PAUSE,
        }
    }

    /// How long to wait after a sync that took so long and let so many clients go, while others wait for the next one.
    pub(crate) fn patience(&mut self, released: u64, others: u64, sync: Duration) -> Option<Patience> {
        // A client alone waits for nobody.
        if released == 0 || released + others < 2 || sync < SHORT_SYNC {
            return None;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let limit = sync.min(LONGEST);
        Some(Patience {
            limit,
            quiet: limit / QUIET_PART,
        })
    }

    /// A wait is over: how many clients came of those that were released. That a few have nothing to say is no reason to split
    /// the others.
    pub(crate) fn waited(&mut self, came: u64, released: u64) {
        if came * FEW_PART >= released {
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

    const SYNC: Duration = Duration::from_millis(6);

    fn waits(linger: &mut Linger) -> bool {
        linger.patience(50, 0, SYNC).is_some()
    }

    #[test]
    fn a_wait_is_a_part_of_the_sync_and_bounded() {
        let mut linger = Linger::new();
        let of_micros = |limit, quiet| {
            let [limit, quiet] = [limit, quiet].map(Duration::from_micros);
            Some(Patience { limit, quiet })
        };
        assert_eq!(linger.patience(2, 0, SYNC), of_micros(6000, 1500));
        assert_eq!(linger.patience(2, 0, SYNC * 1000).unwrap().limit, LONGEST);
        assert_eq!(linger.patience(2, 0, Duration::from_micros(300)), None);
    }

    #[test]
    fn a_client_is_waited_for_if_another_one_is_there_or_was_released_with_it() {
        let waits = |released, others| Linger::new().patience(released, others, SYNC).is_some();
        assert!(waits(2, 0) && waits(1, 1) && waits(1, 19));
        assert!(!waits(1, 0) && !waits(0, 0) && !waits(0, 20));
    }

    #[test]
    fn waits_in_vain_become_rare_and_one_that_was_not_brings_them_back() {
        let mut linger = Linger::new();
        let mut count = 0;
        for _ in 0..10_000 {
            if waits(&mut linger) {
                count += 1;
                linger.waited(0, 50);
            }
        }
        assert!((150..200).contains(&count), "{count}");
        while !waits(&mut linger) {}
        linger.waited(50, 50);
        assert!(waits(&mut linger));
        linger.waited(12, 50);
        let pause = (0..).take_while(|_| !waits(&mut linger)).count();
        assert_eq!(pause, PAUSE as usize);
    }

    #[test]
    fn a_few_that_do_not_come_back_are_no_reason_to_split_the_others() {
        let mut linger = Linger::new();
        linger.waited(13, 50);
        assert!(waits(&mut linger));
    }
}

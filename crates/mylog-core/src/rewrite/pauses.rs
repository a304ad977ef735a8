//! When the child gives up the processor of its own accord. On a machine without a free one whatever runs goes on
//! until the scheduler's next tick, some milliseconds, and the server waits for that with all of its clients. So the
//! child pauses between any two pieces of its work, unless it has to keep pace with the parent, and as long as that
//! does not make the rewrite much longer.

use std::time::Duration;

/// What comes at one look at the data pipe where the parent only passes on what it writes just now.
pub const QUIET_BYTES: u64 = 16 << 10;
/// How long the child is in a hurry after more than that: a parent that sends as fast as it can does it in bursts,
/// a turn of its event loop each, and between two of them its pipe is found empty.
const HURRY: Duration = Duration::from_millis(50);
/// All pauses together take no longer than this times the rest of the time. Beside processes that never sleep each
/// may take as long as a tick, and the work between two is much shorter.
const SHARE: u32 = 3;
/// And no longer than this: a rewrite has an end by which it is to be done (`mylog.rewrite-timeout`).
const LONGEST: Duration = Duration::from_secs(30);

/// The pauses of one rewrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    begin: Duration,
    hurries_until: Duration,
    paused: Duration,
}

impl Pauses {
    /// None so far.
    pub fn new(now: Duration) -> Self {
        Self {
            begin: now,
            hurries_until: now,
            paused: Duration::ZERO,
        }
    }

    /// A look at the data pipe took so many bytes, and saw it empty or not.
    pub fn looked(&mut self, now: Duration, bytes: u64, empty: bool) {
        if !empty || bytes > QUIET_BYTES {
            self.hurries_until = now + HURRY;
        }
    }

    /// True if there may be a pause.
    pub fn may(&self, now: Duration) -> bool {
        let worked = now.saturating_sub(self.begin).saturating_sub(self.paused);
        now >= self.hurries_until && self.paused < LONGEST && self.paused <= worked * SHARE
    }

    /// There was one.
    pub fn paused(&mut self, from: Duration, until: Duration) {
        self.paused += until.saturating_sub(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_child_whose_parent_sends_little_pauses() {
        let mut pauses = Pauses::new(ms(7));
        for now in 8..100 {
            pauses.looked(ms(now), QUIET_BYTES, true);
            assert!(pauses.may(ms(now)));
        }
    }

    #[test]
    fn a_child_whose_parent_sends_in_bursts_does_not_pause_between_them() {
        let mut pauses = Pauses::new(ms(0));
        for now in 0..1000 {
            pauses.looked(ms(now), if now % 40 == 0 { 100_000 } else { 0 }, true);
            assert!(!pauses.may(ms(now)));
        }
        assert!(pauses.may(ms(1020)), "it does when they have ended");
    }

    #[test]
    fn a_child_that_does_not_get_the_pipe_empty_does_not_pause() {
        let mut pauses = Pauses::new(ms(0));
        pauses.looked(ms(10), 1, false);
        assert!(!pauses.may(ms(10)));
    }

    #[test]
    fn pauses_that_take_long_make_a_rewrite_four_times_as_long_and_no_longer() {
        let (work, pause) = (Duration::from_micros(100), ms(4));
        let mut pauses = Pauses::new(ms(0));
        let mut now = ms(0);
        for _ in 0..10_000 {
            now += work;
            if pauses.may(now) {
                pauses.paused(now, now + pause);
                now += pause;
            }
        }
        let alone = work * 10_000;
        assert!(now > alone * 3 && now <= alone * 4 + pause, "{now:?}");
    }

    #[test]
    fn pauses_add_half_a_minute_to_the_longest_rewrite() {
        let (work, pause) = (ms(10), ms(4));
        let mut pauses = Pauses::new(ms(0));
        let mut now = ms(0);
        for _ in 0..20_000 {
            now += work;
            if pauses.may(now) {
                pauses.paused(now, now + pause);
                now += pause;
            }
        }
        let added = now - work * 20_000;
        assert!(added >= LONGEST && added <= LONGEST + pause, "{added:?}");
    }
}

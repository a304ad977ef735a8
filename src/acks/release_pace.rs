//! How many of the due clients are released in one turn. Clients that are released together are all answered in one turn,
//! send their next commands at once, and have them run in one turn, for which their neighbours, the clients that are not
//! gated, wait. So after a long sync clients are released in portions. Pure: the time is an argument.

use std::time::{Duration, Instant};

/// After a shorter sync all are released at once: portions would cost more turns than they save.
const LONG_SYNC: Duration = Duration::from_millis(1);
/// Divides the sync's duration: after that time the rest is released, however long the neighbours' turns are. The writer
/// waits longer than that for all clients to be back (`log/linger.rs`).
const PART: u32 = 2;
/// The rest is released after this time, however long the sync was.
const LONGEST: Duration = Duration::from_millis(4);
/// Turns over which many clients are spread; fewer clients are released one by one.
const TURNS: usize = 16;
/// With fewer turns without a gated client since the last release there are no neighbours. One such turn is the writer's own
/// call, another one the server's cron.
const NEIGHBOURS: u32 = 4;

/// How far the present release is.
#[derive(Default)]
pub(super) struct Spread {
    /// Turns since the last release in which no client was gated.
    turns_of_others: u32,
    release: Option<Release>,
}

struct Release {
    /// How many clients are released in each turn.
    share: usize,
    /// When the rest is released.
    end: Instant,
}

impl Spread {
    /// A turn has ended in which `gated` commands gated a client.
    pub(super) fn turn_ends(&mut self, gated: usize) {
        if gated == 0 && self.release.is_none() {
            self.turns_of_others = self.turns_of_others.saturating_add(1);
        }
    }

    /// How many of the `due` clients are released now, after a sync of this duration: at least one of them.
    pub(super) fn portion(&mut self, due: usize, sync: Duration, now: Instant) -> usize {
        if due == 0 {
            return 0;
        }
        if self.release.is_none() && (sync < LONG_SYNC || self.turns_of_others < NEIGHBOURS) {
            self.turns_of_others = 0;
            return due;
        }
        let release = self.release.get_or_insert(Release {
            share: (due / TURNS).max(1),
            end: now + (sync / PART).min(LONGEST),
        });
        if now < release.end && release.share < due {
            return release.share;
        }
        *self = Self::default();
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_millis(5);

    /// How many clients are released in each turn of so many microseconds.
    fn turns(spread: &mut Spread, mut due: usize, usec: u64) -> Vec<usize> {
        let mut now = Instant::now();
        let mut turns = Vec::new();
        while due > 0 {
            spread.turn_ends(0);
            turns.push(spread.portion(due, SYNC, now));
            due -= turns.last().unwrap();
            now += Duration::from_micros(usec);
        }
        turns
    }

    fn beside_neighbours() -> Spread {
        let mut spread = Spread::default();
        (0..NEIGHBOURS).for_each(|_| spread.turn_ends(0));
        spread
    }

    #[test]
    fn behind_a_short_sync_or_beside_nobody_all_are_let_go_at_once() {
        let now = Instant::now();
        assert_eq!(beside_neighbours().portion(20, SYNC / 10, now), 20);
        let mut spread = Spread::default();
        (1..NEIGHBOURS).for_each(|_| spread.turn_ends(0));
        (0..100).for_each(|_| spread.turn_ends(3));
        assert_eq!(spread.portion(20, SYNC, now), 20);
    }

    #[test]
    fn behind_a_long_sync_they_are_let_go_turn_by_turn() {
        assert_eq!(turns(&mut beside_neighbours(), 20, 100), [1; 20]);
        let crowd = turns(&mut beside_neighbours(), 1000, 100);
        assert_eq!((crowd[0], crowd.len()), (62, 17), "{crowd:?}");
    }

    #[test]
    fn nobody_is_kept_for_longer_than_a_part_of_the_sync() {
        assert_eq!(turns(&mut beside_neighbours(), 20, 1000), [1, 1, 1, 17]);
        let mut spread = beside_neighbours();
        let now = Instant::now();
        assert_eq!(spread.portion(20, SYNC * 1000, now), 1);
        assert_eq!(spread.portion(0, SYNC, now), 0);
        // The clients of the next sync have been added.
        assert_eq!(spread.portion(39, SYNC, now + LONGEST), 39);
    }

    #[test]
    fn the_turns_of_a_release_are_not_the_neighbours() {
        let mut spread = beside_neighbours();
        turns(&mut spread, 20, 10);
        assert_eq!(turns(&mut spread, 20, 10), [20]);
    }
}

//! Giving way to the server's other children, of which it runs one at a time: when a rewrite that makes another
//! one wait stands back, and when it may begin again.

use std::time::Duration;

/// How long a child that nobody can see waiting is given to begin: a scheduled BGSAVE, which the server tries
/// again 5 s after one that failed, or one that was refused and is to be asked for once more.
const UNSEEN_GRACE: Duration = Duration::from_secs(6);
/// How long one that is seen waiting is given: the server may hold a full sync back for more replicas to come,
/// and an AOF rewrite for an hour after failures.
const SEEN_GRACE: Duration = Duration::from_secs(30);

/// Where the rewrite stands between giving way and beginning again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Courtesy {
    back: Option<Back>,
    /// Room was made and nobody took it: the next rewrite runs to its end.
    in_vain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Back {
    /// Since when no other child has run.
    since: Duration,
    /// Children that the server had had by then.
    forks: u64,
    /// There was another one.
    served: bool,
}

impl Courtesy {
    /// Stands back from `now` on; false if that was in vain the last time. `forks`: children that the server
    /// has had, ours included.
    pub fn give_way(&mut self, now: Duration, forks: u64) -> bool {
        if !self.in_vain {
            self.back = Some(Back {
                since: now,
                forks,
                served: false,
            });
        }
        !self.in_vain
    }

    /// True while the rewrite stands back.
    pub fn stands_back(&self) -> bool {
        self.back.is_some()
    }

    /// Looks whether it may begin again, with our own child gone. `forks`: as above, for a child too short to
    /// be seen; `active`: another child runs; `waiting`: one is seen that wants to.
    pub fn look(&mut self, now: Duration, forks: u64, active: bool, waiting: bool) {
        let Some(back) = &mut self.back else { return };
        if active || forks > back.forks {
            *back = Back {
                since: now,
                forks,
                served: true,
            };
        }
        if active {
            return;
        }
        let grace = match (waiting, back.served) {
            (true, _) => SEEN_GRACE,
            (false, false) => UNSEEN_GRACE,
            (false, true) => Duration::ZERO,
        };
        if now.saturating_sub(back.since) >= grace {
            self.in_vain = waiting;
            self.back = None;
        }
    }

    /// A rewrite has ended, well or not, or was asked not to begin.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn it_begins_again_as_soon_as_the_other_child_has_ended() {
        let mut courtesy = Courtesy::default();
        assert!(courtesy.give_way(s(10), 1));
        courtesy.look(s(11), 1, false, true);
        courtesy.look(s(12), 2, true, false);
        courtesy.look(s(500), 2, true, false);
        assert!(courtesy.stands_back());
        courtesy.look(s(500), 2, false, false);
        assert!(!courtesy.stands_back());
        assert!(courtesy.give_way(s(501), 3), "and gives way again");
    }

    #[test]
    fn a_child_that_came_and_went_between_two_looks_is_counted() {
        let mut courtesy = Courtesy::default();
        courtesy.give_way(s(10), 1);
        courtesy.look(s(11), 2, false, false);
        assert!(!courtesy.stands_back());
    }

    #[test]
    fn a_second_one_that_waits_behind_the_first_comes_first_too() {
        let mut courtesy = Courtesy::default();
        courtesy.give_way(s(10), 1);
        courtesy.look(s(11), 2, true, true);
        courtesy.look(s(12), 2, false, true);
        assert!(courtesy.stands_back());
        courtesy.look(s(13), 3, true, false);
        courtesy.look(s(14), 3, false, false);
        assert!(!courtesy.stands_back());
    }

    #[test]
    fn one_that_is_not_seen_has_six_seconds() {
        let mut courtesy = Courtesy::default();
        courtesy.give_way(s(10), 1);
        courtesy.look(s(15), 1, false, false);
        assert!(courtesy.stands_back());
        courtesy.look(s(16), 1, false, false);
        assert!(!courtesy.stands_back());
        assert!(courtesy.give_way(s(17), 2));
    }

    #[test]
    fn one_that_never_begins_is_given_way_to_once() {
        let mut courtesy = Courtesy::default();
        courtesy.give_way(s(10), 1);
        courtesy.look(s(39), 1, false, true);
        assert!(courtesy.stands_back());
        courtesy.look(s(40), 1, false, true);
        assert!(!courtesy.stands_back());
        assert!(!courtesy.give_way(s(41), 2));
        courtesy.reset();
        assert!(courtesy.give_way(s(42), 2), "the next rewrite tries anew");
    }
}

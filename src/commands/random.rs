//! Random places, for the commands that show or take some of what a value holds.

use std::collections::HashSet;

use crate::api::server;

/// Random numbers of one command, from a seed of the server's.
pub(super) struct Random(u64);

impl Random {
    /// With a new seed.
    pub(super) fn new() -> Self {
        Self(server::random())
    }

    /// The next number: splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// So many different numbers below `end`, all of them if there are no more. Every choice is as likely as
    /// any other, but not every order.
    pub(super) fn some_below(&mut self, end: usize, count: usize) -> Vec<usize> {
        if count >= end {
            return (0..end).collect();
        }
        // Floyd: each step adds one, however many are taken already.
        let (mut taken, mut places) = (HashSet::with_capacity(count), Vec::with_capacity(count));
        for last in end - count..end {
            let drawn = self.below(last + 1);
            let place = if taken.insert(drawn) { drawn } else { last };
            taken.insert(place);
            places.push(place);
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_different_and_below_the_end() {
        let mut random = Random(1);
        for end in 1..50 {
            for count in 0..=end {
                let places = random.some_below(end, count);
                let different: HashSet<_> = places.iter().collect();
                assert_eq!((places.len(), different.len()), (count, count));
                assert!(places.iter().all(|&place| place < end));
            }
        }
    }

    #[test]
    fn every_place_is_as_likely_as_any_other() {
        let mut random = Random(2);
        let mut drawn = [0; 10];
        for _ in 0..10_000 {
            for place in random.some_below(10, 3) {
                drawn[place] += 1;
            }
        }
        // 3000 each, give or take 46.
        assert!(
            drawn.iter().all(|times| (2700..3300).contains(times)),
            "{drawn:?}"
        );
    }
}

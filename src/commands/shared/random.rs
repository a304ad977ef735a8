//! Random places, for the commands that return or remove some elements of a value.

use std::collections::HashSet;

use module_api::random::Random;

/// `count` different numbers below `end`; all of them if there are no more. All choices are equally likely, but not all
/// orders.
pub(in crate::commands) fn some_below(end: usize, count: usize) -> Vec<usize> {
    let mut random = Random::of_server();
    choose(end, count, |end| random.below(end))
}

fn choose(end: usize, count: usize, mut below: impl FnMut(usize) -> usize) -> Vec<usize> {
    if count >= end {
        return (0..end).collect();
    }
    if count == 1 {
        return vec![below(end)];
    }
    // Floyd's algorithm: each step adds one number, however many are chosen already.
    let (mut taken, mut places) = (HashSet::with_capacity(count), Vec::with_capacity(count));
    for last in end - count..end {
        let drawn = below(last + 1);
        let place = if taken.insert(drawn) { drawn } else { last };
        taken.insert(place);
        places.push(place);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_different_and_below_the_end() {
        let mut rng = fastrand::Rng::with_seed(1);
        for end in 1..50 {
            for count in 0..=end {
                let places = choose(end, count, |end| rng.usize(..end));
                let different: HashSet<_> = places.iter().collect();
                assert_eq!((places.len(), different.len()), (count, count));
                assert!(places.iter().all(|&place| place < end));
            }
        }
    }

    #[test]
    fn every_place_is_as_likely_as_any_other() {
        let mut rng = fastrand::Rng::with_seed(2);
        let mut drawn = [0; 10];
        for _ in 0..10_000 {
            for place in choose(10, 3, |end| rng.usize(..end)) {
                drawn[place] += 1;
            }
        }
        // About 3000 each; the standard deviation is 46.
        assert!(
            drawn.iter().all(|times| (2700..3300).contains(times)),
            "{drawn:?}"
        );
    }
}

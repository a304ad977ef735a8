//! The set against a plain one, and full scans.

use std::collections::{BTreeSet, HashSet};

use mylog_core::value::{Set, Value, ZSet};

use crate::plain::{comes_back, grows, name};
use crate::rng::Rng;

#[test]
fn a_set_does_what_a_btree_set_does() {
    for seed in 0..8 {
        let mut rng = Rng::new(seed);
        let (mut set, mut plain) = (Set::default(), BTreeSet::<Vec<u8>>::new());
        let most = if seed % 2 == 0 { 400 } else { 6000 };
        let mut forms = HashSet::new();
        for step in 0..8 * most {
            let member = name(&mut rng, most);
            if rng.below(10) < if grows(step, most) { 7 } else { 3 } {
                assert_eq!(set.add(&member), plain.insert(member), "seed {seed} step {step}");
            } else {
                assert_eq!(
                    set.remove(&member),
                    plain.remove(&member),
                    "seed {seed} step {step}"
                );
            }
            forms.insert(set.is_small());
            let other = name(&mut rng, most);
            assert_eq!(
                set.contains(&other),
                plain.contains(&other),
                "seed {seed} step {step}"
            );
            if step % (most / 20) == 0 {
                let by_number: BTreeSet<_> = (0..set.len()).map(|n| set.nth(n).unwrap()).collect();
                assert!(by_number.into_iter().eq(plain.iter()), "seed {seed} step {step}");
                assert_eq!(set.nth(set.len()), None);
                assert_eq!(set.iter().collect::<BTreeSet<_>>().len(), plain.len());
                let bytes: usize = plain.iter().map(Vec::len).sum();
                assert_eq!(set.data_bytes(), bytes, "seed {seed} step {step}");
                comes_back(&Value::Set(set.clone()), seed);
            }
        }
        assert_eq!(forms.len(), 2, "seed {seed}");
    }
}

#[test]
fn every_number_names_another_member_of_a_set_in_split_rows() {
    let mut set = Set::default();
    for n in 0..60_000u32 {
        set.add(&n.to_le_bytes());
    }
    for n in (0..60_000u32).step_by(3) {
        assert!(set.remove(&n.to_le_bytes()));
    }
    let seen: HashSet<_> = (0..set.len()).map(|n| set.nth(n).unwrap()).collect();
    assert_eq!((seen.len(), set.nth(40_000)), (40_000, None));
}

#[test]
fn a_full_scan_misses_no_member_that_stays() {
    for large in [100u32, 20_000] {
        let (mut set, mut zset) = (Set::default(), ZSet::default());
        for n in 0..large {
            set.add(&n.to_le_bytes());
            zset.set(&n.to_le_bytes(), f64::from(n));
        }
        let (mut in_set, mut in_zset) = (HashSet::new(), HashSet::new());
        let (mut of_set, mut of_zset, mut round) = (0, 0, 0u32);
        while round == 0 || of_set != 0 || of_zset != 0 {
            if round == 0 || of_set != 0 {
                of_set = set.scan(of_set, 50, |member| {
                    in_set.insert(member.to_vec());
                });
            }
            if round == 0 || of_zset != 0 {
                of_zset = zset.scan(of_zset, 50, |member, _| {
                    in_zset.insert(member.to_vec());
                });
            }
            round += 1;
            // Odd ones go, others come, and scores change.
            for n in 0..20 {
                let (odd, new) = (((round * 20 + n) % large) | 1, large + round * 20 + n);
                set.remove(&odd.to_le_bytes());
                zset.remove(&odd.to_le_bytes());
                set.add(&new.to_le_bytes());
                zset.set(&(((round * 14) % large) & !1).to_le_bytes(), f64::from(new));
                zset.set(&new.to_le_bytes(), -f64::from(new));
            }
        }
        for n in (0..large).step_by(2) {
            assert!(
                in_set.contains(&n.to_le_bytes()[..]) && in_zset.contains(&n.to_le_bytes()[..]),
                "{n}"
            );
        }
    }
}

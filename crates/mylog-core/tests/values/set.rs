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
                assert!(
                    by_number.iter().map(|member| &**member).eq(plain.iter()),
                    "seed {seed} step {step}"
                );
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

/// Numbers of every length, and texts that only look like numbers.
fn numbers_and_alike() -> Vec<Vec<u8>> {
    let mut all: Vec<String> = [
        "-0",
        "00",
        "007",
        "+1",
        "",
        "-",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x10",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999",
    ]
    .map(str::to_owned)
    .into();
    for shift in 0..63 {
        let power = 1i64 << shift;
        all.extend([power - 1, power, -power, -power - 1].map(|value| value.to_string()));
    }
    all.into_iter().map(String::into_bytes).collect()
}

/// True for what the server keeps as a number: what prints back as the same bytes.
fn is_number(member: &[u8]) -> bool {
    let value = std::str::from_utf8(member)
        .ok()
        .and_then(|text| text.parse::<i64>().ok());
    value.is_some_and(|value| value.to_string().as_bytes() == member)
}

#[test]
fn a_set_of_numbers_does_what_a_btree_set_does_and_keeps_every_text() {
    let alike = numbers_and_alike();
    let numbers: Vec<Vec<u8>> = alike
        .iter()
        .filter(|member| is_number(member))
        .cloned()
        .chain((0..600).map(|n| format!("{}", n * 37 - 4000).into_bytes()))
        .collect();
    let mut forms = HashSet::new();
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        // Numbers alone, or another member now and then.
        let others = [0, 1, 300][seed as usize % 3];
        let most = [60, 150, 800][seed as usize / 3 % 3];
        let (mut set, mut plain) = (Set::default(), BTreeSet::<Vec<u8>>::new());
        for step in 0..6 * most {
            let from = if rng.below(1000) < others {
                &alike
            } else {
                &numbers
            };
            let member = from[rng.below(from.len() as u64) as usize].clone();
            let at = format!("seed {seed} step {step} {}", String::from_utf8_lossy(&member));
            assert_eq!(set.contains(&member), plain.contains(&member), "{at}");
            if rng.below(10) < if grows(step, most) { 8 } else { 2 } {
                assert_eq!(set.add(&member), plain.insert(member), "{at}");
            } else {
                assert_eq!(set.remove(&member), plain.remove(&member), "{at}");
            }
            assert_eq!(
                (set.len(), set.is_empty()),
                (plain.len(), plain.is_empty()),
                "{at}"
            );
            let bytes: usize = plain.iter().map(Vec::len).sum();
            assert_eq!(set.data_bytes(), bytes, "{at}");
            forms.insert((set.is_small(), set.len() > 128, set.len() > 512));
            if step % 16 == 0 {
                let all = |members: BTreeSet<Vec<u8>>| assert_eq!(members, plain, "{at}");
                all(set.iter().map(|member| member.to_vec()).collect());
                all((0..set.len()).map(|n| set.nth(n).unwrap().to_vec()).collect());
                let (mut seen, mut cursor) = (BTreeSet::new(), 0);
                loop {
                    cursor = set.scan(cursor, 10, |member| _ = seen.insert(member.to_vec()));
                    if cursor == 0 {
                        break;
                    }
                }
                all(seen);
                assert_eq!(set.nth(set.len()), None);
                assert!(
                    alike
                        .iter()
                        .all(|member| set.contains(member) == plain.contains(member))
                );
                comes_back(&Value::Set(set.clone()), seed);
            }
        }
    }
    // Many numbers are small, too, but not too many; what else there is makes a set of so many large.
    for form in [
        (true, false, false),
        (true, true, false),
        (false, true, true),
        (false, true, false),
    ] {
        assert!(forms.contains(&form), "{form:?}");
    }
    assert!(forms.iter().all(|(small, _, too_many)| !(*small && *too_many)));
}

#[test]
fn ids_in_a_set_take_a_byte_or_a_few_each() {
    for (step, each) in [(1, 1), (600, 2), (100_000, 3), (1 << 40, 6)] {
        let mut set = Set::default();
        for n in 0..100i64 {
            assert!(set.add((5_000_000 + n * step).to_string().as_bytes()));
        }
        let memory = Value::Set(set).view().memory();
        assert!(memory <= (15 + 100 * each) * 5 / 4, "{step}: {memory}");
    }
}

#[test]
fn a_set_that_gets_another_member_keeps_its_numbers() {
    for count in [1, 127, 128, 129, 512] {
        for other in ["x", "-0", "9223372036854775808", &"y".repeat(65)] {
            let mut set = Set::default();
            for n in 0..count {
                set.add((n - 60).to_string().as_bytes());
            }
            assert!(set.is_small() && set.add(other.as_bytes()) && !set.add(other.as_bytes()));
            assert_eq!(
                set.is_small(),
                count < 128 && other.len() <= 64,
                "{count} {other}"
            );
            assert_eq!(set.len() as i64, count + 1);
            assert!((0..count).all(|n| set.contains((n - 60).to_string().as_bytes())));
        }
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

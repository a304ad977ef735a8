//! Each type of value against a plain one, over the limit between its small and its large form and back.

#[cfg(test)]
#[path = "model/rng.rs"]
mod rng;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;

use mylog_core::effect::Side;
use mylog_core::value::{Hash, Kind, List, Set, Value, ZSet};
use rng::Rng;

fn body(value: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    value.encode_body(&mut body);
    assert_eq!(body.len(), value.body_len());
    body
}

fn comes_back(value: &Value, seed: u64) {
    if !value.is_empty() {
        let again = Value::decode_body(value.kind(), &body(value));
        assert_eq!(again.as_ref(), Some(value), "seed {seed}");
    }
}

/// Grows to some `most` and goes down again, several times.
fn grows(step: u64, most: u64) -> bool {
    step / (2 * most) % 2 == 0
}

/// A name: short, but one in a hundred past the limit of a small value.
fn name(rng: &mut Rng, of: u64) -> Vec<u8> {
    let n = rng.below(of);
    let long = if n % 100 == 99 { 70 } else { 0 };
    format!("{n:0long$}").into_bytes()
}

fn is_the_vec(list: &List, plain: &[Vec<u8>], rng: &mut Rng, what: &str) {
    assert_eq!(list.len(), plain.len(), "{what}");
    assert!(list.iter().eq(plain.iter()), "{what}");
    let at = rng.below(plain.len() as u64 + 2) as usize;
    assert_eq!(list.get(at), plain.get(at).map(|element| &element[..]), "{what}");
    assert!(list.iter_from(at, false).eq(plain.iter().skip(at)), "{what}");
    let back = plain.iter().take(at + 1).rev().filter(|_| at < plain.len());
    assert!(list.iter_from(at, true).eq(back), "{what}");
}

#[test]
fn a_list_does_what_a_vec_does() {
    for seed in 0..24 {
        let mut rng = Rng::new(seed);
        let (mut list, mut plain) = (List::default(), Vec::<Vec<u8>>::new());
        let most = [60, 900, 4000][seed as usize % 3];
        let longest = [12_000, 300, 30][seed as usize % 3];
        let mut forms = HashSet::new();
        for step in 0..8 * most {
            let what = format!("seed {seed} step {step}");
            let len = rng.below(longest).min(rng.below(longest));
            let element = vec![step as u8; len as usize];
            let at = rng.below(plain.len() as u64 + 1) as usize;
            match rng.below(if grows(step, most) { 8 } else { 16 }) {
                0 | 1 => {
                    list.push(Side::Tail, &element);
                    plain.push(element);
                }
                2 | 3 => {
                    list.push(Side::Head, &element);
                    plain.insert(0, element);
                }
                4 | 5 => {
                    assert!(list.insert(at, &element), "{what}");
                    plain.insert(at, element);
                }
                6 => {
                    assert_eq!(list.set(at, &element), at < plain.len(), "{what}");
                    if let Some(held) = plain.get_mut(at) {
                        *held = element;
                    }
                }
                _ => {
                    let count =
                        (1 + rng.below(3) * rng.below(3) * rng.below(9)).min((plain.len() - at) as u64);
                    assert!(list.remove(at, count as usize), "{what}");
                    plain.drain(at..at + count as usize);
                }
            }
            assert!(!list.remove(at, plain.len() + 1 - at), "{what}");
            assert!(
                !list.insert(plain.len() + 1, b"") && !list.set(plain.len(), b""),
                "{what}"
            );
            forms.insert(list.is_small());
            if step % (1 + most / 40) == 0 {
                is_the_vec(&list, &plain, &mut rng, &what);
                comes_back(&Value::List(list.clone()), seed);
            }
        }
        is_the_vec(&list, &plain, &mut rng, &format!("seed {seed}"));
        assert_eq!(forms.len(), 2, "seed {seed}");
    }
}

#[test]
fn a_list_is_cut_anywhere_as_a_vec_is() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed ^ 0xc07);
        let (mut list, mut plain) = (List::default(), Vec::<Vec<u8>>::new());
        for n in 0..rng.below(20_000) {
            let element = n.to_string().into_bytes();
            list.push(Side::Tail, &element);
            plain.push(element);
        }
        while !plain.is_empty() {
            let at = rng.below(plain.len() as u64) as usize;
            let count = 1 + rng.below((plain.len() - at) as u64) as usize;
            // The ends, too.
            let at = [0, at, plain.len() - count][rng.below(3) as usize];
            assert!(list.remove(at, count));
            plain.drain(at..at + count);
            is_the_vec(&list, &plain, &mut rng, &format!("seed {seed}"));
        }
        assert!(list.is_small() && list.is_empty());
        assert_eq!(list.data_bytes(), 0);
    }
}

#[test]
fn a_million_elements_take_no_step_over_all_of_them() {
    let mut list = List::default();
    for n in 0..1_000_000u32 {
        list.push(Side::Tail, &n.to_le_bytes());
    }
    let mut rng = Rng::new(3);
    for _ in 0..100_000 {
        let at = rng.below(1_000_000) as u32;
        assert_eq!(list.get(at as usize), Some(&at.to_le_bytes()[..]));
    }
    let tail = list.iter_from(999_999, true).take(3).map(|bytes| bytes[0]);
    assert_eq!(tail.collect::<Vec<_>>(), [63, 62, 61]);
    for _ in 0..100_000 {
        let at = rng.below(list.len() as u64) as usize;
        assert!(list.insert(at, b"new") && list.remove(at, 1));
    }
    assert!(
        (0..1_000_000u32).eq(list
            .iter()
            .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())))
    );
    let memory = Value::List(list).memory();
    assert!(memory < 8 << 20, "{memory}");
}

#[test]
fn a_set_does_what_a_btree_set_does() {
    for seed in 0..20 {
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
                let (odd, new) = ((round * 20 + n) % large | 1, large + round * 20 + n);
                set.remove(&odd.to_le_bytes());
                zset.remove(&odd.to_le_bytes());
                set.add(&new.to_le_bytes());
                zset.set(&((round * 14) % large & !1).to_le_bytes(), f64::from(new));
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

type Sorted = Vec<(f64, Vec<u8>)>;

fn sorted(plain: &BTreeMap<Vec<u8>, f64>) -> Sorted {
    let mut all: Sorted = plain
        .iter()
        .map(|(member, score)| (*score, member.clone()))
        .collect();
    all.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap().then_with(|| a.1.cmp(&b.1)));
    all
}

fn score(rng: &mut Rng, of: u64) -> f64 {
    match rng.below(40) {
        0 => f64::INFINITY,
        1 => f64::NEG_INFINITY,
        2 => -0.0,
        3..10 => rng.below(of) as f64 / 3.0,
        _ => rng.below(of / 3 + 1) as f64 - 20.0,
    }
}

fn bound<T>(rng: &mut Rng, at: T) -> Bound<T> {
    match rng.below(5) {
        0 => Bound::Unbounded,
        1 | 2 => Bound::Included(at),
        _ => Bound::Excluded(at),
    }
}

fn above<T: PartialOrd>(min: &Bound<T>, at: &T) -> bool {
    match min {
        Bound::Unbounded => true,
        Bound::Included(min) => at >= min,
        Bound::Excluded(min) => at > min,
    }
}

fn below<T: PartialOrd>(max: &Bound<T>, at: &T) -> bool {
    match max {
        Bound::Unbounded => true,
        Bound::Included(max) => at <= max,
        Bound::Excluded(max) => at < max,
    }
}

fn is_the_order(zset: &ZSet, all: &Sorted, rng: &mut Rng, of: u64, what: &str) {
    let seen = |iter: mylog_core::value::zset::Iter<'_>| {
        assert_eq!(iter.len(), iter.clone().count());
        iter.map(|(member, score)| (score, member.to_vec()))
            .collect::<Sorted>()
    };
    assert_eq!(&seen(zset.iter()), all, "{what}");
    let (a, b) = (
        rng.below(all.len() as u64 + 2) as usize,
        rng.below(all.len() as u64 + 2) as usize,
    );
    let (from, to) = (a.min(b).min(all.len()), a.max(b).min(all.len()));
    assert_eq!(
        seen(zset.by_rank(a.min(b)..a.max(b), false)),
        all[from..to],
        "{what}"
    );
    let back: Sorted = all[from..to].iter().rev().cloned().collect();
    assert_eq!(seen(zset.by_rank(a.min(b)..a.max(b), true)), back, "{what}");
    for _ in 0..10 {
        let (low, high) = (score(rng, of), score(rng, of));
        let (min, max) = (bound(rng, low), bound(rng, high));
        let inside = all
            .iter()
            .filter(|(score, _)| above(&min, score) && below(&max, score));
        let inside: Sorted = inside.cloned().collect();
        assert_eq!(
            zset.count_by_score(min, max),
            inside.len(),
            "{what} {min:?} {max:?}"
        );
        let (offset, limit) = (
            rng.below(5) as usize,
            rng.one_in(2).then(|| rng.below(8) as usize),
        );
        let some = |rev: bool| -> Sorted {
            let all: Box<dyn Iterator<Item = _>> = if rev {
                Box::new(inside.iter().rev())
            } else {
                Box::new(inside.iter())
            };
            all.skip(offset)
                .take(limit.unwrap_or(usize::MAX))
                .cloned()
                .collect()
        };
        assert_eq!(
            seen(zset.by_score((min, max), false, offset, limit)),
            some(false),
            "{what}"
        );
        assert_eq!(
            seen(zset.by_score((min, max), true, offset, limit)),
            some(true),
            "{what}"
        );
    }
    for (rank, (score, member)) in all.iter().enumerate().step_by(1 + all.len() / 50) {
        assert_eq!(zset.rank(member, false), Some(rank), "{what}");
        assert_eq!(zset.rank(member, true), Some(all.len() - 1 - rank), "{what}");
        assert_eq!(zset.get(rank), Some((&member[..], *score)), "{what}");
    }
    assert_eq!(zset.get(all.len()), None);
    assert_eq!(seen(zset.lowest(3)), all[..all.len().min(3)], "{what}");
    let highest: Sorted = all.iter().rev().take(3).cloned().collect();
    assert_eq!(seen(zset.highest(3)), highest, "{what}");
}

#[test]
fn a_sorted_set_does_what_a_sorted_vec_does() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let (mut zset, mut plain) = (ZSet::default(), BTreeMap::<Vec<u8>, f64>::new());
        let most = if seed % 2 == 0 { 300 } else { 5000 };
        let mut forms = HashSet::new();
        for step in 0..8 * most {
            let what = format!("seed {seed} step {step}");
            let member = name(&mut rng, most);
            if rng.below(10) < if grows(step, most) { 7 } else { 3 } {
                let score = score(&mut rng, most);
                assert_eq!(zset.set(&member, score), plain.insert(member, score), "{what}");
            } else {
                assert_eq!(zset.remove(&member), plain.remove(&member), "{what}");
            }
            forms.insert(zset.is_small());
            let other = name(&mut rng, most);
            assert_eq!(zset.score(&other), plain.get(&other).copied(), "{what}");
            assert_eq!(
                zset.rank(&other, false).is_some(),
                plain.contains_key(&other),
                "{what}"
            );
            if step % (most / 15) == 0 {
                is_the_order(&zset, &sorted(&plain), &mut rng, most, &what);
                comes_back(&Value::ZSet(zset.clone()), seed);
            }
        }
        assert_eq!(forms.len(), 2, "seed {seed}");
    }
}

#[test]
fn members_of_one_score_are_found_by_name() {
    for most in [100u64, 3000] {
        let mut rng = Rng::new(most);
        let (mut zset, mut plain) = (ZSet::default(), BTreeSet::<Vec<u8>>::new());
        for _ in 0..most {
            let member = rng.below(2 * most).to_string().into_bytes();
            zset.set(&member, 7.0);
            plain.insert(member);
        }
        for _ in 0..500 {
            let (low, high) = (rng.below(3 * most).to_string(), rng.below(3 * most).to_string());
            let (min, max) = (bound(&mut rng, low.as_bytes()), bound(&mut rng, high.as_bytes()));
            let inside = |member: &&Vec<u8>| above(&min, &&member[..]) && below(&max, &&member[..]);
            let inside: Vec<&[u8]> = plain.iter().filter(inside).map(|member| &member[..]).collect();
            assert_eq!(zset.count_by_lex(min, max), inside.len(), "{min:?} {max:?}");
            let names = |rev| zset.by_lex((min, max), rev, 1, Some(5)).map(|(member, _)| member);
            assert!(names(false).eq(inside.iter().copied().skip(1).take(5)));
            assert!(names(true).eq(inside.iter().copied().rev().skip(1).take(5)));
        }
    }
}

#[test]
fn a_sorted_set_takes_no_nan_and_zero_has_one_place() {
    for large in [false, true] {
        let mut zset = ZSet::default();
        for n in 0..if large { 200 } else { 3 } {
            zset.set(format!("m{n:03}").as_bytes(), 0.0);
        }
        assert_eq!(zset.is_small(), !large);
        assert_eq!(zset.set(b"nan", f64::NAN), None);
        assert!(zset.score(b"nan").is_none());
        zset.set(b"m000", -0.0);
        assert_eq!(zset.rank(b"m000", false), Some(0));
        assert_eq!(zset.score(b"m000").unwrap().is_sign_negative(), large);
        zset.set(b"a", -0.0);
        assert_eq!(zset.rank(b"a", false), Some(0));
        assert_eq!(
            zset.count_by_score(Bound::Included(0.0), Bound::Included(-0.0)),
            zset.len()
        );
    }
}

#[test]
fn bytes_that_are_no_value_are_refused() {
    let nan = [&[1, 1, b'm'][..], &f64::NAN.to_le_bytes()].concat();
    let one = [&[1, b'm'][..], &1f64.to_le_bytes()].concat();
    let twice = [&[2][..], &one, &one].concat();
    for (kind, bad) in [
        (Kind::List, &[0][..]),
        (Kind::List, &[2, 1, b'a']),
        (Kind::List, &[1, 1, b'a', 0]),
        (Kind::Set, &[0]),
        (Kind::Set, &[2, 1, b'a', 1, b'a']),
        (Kind::Set, &[0xff, 0xff, 0xff, 0xff, 0x7f, 0]),
        (Kind::ZSet, &[0]),
        (Kind::ZSet, &nan),
        (Kind::ZSet, &twice),
        (Kind::Hash, &[2, 1, b'f', 0, 1, b'f', 0]),
    ] {
        assert_eq!(Value::decode_body(kind, bad), None, "{kind:?} {bad:?}");
    }
    for seed in 0..30_000 {
        let mut rng = Rng::new(seed);
        let few = if seed % 2 == 0 { 12 } else { 256 };
        let bytes: Vec<u8> = rng
            .bytes(40)
            .iter()
            .map(|byte| (u64::from(*byte) % few) as u8)
            .collect();
        for kind in Kind::ALL {
            if let Some(value) = Value::decode_body(kind, &bytes) {
                assert_eq!(Value::decode_body(kind, &body(&value)), Some(value));
            }
        }
    }
}

/// Bytes of a key's value in packed form, beside what the elements alone take.
#[test]
fn a_small_value_costs_two_bytes_an_element() {
    let name = |n: u32| format!("member:{n:06}").into_bytes();
    let (mut hash, mut list, mut set, mut zset) =
        (Hash::default(), List::default(), Set::default(), ZSet::default());
    for n in 0..100 {
        hash.set(&name(n), b"0123456789");
        list.push(Side::Tail, &name(n));
        set.add(&name(n));
        zset.set(&name(n), f64::from(n));
    }
    let packed = [
        (Value::Hash(hash), 23 + 4),
        (Value::List(list), 13 + 2),
        (Value::Set(set), 13 + 2),
        (Value::ZSet(zset), 13 + 2 + 3),
    ];
    for (value, each) in packed {
        assert!(
            value.memory() <= 2 + 100 * each,
            "{:?}: {}",
            value.kind(),
            value.memory()
        );
        assert_eq!(value.free_effort(), 1);
    }
}

//! The sorted set against a plain Vec that is sorted.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;

use mylog_core::value::{Value, ZSet};

use crate::plain::{comes_back, grows, name};
use crate::rng::Rng;

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
    for seed in 0..8 {
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
        assert!(zset.score(b"m000").unwrap().is_sign_positive());
        zset.set(b"a", -0.0);
        assert_eq!(zset.rank(b"a", false), Some(0));
        assert_eq!(
            zset.count_by_score(Bound::Included(0.0), Bound::Included(-0.0)),
            zset.len()
        );
    }
}

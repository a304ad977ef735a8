//! As `deltas`, for lists, sets and sorted sets: what is written of them twice is what changed.

use crate::child::check;
use crate::deltas::{later, name, quiet};
use crate::model::collections::score;
use crate::model::{Op, PartChange, Plain, Rng};
use mylog_core::value::Side::{self, Head, Tail};

fn element(n: u64) -> Vec<u8> {
    format!("element {n:090}").into_bytes()
}

fn list(elements: u64) -> Plain {
    Plain::List((0..elements).map(element).collect())
}

fn set(members: u64) -> Plain {
    Plain::Set((0..members).map(element).collect())
}

fn zset(members: u64) -> Plain {
    Plain::ZSet((0..members).map(|n| (element(n), score(n as f64))).collect())
}

fn change(change: PartChange) -> Op {
    Op::Part(name(), change)
}

fn push(side: Side, n: u64) -> Op {
    change(PartChange::Push(side, vec![element(n)]))
}

#[test]
fn what_is_pushed_and_popped_at_the_ends_of_a_large_list_costs_those_elements() {
    let unchanged = check(0, quiet(0, list(5000)));
    let mut ops = Vec::new();
    for n in 0..20 {
        ops.extend([push(Head, n), push(Tail, n), push(Head, n), push(Tail, n)]);
        ops.extend([change(PartChange::Pop(Head, 3)), change(PartChange::Pop(Tail, 3))]);
        ops.push(change(PartChange::Remove(0, 1)));
        ops.push(change(PartChange::Insert(0, element(n))));
        ops.push(change(PartChange::Set(0, element(n + 1))));
        ops.push(change(PartChange::RemoveAt(vec![0, 1])));
    }
    let absorbed = ops.len() as u64;
    let report = check(1, later(quiet(1, list(5000)), 490_000, ops));
    assert_eq!(report.absorbed, absorbed);
    assert!(
        report.bytes < unchanged.bytes + 30_000,
        "{report:?} {unchanged:?}"
    );
}

#[test]
fn a_large_list_that_is_a_queue_while_it_is_written_is_written_once() {
    let unchanged = check(0, quiet(0, list(5000)));
    let ops = (0..1000).map(|n| match n % 2 {
        0 => push(Tail, 10_000 + n),
        _ => change(PartChange::Pop(Head, 1)),
    });
    let report = check(1, later(quiet(1, list(5000)), 100_000, ops.collect()));
    assert!(
        report.bytes < unchanged.bytes + 60_000,
        "{report:?} {unchanged:?}"
    );
}

#[test]
fn a_large_list_that_changes_in_its_middle_is_what_it_became() {
    let middles = [
        PartChange::Set(2500, b"new".to_vec()),
        PartChange::Insert(2500, b"new".to_vec()),
        PartChange::Remove(2000, 1000),
        PartChange::RemoveAt(vec![0, 7, 2500, 4999]),
        PartChange::Pop(Head, 4999),
        PartChange::Pop(Tail, 5000),
    ];
    for middle in middles {
        for at in [1, 60_000, 300_000, 500_000] {
            let ops = vec![change(middle.clone()), push(Head, 1), push(Tail, 2)];
            check(1, later(quiet(1, list(5000)), at, ops));
        }
    }
}

#[test]
fn a_large_list_whose_elements_are_all_exchanged_keeps_its_end() {
    for seed in 0..10 {
        let mut rng = Rng::new(seed);
        let mut ops = Vec::new();
        for n in 0..600 {
            let (to, from) = if rng.one_in(4) { (Head, Tail) } else { (Tail, Head) };
            ops.push(push(to, 1000 + n));
            ops.push(change(PartChange::Pop(from, 1)));
        }
        check(seed, later(quiet(seed, list(200)), 20_000, ops));
    }
}

#[test]
fn a_large_set_or_sorted_set_with_some_members_changed_costs_those_members() {
    for scored in [false, true] {
        let large = if scored { zset } else { set };
        let unchanged = check(0, quiet(0, large(5000)));
        let ops = (0..100).map(|n| {
            let (old, new) = (element(n * 50), element(10_000 + n));
            change(match (n % 3, scored) {
                (0, false) => PartChange::SetRemove(vec![old]),
                (_, false) => PartChange::SetAdd(vec![new]),
                (0, true) => PartChange::ZSetRemove(vec![old]),
                (1, true) => PartChange::ZSetSet(vec![(-1.5, old)]),
                (_, true) => PartChange::ZSetSet(vec![(n as f64, new)]),
            })
        });
        let report = check(1, later(quiet(1, large(5000)), 100_000, ops.collect()));
        assert_eq!(report.absorbed, 100);
        assert!((10..=102).contains(&report.emitted), "{report:?}");
        assert!(
            report.bytes < unchanged.bytes + 30_000,
            "{report:?} {unchanged:?}"
        );
    }
}

/// A key whose set became empty in the file on the way would lose its end.
#[test]
fn a_large_set_or_sorted_set_whose_members_are_all_exchanged_keeps_its_end() {
    for seed in 0..10 {
        let (mut of_set, mut of_zset) = (Vec::new(), Vec::new());
        for n in 0..400 {
            let (new, old) = (element(1000 + n), element(if n < 200 { n } else { 800 + n }));
            of_set.push(change(PartChange::SetAdd(vec![new.clone()])));
            of_set.push(change(PartChange::SetRemove(vec![old.clone()])));
            of_zset.push(change(PartChange::ZSetSet(vec![(n as f64, new)])));
            of_zset.push(change(PartChange::ZSetRemove(vec![old])));
        }
        check(seed, later(quiet(seed, set(200)), 20_000, of_set));
        check(seed, later(quiet(seed, zset(200)), 20_000, of_zset));
    }
}

#[test]
fn a_sorted_set_that_grows_and_moves_while_it_is_written_is_the_state_at_h() {
    for seed in 0..3 {
        let mut rng = Rng::new(seed);
        let ops = (0..8000).map(|n| {
            let old = element(rng.below(13_000));
            change(match rng.below(4) {
                0 => PartChange::ZSetRemove(vec![old]),
                1 => PartChange::ZSetSet(vec![(rng.below(100) as f64, old)]),
                _ => PartChange::ZSetSet(vec![(n as f64, element(20_000 + n))]),
            })
        });
        let ops: Vec<Op> = ops.collect();
        check(seed, later(quiet(seed, zset(13_000)), 200_000, ops));
    }
}

#[test]
fn bytes_written_into_a_large_string_are_there_and_behind_what_is_written_they_cost_themselves() {
    let string = || Plain::Str(vec![1; 500_000]);
    let unchanged = check(0, quiet(0, string()));
    let range = |offset, n| change(PartChange::Range(offset, vec![n; 100]));
    for (at, offset) in [(400_000, 10), (100_000, 300_000), (480_000, 499_950)] {
        check(
            1,
            later(
                quiet(1, string()),
                at,
                vec![range(offset, 9), range(offset + 50, 8)],
            ),
        );
    }
    let behind = vec![range(500_000, 9), range(500_500, 8)];
    let report = check(1, later(quiet(1, string()), 400_000, behind));
    assert!(report.bytes < unchanged.bytes + 2000, "{report:?} {unchanged:?}");
}

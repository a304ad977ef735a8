//! Large values that change while they are written, and behind the walk: what counts as large is small here.

use crate::child::{Parent, check, parent};
use crate::model::{Op, Plain, Rng, Shape};
use mylog_core::effect::NEVER;
use mylog_core::rewrite::entry_records::Sizes;

const NAME: (u32, &[u8]) = (0, b"huge");

pub fn name() -> (u32, Vec<u8>) {
    (NAME.0, NAME.1.to_vec())
}

fn field(n: u32) -> Vec<u8> {
    format!("{n:04}").into_bytes()
}

/// A parent without other names, whose child looks at the pipe after each record.
pub fn quiet(seed: u64, value: Plain) -> Parent {
    let shape = Shape {
        names: 1,
        value_bytes: 1,
        fields: 1,
        databases: false,
    };
    let mut parent = parent(seed, shape, 0, 0);
    parent.pipe_bytes = 1 << 20;
    parent.sizes = Sizes {
        large: 1000,
        part: 4000,
        look: 1,
    };
    parent.write(&Op::Put(name(), value, 7));
    parent.groups.seal(0);
    parent
}

fn hash(fields: u32) -> Plain {
    Plain::Hash((0..fields).map(|n| (field(n), vec![1; 100])).collect())
}

/// Lets the ops come to the child once it has written as many bytes, a few at a time.
pub fn later(mut parent: Parent, at: usize, ops: Vec<Op>) -> Parent {
    parent.later = ops.into();
    // The child looks once a part.
    parent.later_at = at / parent.sizes.part;
    parent
}

#[test]
fn large_values_under_random_writes_are_the_state_at_h() {
    let (mut emitted, mut absorbed) = (0, 0);
    for seed in 0..800 {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let shape = Shape {
            names: 1 + rng.below(6),
            value_bytes: 1 + rng.below(600),
            fields: 1 + rng.below(300),
            databases: false,
        };
        let mut parent = parent(seed, shape, 30, rng.below(500) as u32);
        parent.sizes = Sizes {
            large: 30 + rng.below(300) as usize,
            part: 20 + rng.below(900) as usize,
            look: rng.below(200),
        };
        parent.pipe_bytes = 1 + rng.below(1 << 16) as usize;
        let report = check(seed, parent);
        emitted += report.emitted;
        absorbed += report.absorbed;
    }
    assert!(emitted > 1000 && absorbed > 10_000, "{emitted} {absorbed}");
}

#[test]
fn a_large_hash_with_some_fields_changed_costs_those_fields() {
    let unchanged = check(0, quiet(0, hash(5000)));
    let ops = (0..100).map(|n| match n % 4 {
        0 => Op::HashDel(name(), vec![field(n * 50)]),
        1 => Op::HashSet(name(), vec![(field(10_000 + n), vec![2; 50])]),
        _ => Op::HashSet(name(), vec![(field(n * 50), vec![3; 120])]),
    });
    let report = check(1, later(quiet(1, hash(5000)), 100_000, ops.collect()));
    assert_eq!(report.absorbed, 100);
    // The fields, and perhaps one that stays while others leave.
    assert!((10..=102).contains(&report.emitted), "{report:?}");
    assert!(
        report.bytes < unchanged.bytes + 40_000,
        "{report:?} {unchanged:?}"
    );
}

#[test]
fn what_is_appended_to_a_large_string_costs_its_bytes() {
    let unchanged = check(0, quiet(0, Plain::Str(vec![1; 500_000])));
    let ops = (0..50).map(|_| Op::Append(name(), vec![2; 100]));
    let report = check(
        1,
        later(quiet(1, Plain::Str(vec![1; 500_000])), 400_000, ops.collect()),
    );
    assert_eq!(report.absorbed, 50);
    assert!(
        report.bytes < unchanged.bytes + 40_000,
        "{report:?} {unchanged:?}"
    );
}

#[test]
fn a_new_end_of_a_large_value_costs_one_record() {
    let unchanged = check(0, quiet(0, hash(5000)));
    let ops = vec![
        Op::Expire(name(), 99),
        Op::Expire(name(), NEVER),
        Op::Expire(name(), 77),
    ];
    let report = check(1, later(quiet(1, hash(5000)), 100_000, ops));
    assert_eq!((report.absorbed, report.emitted), (3, 1));
    assert!(report.bytes < unchanged.bytes + 1000, "{report:?} {unchanged:?}");
}

#[test]
fn a_large_value_replaced_renamed_or_deleted_while_it_is_written_is_what_it_became() {
    let other = (1, b"other".to_vec());
    let all: Vec<Vec<u8>> = (0..5000).map(field).collect();
    let cases: Vec<Vec<Op>> = vec![
        vec![Op::Del(name())],
        vec![Op::Del(name()), Op::Put(name(), hash(10), 5)],
        vec![Op::HashDel(name(), all.clone())],
        vec![
            Op::HashDel(name(), all),
            Op::HashSet(name(), vec![(field(1), vec![1])]),
        ],
        vec![Op::Rename(name(), other.clone())],
        vec![Op::Rename(name(), other.clone()), Op::Put(name(), hash(6000), 5)],
        vec![
            Op::Rename(name(), other.clone()),
            Op::HashSet(other.clone(), vec![(field(9), vec![9])]),
            Op::Rename(other.clone(), name()),
        ],
        vec![Op::Put(name(), Plain::Str(vec![5; 90_000]), 3)],
        vec![
            Op::StrSet(name(), None, vec![5; 90_000]),
            Op::Append(name(), vec![6; 10]),
        ],
        vec![Op::Copy(name(), other.clone()), Op::Del(name())],
        vec![
            Op::Put(other.clone(), Plain::Str(vec![5; 9]), 3),
            Op::Rename(other, name()),
        ],
    ];
    for (case, ops) in cases.into_iter().enumerate() {
        for at in [1, 60_000, 300_000, 500_000] {
            check(case as u64, later(quiet(1, hash(5000)), at, ops.clone()));
        }
    }
}

/// The hash in the file must not become empty on the way, or it would lose its end.
#[test]
fn a_large_hash_whose_fields_are_all_exchanged_keeps_its_end() {
    for seed in 0..20 {
        let mut ops = Vec::new();
        for n in 0..400 {
            ops.push(Op::HashSet(name(), vec![(field(1000 + n), vec![2; 90])]));
            ops.push(Op::HashDel(
                name(),
                vec![field(if n < 200 { n } else { 800 + n })],
            ));
        }
        check(seed, later(quiet(seed, hash(200)), 20_000, ops));
    }
}

#[test]
fn a_hash_that_grows_while_it_is_written_is_the_state_at_h() {
    for seed in 0..4 {
        let mut rng = Rng::new(seed);
        let ops = (0..12_000).map(|n| match rng.below(4) {
            0 => Op::HashDel(name(), vec![field(rng.below(13_000) as u32)]),
            1 => Op::HashSet(name(), vec![(field(rng.below(13_000) as u32), vec![7; 20])]),
            _ => Op::HashSet(name(), vec![(field(20_000 + n), vec![8; 40])]),
        });
        check(seed, later(quiet(seed, hash(13_000)), 200_000, ops.collect()));
    }
}

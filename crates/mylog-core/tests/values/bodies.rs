//! Bytes of bodies, and of memory.

use mylog_core::value::{Hash, Kind, List, Set, Side, Value, ZSet};

use crate::plain::body;
use crate::rng::Rng;

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

/// Bytes of a key's value in packed form, beside what the elements alone take, and room that the allocator gives anyway.
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
            value.view().memory() <= 3 + 100 * each + 255,
            "{:?}: {}",
            value.kind(),
            value.view().memory()
        );
        assert_eq!(value.free_effort(), 1);
    }
}

//! The store against the plain model.

#[cfg(test)]
mod model;

use model::{Model, Rng, Shape};
use mylog_core::effect::{Change, Db, Effect, Fields, MAX_GAP, NEVER, Ttl};
use mylog_core::store::{Bounds, MAX_DBS, SlotId, Store};
use mylog_core::value::{Kind, Side};

fn set(db: Db, key: &[u8]) -> Effect<'_> {
    Change::StrSet {
        ttl: Ttl::Keep,
        value: b"value",
    }
    .of(db, key)
}

#[test]
fn store_does_what_the_plain_model_does_and_so_do_its_records() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let shape = Shape {
            names: 1 + rng.below(30),
            value_bytes: 1 + rng.below(200),
            fields: 20,
            databases: true,
        };
        let (mut model, mut store, mut replayed) = (Model::default(), Store::new(), Store::new());
        for step in 0..300 {
            let op = model.random(&mut rng, shape);
            model.apply(&op);
            // Right or wrong, what is guessed changes nothing.
            store.guess(SlotId {
                slot: rng.below(40) as u32,
                generation: rng.below(3) as u32,
            });
            let mut record = Vec::new();
            op.with_effect(|effect| {
                store
                    .apply(effect)
                    .unwrap_or_else(|error| panic!("seed {seed} step {step} {op:?}: {error}"));
                effect.encode(&mut record);
            });
            let mut again = Vec::new();
            Effect::decode(&mut &record[..]).unwrap().encode(&mut again);
            assert_eq!(again, record, "seed {seed} step {step} {op:?}");
            replayed.load_group(&record, 1, &mut Bounds::none()).unwrap();
            assert_eq!(store.len(), model.keys.len(), "seed {seed} step {step} {op:?}");
        }
        assert_eq!(Model::of(&store), model, "seed {seed}");
        assert_eq!(Model::of(&replayed), model, "seed {seed}");
        assert!(store.same_contents(&replayed), "seed {seed}");
        assert_eq!(store.live_bytes(), replayed.live_bytes(), "seed {seed}");
        for (db, key) in model.keys.keys() {
            assert!(store.get(*db, key).is_some());
        }
    }
}

#[test]
fn no_bytes_make_decoding_panic() {
    for seed in 0..20_000 {
        let mut rng = Rng::new(seed);
        let bytes: Vec<u8> = (0..rng.below(60)).map(|_| rng.next() as u8).collect();
        let mut store = Store::new();
        let mut rest = &bytes[..];
        while let Some(effect) = Effect::decode(&mut rest) {
            let _ = store.apply(&effect);
        }
    }
}

#[test]
fn an_id_from_before_a_flush_never_names_a_later_entry() {
    for flush in [Effect::FlushAll, Effect::FlushDb { db: 0 }] {
        let mut store = Store::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..4 {
            for effect in [set(0, b"a"), set(0, b"b"), Change::Del.of(0, b"a"), set(0, b"c")] {
                if let Some(id) = store.apply(&effect).unwrap().entry {
                    assert!(seen.insert(id.to_word()), "{id:?} twice");
                }
            }
            store.apply(&flush).unwrap();
        }
    }
}

/// Effects on parts of values that do not fit a string `s`, a hash `h`, a list `l` of three, a set `t` and a
/// sorted set `z`.
fn misfits_of_parts() -> Vec<Effect<'static>> {
    let (db, one) = (0, vec![&b"a"[..]]);
    let mut all = Vec::new();
    for key in [&b"none"[..], b"h", b"t", b"z", b"l"] {
        let (count, index) = (if key == b"l" { 4 } else { 1 }, if key == b"l" { 3 } else { 0 });
        let element = b"x";
        for side in [Side::Head, Side::Tail] {
            all.push(Change::ListPop { side, count }.of(db, key));
        }
        all.extend([
            Change::ListSet { index, element }.of(db, key),
            Change::ListInsert {
                index: index + 1,
                element,
            }
            .of(db, key),
            Change::ListRemove {
                start: index,
                count: 1,
            }
            .of(db, key),
            Change::ListRemoveAt {
                indexes: vec![0, index].into(),
            }
            .of(db, key),
        ]);
    }
    let key = &b"l"[..];
    let bad_runs = [vec![1, 0], vec![1, 1], vec![0, 1, 3], vec![u64::MAX]];
    all.extend(bad_runs.map(|indexes| {
        let indexes = indexes.into();
        Change::ListRemoveAt { indexes }.of(db, key)
    }));
    for (start, count) in [(0, 0), (1, u64::MAX), (u64::MAX, 1), (2, 2)] {
        all.push(Change::ListRemove { start, count }.of(db, key));
    }
    let (side, count) = (Side::Tail, 0);
    all.push(Change::ListPop { side, count }.of(db, key));
    let bytes = b"x";
    for (key, offset) in [
        (&b"s"[..], MAX_GAP + 6),
        (b"none", MAX_GAP + 1),
        (b"s", u64::MAX),
        (b"l", 0),
    ] {
        all.push(Change::StrRange { offset, bytes }.of(db, key));
    }
    for key in [&b"s"[..], b"h", b"l", b"z"] {
        let members: Fields<'_> = one.clone().into();
        all.push(Change::SetAdd { members }.of(db, key));
        let members = one.clone().into();
        all.push(Change::SetRemove { members }.of(db, key));
    }
    for key in [&b"s"[..], b"h", b"l", b"t"] {
        let members = vec![(1.0, &b"a"[..])].into();
        all.push(Change::ZSetSet { members }.of(db, key));
        let members = one.clone().into();
        all.push(Change::ZSetRemove { members }.of(db, key));
    }
    let (key, side) = (&b"z"[..], Side::Head);
    let elements = one.into();
    all.push(Change::ListPush { side, elements }.of(db, key));
    let members = vec![(2.0, &b"b"[..]), (f64::NAN, b"a")].into();
    all.push(Change::ZSetSet { members }.of(db, key));
    all
}

/// Effects on whole values that do not fit the same keys.
fn misfits() -> Vec<Effect<'static>> {
    let pairs = vec![(&b"f"[..], &b"v"[..])].into();
    let (to_db, to) = (MAX_DBS, &b"s"[..]);
    let (expire_at, kind) = (5, Kind::Hash);
    let mut all = vec![
        Change::Del.of(0, b"none"),
        Change::Expire { expire_at }.of(0, b"none"),
        Change::Rename { to_db: 0, to }.of(0, b"none"),
        Change::Copy { to_db: 0, to }.of(0, b"none"),
        Change::Rename { to_db, to }.of(0, b"s"),
        Change::Copy { to_db, to }.of(0, b"s"),
        Effect::SwapDb { a: 0, b: MAX_DBS },
        Change::StrAppend { tail: b"x" }.of(0, b"h"),
        Change::HashSet { pairs }.of(0, b"s"),
        set(MAX_DBS, b"s"),
    ];
    for key in [&b"none"[..], b"s"] {
        let fields = vec![&b"f"[..]].into();
        all.push(Change::HashDel { fields }.of(0, key));
    }
    for body in [&b"\0"[..], b"\x02\x01f\0\x01f\0"] {
        all.push(
            Change::Put {
                expire_at,
                kind,
                body,
            }
            .of(0, b"s"),
        );
    }
    all
}

/// The keys that no misfit fits.
fn one_of_each_type() -> Store {
    let (a, b, c) = (&b"a"[..], &b"b"[..], &b"c"[..]);
    let (side, elements) = (Side::Tail, vec![a, b, c].into());
    let pairs = vec![(&b"f"[..], &b"v"[..])].into();
    let (members, scored) = (vec![a].into(), vec![(1.0, a)].into());
    let mut store = Store::new();
    for made in [
        set(0, b"s"),
        Change::HashSet { pairs }.of(0, b"h"),
        Change::ListPush { side, elements }.of(0, b"l"),
        Change::SetAdd { members }.of(0, b"t"),
        Change::ZSetSet { members: scored }.of(0, b"z"),
    ] {
        assert!(store.apply(&made).is_ok());
    }
    store
}

#[test]
fn an_effect_that_does_not_fit_changes_nothing() {
    let mut store = one_of_each_type();
    let before = Model::of(&store);
    for bad in misfits().into_iter().chain(misfits_of_parts()) {
        store.apply(&bad).unwrap_err();
        assert_eq!(Model::of(&store), before, "{bad:?}");
        assert_eq!(store.len(), 5, "{bad:?}");
    }
}

#[test]
fn only_in_a_snapshot_may_a_name_be_deleted_that_is_not_there() {
    let mut record = Vec::new();
    Change::Del.of(0, b"none").encode(&mut record);
    assert!(
        Store::new()
            .load_snapshot(&record, 1, &mut Bounds::none())
            .is_ok()
    );
    assert!(Store::new().load_group(&record, 1, &mut Bounds::none()).is_err());
    record.clear();
    Change::Expire { expire_at: 5 }.of(0, b"none").encode(&mut record);
    assert!(
        Store::new()
            .load_snapshot(&record, 1, &mut Bounds::none())
            .is_err()
    );
}

#[test]
fn a_lineage_is_known_up_to_its_highest_seq_and_outlives_flushes() {
    let uuid = [7; 16];
    let mut store = Store::new();
    for seq in [3, 9, 5] {
        let mut record = Vec::new();
        Effect::Lineage { uuid, seq }.encode(&mut record);
        store.load_group(&record, 1, &mut Bounds::none()).unwrap();
    }
    store.apply(&Effect::FlushAll).unwrap();
    assert!(store.knows_lineage(&uuid, 9) && store.knows_lineage(&uuid, 1));
    assert!(!store.knows_lineage(&uuid, 10) && !store.knows_lineage(&[8; 16], 1));
    let all: Vec<Effect<'_>> = store.lineages().collect();
    assert_eq!(all, [Effect::Lineage { uuid, seq: 9 }]);
}

/// A store with a hash of some fields in each of two databases, and as many keys.
fn large_store(n: u32) -> Store {
    let mut store = Store::new();
    for db in 0..2 {
        for i in 0..n {
            let (key, field) = (format!("key:{i}"), i.to_le_bytes());
            let pairs = [(&field[..], &b"value"[..])];
            let pairs = (&pairs[..]).into();
            let hash_set = Change::HashSet { pairs }.of(db, b"hash");
            for effect in [set(db, key.as_bytes()), hash_set] {
                assert!(store.apply(&effect).is_ok());
            }
        }
    }
    store
}

#[test]
fn what_is_large_is_left_to_the_owner_whatever_effect_takes_it_away() {
    const N: u32 = 20_000;
    let whole = large_store(N);
    let long = vec![7; 3 << 20];
    let put_long = Change::StrSet {
        ttl: Ttl::Keep,
        value: &long,
    }
    .of(0, b"hash");
    let (db, key, to_db, to) = (0, &b"key:1"[..], 0, &b"hash"[..]);
    let cases: Vec<(Vec<Effect<'_>>, usize)> = vec![
        (vec![Change::Del.of(db, to)], 1),
        (vec![set(0, to)], 1),
        (vec![put_long.clone(), set(0, to)], 2),
        (vec![put_long.clone(), Change::Del.of(db, to)], 2),
        (vec![Change::Rename { to_db, to }.of(db, key)], 1),
        (vec![Change::Copy { to_db, to }.of(db, key)], 1),
        (
            vec![
                Change::Put {
                    expire_at: 5,
                    kind: Kind::Str,
                    body: b"x",
                }
                .of(db, to),
            ],
            1,
        ),
        (vec![Effect::FlushDb { db: 1 }], 2),
        (vec![Effect::FlushAll], 3),
        (vec![Effect::SwapDb { a: 0, b: 1 }, Effect::FlushDb { db: 0 }], 2),
    ];
    for (effects, left) in cases {
        let mut store = whole.clone();
        let before = store.freed();
        for effect in &effects {
            store.apply(effect).unwrap();
        }
        assert!(store.freed() - before <= 4, "{effects:?}");
        assert_eq!(store.take_discarded().len(), left, "{effects:?}");
    }
}

#[test]
fn an_end_is_that_of_its_entry_and_of_no_other_in_its_slot() {
    let mut store = Store::new();
    let end = |store: &Store, db, key: &[u8]| store.get(db, key).map(|entry| entry.expire_at());
    for effect in [set(0, b"a"), set(0, b"b"), set(0, b"c")] {
        store.apply(&effect).unwrap();
    }
    let (db, key, expire_at) = (0, &b"b"[..], 1234);
    store.apply(&Change::Expire { expire_at }.of(db, key)).unwrap();
    assert_eq!(
        [b"a", b"b", b"c"].map(|key| end(&store, 0, key)),
        [Some(NEVER), Some(1234), Some(NEVER)]
    );
    let slot = store.find(0, b"b").map(|id| id.slot);
    // It goes where its entry goes.
    let (to_db, to) = (1, &b"moved"[..]);
    store.apply(&Change::Rename { to_db, to }.of(db, key)).unwrap();
    assert_eq!(end(&store, 1, b"moved"), Some(1234));
    store.apply(&set(0, b"d")).unwrap();
    assert_eq!(store.find(0, b"d").map(|id| id.slot), slot);
    assert_eq!(end(&store, 0, b"d"), Some(NEVER));
}

#[test]
fn a_flush_of_one_of_several_databases_leaves_the_others_and_its_slots_are_used_again() {
    let mut store = large_store(5000);
    store.apply(&set(2, b"other")).unwrap();
    let (keys, bytes, slots) = (store.db_len(0), store.live_bytes(), store.slots_end());
    for round in 0..3 {
        store.apply(&Effect::FlushDb { db: 1 }).unwrap();
        store.take_discarded();
        assert_eq!(
            (store.db_len(0), store.db_len(1), store.db_len(2)),
            (keys, 0, 1),
            "{round}"
        );
        assert_eq!(store.entries().count(), store.len());
        assert!(store.live_bytes() < bytes);
        assert!((0..5000).all(|i| store.get(0, format!("key:{i}").as_bytes()).is_some()));
        for i in 0..5000 {
            store.apply(&set(1, format!("key:{i}").as_bytes())).unwrap();
        }
        assert_eq!(store.db_len(1), 5000);
        assert!(
            store.slots_end() <= slots + 1024,
            "{} of {slots}",
            store.slots_end()
        );
    }
    // A key that moved to another database stays when its old one is flushed.
    let (db, key, to_db, to) = (1, &b"key:7"[..], 0, &b"moved"[..]);
    store.apply(&Change::Rename { to_db, to }.of(db, key)).unwrap();
    store.apply(&Effect::FlushDb { db: 1 }).unwrap();
    assert_eq!(
        store.get(0, b"moved").map(|entry| entry.key()),
        Some(&b"moved"[..])
    );
    store.apply(&Effect::FlushDb { db: 0 }).unwrap();
    assert_eq!((store.len(), store.entries().count()), (1, 1));
    assert!(store.get(0, b"moved").is_none() && store.get(2, b"other").is_some());
}

//! The store against the plain model.

#[cfg(test)]
mod model;

use model::{Model, Rng, Shape};
use mylog_core::effect::{Db, Effect, Ttl};
use mylog_core::store::{MAX_DBS, SlotId, Store};
use mylog_core::value::Kind;

fn set(db: Db, key: &[u8]) -> Effect<'_> {
    Effect::StrSet {
        db,
        key,
        ttl: Ttl::Keep,
        value: b"value",
    }
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
            replayed.load_group(&record, 1).unwrap();
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
            for effect in [
                set(0, b"a"),
                set(0, b"b"),
                Effect::Del { db: 0, key: b"a" },
                set(0, b"c"),
            ] {
                if let Some(id) = store.apply(&effect).unwrap().entry {
                    assert!(seen.insert(id.to_word()), "{id:?} twice");
                }
            }
            store.apply(&flush).unwrap();
        }
    }
}

#[test]
fn an_effect_that_does_not_fit_changes_nothing() {
    let mut store = Store::new();
    let hash = [(&b"f"[..], &b"v"[..])];
    let pairs = (&hash[..]).into();
    store.apply(&set(0, b"s")).unwrap();
    store
        .apply(&Effect::HashSet {
            db: 0,
            key: b"h",
            pairs,
        })
        .unwrap();
    let pairs = (&hash[..]).into();
    let before = Model::of(&store);
    for bad in [
        Effect::Del { db: 0, key: b"none" },
        Effect::Expire {
            db: 0,
            key: b"none",
            expire_at: 5,
        },
        Effect::Rename {
            db: 0,
            key: b"none",
            to_db: 0,
            to: b"s",
        },
        Effect::Copy {
            db: 0,
            key: b"none",
            to_db: 0,
            to: b"s",
        },
        Effect::Rename {
            db: 0,
            key: b"s",
            to_db: MAX_DBS,
            to: b"s",
        },
        Effect::Copy {
            db: 0,
            key: b"s",
            to_db: MAX_DBS,
            to: b"s",
        },
        Effect::SwapDb { a: 0, b: MAX_DBS },
        Effect::StrAppend {
            db: 0,
            key: b"h",
            tail: b"x",
        },
        Effect::HashSet {
            db: 0,
            key: b"s",
            pairs,
        },
        Effect::HashDel {
            db: 0,
            key: b"none",
            fields: vec![&b"f"[..]].into(),
        },
        Effect::HashDel {
            db: 0,
            key: b"s",
            fields: vec![&b"f"[..]].into(),
        },
        Effect::Put {
            db: 0,
            key: b"s",
            expire_at: 5,
            kind: Kind::Hash,
            body: b"\0",
        },
        Effect::Put {
            db: 0,
            key: b"s",
            expire_at: 5,
            kind: Kind::Hash,
            body: b"\x02\x01f\0\x01f\0",
        },
        set(MAX_DBS, b"s"),
    ] {
        store.apply(&bad).unwrap_err();
        assert_eq!(Model::of(&store), before, "{bad:?}");
        assert_eq!(store.len(), 2, "{bad:?}");
    }
}

#[test]
fn only_in_a_snapshot_may_a_name_be_deleted_that_is_not_there() {
    let mut record = Vec::new();
    Effect::Del { db: 0, key: b"none" }.encode(&mut record);
    assert!(Store::new().load_snapshot(&record, 1).is_ok());
    assert!(Store::new().load_group(&record, 1).is_err());
    record.clear();
    Effect::Expire {
        db: 0,
        key: b"none",
        expire_at: 5,
    }
    .encode(&mut record);
    assert!(Store::new().load_snapshot(&record, 1).is_err());
}

#[test]
fn a_lineage_is_known_up_to_its_highest_seq_and_outlives_flushes() {
    let uuid = [7; 16];
    let mut store = Store::new();
    for seq in [3, 9, 5] {
        let mut record = Vec::new();
        Effect::Lineage { uuid, seq }.encode(&mut record);
        store.load_group(&record, 1).unwrap();
    }
    store.apply(&Effect::FlushAll).unwrap();
    assert!(store.knows_lineage(&uuid, 9) && store.knows_lineage(&uuid, 1));
    assert!(!store.knows_lineage(&uuid, 10) && !store.knows_lineage(&[8; 16], 1));
    let all: Vec<Effect<'_>> = store.lineages().collect();
    assert_eq!(all, [Effect::Lineage { uuid, seq: 9 }]);
}

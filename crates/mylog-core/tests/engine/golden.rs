//! Files of format 1 as they were first written. The code of today loads them, and writes the same bytes: who
//! changes a byte of the format finds out here, and not from somebody's log.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mylog_core::effect::{Change, Effect, NEVER, Ttl};
use mylog_core::format::frame::{FrameHeader, Kind};
use mylog_core::format::header::Identity;
use mylog_core::format::padding;
use mylog_core::group::{Group, GroupBuilder};
use mylog_core::io::Fs;
use mylog_core::io::sim::SimFs;
use mylog_core::log::file::LogFile;
use mylog_core::rewrite::entry_records::{Sizes, entry_records};
use mylog_core::rewrite::snapshot_file::SnapshotFile;
use mylog_core::store::Store;
use mylog_core::value::{Kind as Type, Side, Value};

use crate::model::collections::score;
use crate::model::{Model, Plain};
use crate::oracle::{dir, open};
use crate::server::live;

const IDENTITY: Identity = Identity {
    uuid: *b"\x00\x01lineage of v1\xff",
    epoch: 3,
    salt: 0x0102_0304,
};
const RUN: u64 = 0x1122_3344_5566_7788;
const BASE_SEQ: u64 = 41;
/// 2026-01-01, in Unix ms.
const WALL_MS: u64 = 1_767_225_600_000;
const KEY: &[u8] = b"key\0\n\xff";

/// Compares with the committed bytes. Where they differ, what was written is kept to be looked at.
fn is_the_fixture(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/v1")
        .join(name);
    if std::fs::read(&path).ok().as_deref() == Some(bytes) {
        return;
    }
    let written = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&written, bytes).unwrap();
    panic!(
        "{} is not what the code writes: {}",
        path.display(),
        written.display()
    );
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/v1")
        .join(name);
    std::fs::read(path).unwrap()
}

fn new_disk() -> SimFs {
    let sim = SimFs::new();
    sim.create_dir(dir()).unwrap();
    sim
}

/// Header, snapshot and its end: a string with an end and a hash.
fn snapshot(sim: &SimFs) -> LogFile {
    let mut store = Store::new();
    let pairs = [(&b"a"[..], &b"1"[..]), (b"", b"\x00")];
    let records = [
        Change::StrSet {
            ttl: Ttl::Set(1_800_000_000_000),
            value: b"\xde\xad",
        }
        .of(0, b"session"),
        Change::HashSet {
            pairs: (&pairs[..]).into(),
        }
        .of(300, KEY),
    ];
    for effect in &records {
        store.apply(effect).unwrap();
    }
    let mut out = SnapshotFile::create(sim, &live(), &IDENTITY, RUN, WALL_MS).unwrap();
    for entry in store.entries() {
        let db = store.db_of(entry);
        entry_records(db, entry, Sizes::default(), |record| {
            out.append_records(record, 1)
        })
        .unwrap();
    }
    let report = out.finish(BASE_SEQ, store.len() as u64, WALL_MS + 1).unwrap();
    let file = sim.open(&live()).unwrap();
    LogFile::new(file, IDENTITY, RUN, report.bytes, BASE_SEQ + 1).unwrap()
}

fn every_effect() -> Vec<Effect<'static>> {
    const PAIRS: &[(&[u8], &[u8])] = &[(b"f", b"v"), (b"g", b"w")];
    const FIELDS: &[&[u8]] = &[b"f"];
    vec![
        Change::Put {
            expire_at: NEVER,
            kind: Type::Str,
            body: b"put",
        }
        .of(0, b"p"),
        Change::Put {
            expire_at: 0,
            kind: Type::Hash,
            body: b"\x01\x01f\x01v",
        }
        .of(0, b"q"),
        Change::Expire { expire_at: 127 }.of(0, b"p"),
        Change::StrSet {
            ttl: Ttl::Set(NEVER),
            value: b"",
        }
        .of(0, b"s"),
        Change::StrSet {
            ttl: Ttl::Keep,
            value: b"kept",
        }
        .of(0, b"p"),
        Change::StrAppend { tail: b"tail" }.of(0, b"s"),
        Change::HashSet { pairs: PAIRS.into() }.of(0, b"h"),
        Change::HashDel {
            fields: FIELDS.into(),
        }
        .of(0, b"h"),
        Change::Copy {
            to_db: 2,
            to: b"copy",
        }
        .of(0, b"h"),
        Change::Rename {
            to_db: 2,
            to: b"renamed",
        }
        .of(0, b"s"),
        Change::Del.of(0, b"session"),
        Change::StrSet {
            ttl: Ttl::Keep,
            value: b"x",
        }
        .of(5, b"flushed"),
        Effect::FlushDb { db: 5 },
        Effect::SwapDb { a: 0, b: 1 },
    ]
}

/// Every effect on lists, sets and sorted sets, and what came later on strings.
fn every_collection_effect() -> Vec<Effect<'static>> {
    const ABC: &[&[u8]] = &[b"a", b"b", b"c"];
    const DE: &[&[u8]] = &[b"d", b""];
    const B: &[&[u8]] = &[b"b"];
    const SCORES: &[(f64, &[u8])] = &[(1.5, b"a"), (f64::NEG_INFINITY, b"b"), (-0.0, b"\xff")];
    let (db, l) = (0, &b"l"[..]);
    let push = |side, elements: &'static [&[u8]]| {
        Change::ListPush {
            side,
            elements: elements.into(),
        }
        .of(db, b"l")
    };
    let put = |key, kind, body| {
        Change::Put {
            expire_at: 7,
            kind,
            body,
        }
        .of(db, key)
    };
    vec![
        put(b"pl", Type::List, b"\x02\x01x\0"),
        put(b"ps", Type::Set, b"\x01\x01m"),
        put(b"pz", Type::ZSet, b"\x01\x01m\0\0\0\0\0\0\xf0?"),
        Change::StrRange {
            offset: 3,
            bytes: b"bytes",
        }
        .of(db, b"range"),
        push(Side::Tail, ABC),
        push(Side::Head, DE),
        push(Side::Tail, ABC),
        Change::ListPop {
            side: Side::Head,
            count: 1,
        }
        .of(db, l),
        Change::ListPop {
            side: Side::Tail,
            count: 1,
        }
        .of(db, l),
        Change::ListSet {
            index: 1,
            element: b"A",
        }
        .of(db, l),
        Change::ListInsert {
            index: 6,
            element: b"end",
        }
        .of(db, l),
        Change::ListRemove { start: 2, count: 1 }.of(db, l),
        Change::ListRemoveAt {
            indexes: (&[0, 2][..]).into(),
        }
        .of(db, l),
        Change::SetAdd { members: ABC.into() }.of(db, b"t"),
        Change::SetRemove { members: B.into() }.of(db, b"t"),
        Change::ZSetSet {
            members: SCORES.into(),
        }
        .of(db, b"z"),
        Change::ZSetRemove { members: B.into() }.of(db, b"z"),
    ]
}

fn write_collections() -> Vec<u8> {
    let sim = new_disk();
    let mut file = snapshot(&sim);
    let mut groups = GroupBuilder::new(BASE_SEQ + 1);
    for effect in &every_collection_effect() {
        groups.append(effect);
    }
    let group = Arc::new(groups.seal(WALL_MS + 3).unwrap());
    file.append(&[group], BASE_SEQ).unwrap();
    file.seal(WALL_MS + 4).unwrap();
    sim.contents(&live()).unwrap()
}

/// A group of every kind of record, one of a flush of everything, frames that vouch, and the seal.
fn write_everything() -> Vec<u8> {
    let sim = new_disk();
    let mut file = snapshot(&sim);
    file.begin_run(RUN + 1, BASE_SEQ, WALL_MS + 2).unwrap();
    let mut groups = GroupBuilder::new(BASE_SEQ + 1);
    for effect in &every_effect() {
        groups.append(effect);
    }
    let first = Arc::new(groups.seal(WALL_MS + 3).unwrap());
    groups.append(
        &Change::StrSet {
            ttl: Ttl::Keep,
            value: b"one",
        }
        .of(0, b"last"),
    );
    let second = Arc::new(groups.seal(WALL_MS + 4).unwrap());
    file.append(&[Arc::clone(&first), second], BASE_SEQ).unwrap();
    file.vouch(first.last_seq(), WALL_MS + 5).unwrap();
    file.seal(WALL_MS + 6).unwrap();
    sim.contents(&live()).unwrap()
}

fn string(bytes: &[u8]) -> Plain {
    Plain::Str(bytes.to_vec())
}

fn hash(pairs: &[(&[u8], &[u8])]) -> Plain {
    Plain::Hash(pairs.iter().map(|(f, v)| (f.to_vec(), v.to_vec())).collect())
}

fn model(keys: Vec<(u32, &[u8], Plain, i64)>) -> Model {
    let named = |(db, key, plain, end): (u32, &[u8], _, _)| ((db, key.to_vec()), (Arc::new(plain), end));
    Model {
        keys: keys.into_iter().map(named).collect(),
    }
}

#[test]
fn a_log_of_every_frame_and_record_is_written_as_ever() {
    is_the_fixture("everything.mylog", &write_everything());
}

#[test]
fn a_log_of_every_frame_and_record_loads_as_ever() {
    let sim = SimFs::new();
    sim.put(&live(), &fixture("everything.mylog"));
    let (recovered, store) = open(&sim).unwrap();
    assert!(recovered.report.sealed);
    assert_eq!(recovered.identity, IDENTITY);
    assert_eq!((recovered.base_seq, recovered.next_seq), (BASE_SEQ, 57));
    let expected = model(vec![
        (0, b"last", string(b"one"), NEVER),
        (1, b"h", hash(&[(b"g", b"w")]), NEVER),
        (1, b"p", string(b"kept"), 127),
        (1, b"q", hash(&[(b"f", b"v")]), 0),
        (2, b"copy", hash(&[(b"g", b"w")]), NEVER),
        (2, b"renamed", string(b"tail"), NEVER),
        (300, KEY, hash(&[(b"a", b"1"), (b"", b"\x00")]), NEVER),
    ]);
    assert_eq!(Model::of(&store), expected);
}

#[test]
fn a_log_of_every_collection_record_is_written_as_ever() {
    is_the_fixture("collections.mylog", &write_collections());
}

#[test]
fn a_log_of_every_collection_record_loads_as_ever() {
    let sim = SimFs::new();
    sim.put(&live(), &fixture("collections.mylog"));
    let (recovered, store) = open(&sim).unwrap();
    assert_eq!(recovered.next_seq, BASE_SEQ + 18);
    let list = |all: &[&[u8]]| Plain::List(all.iter().map(|one| one.to_vec()).collect());
    let set = |all: &[&[u8]]| Plain::Set(all.iter().map(|one| one.to_vec()).collect());
    let zset = |all: &[(&[u8], f64)]| {
        let scored = all.iter().map(|(name, of)| (name.to_vec(), score(*of)));
        Plain::ZSet(scored.collect())
    };
    let expected = model(vec![
        (0, b"l", list(&[b"A", b"a", b"b", b"end"]), NEVER),
        (0, b"pl", list(&[b"x", b""]), 7),
        (0, b"ps", set(&[b"m"]), 7),
        (0, b"pz", zset(&[(b"m", 1.0)]), 7),
        (0, b"range", string(b"\0\0\0bytes"), NEVER),
        (0, b"session", string(b"\xde\xad"), 1_800_000_000_000),
        (0, b"t", set(&[b"a", b"c"]), NEVER),
        (0, b"z", zset(&[(b"a", 1.5), (b"\xff", 0.0)]), NEVER),
        (300, KEY, hash(&[(b"a", b"1"), (b"", b"\x00")]), NEVER),
    ]);
    assert_eq!(Model::of(&store), expected);
}

/// A group in three parts, cut inside a record. The writer makes parts of 16 MiB; a reader takes any.
fn group_in_parts() -> Vec<u8> {
    let sim = new_disk();
    let file = snapshot(&sim);
    let mut bytes = sim.contents(&live()).unwrap();
    let mut payload = Vec::new();
    Effect::FlushAll.encode(&mut payload);
    let pair = (&b"field"[..], &b"a value that goes over the cut"[..]);
    Change::HashSet {
        pairs: vec![pair].into(),
    }
    .of(0, b"h")
    .encode(&mut payload);
    let parts: Vec<_> = payload.chunks(18).collect();
    for (part, chunk) in parts.iter().enumerate() {
        let last = part + 1 == parts.len();
        let header = FrameHeader {
            kind: Kind::Data,
            continues: !last,
            part: part as u16,
            payload_len: chunk.len() as u32,
            record_count: if last { 2 } else { 0 },
            seq: file.next_seq(),
            durable_seq: BASE_SEQ,
            wall_ms: WALL_MS + 2,
            run: RUN,
            payload_crc: crc32c::crc32c(chunk),
        };
        bytes.extend(header.encode(IDENTITY.seed()));
        bytes.extend(*chunk);
        bytes.resize(bytes.len() + padding(chunk.len() as u64) as usize, 0);
    }
    bytes
}

#[test]
fn a_group_in_parts_is_one_group() {
    let bytes = group_in_parts();
    is_the_fixture("parts.mylog", &bytes);
    let sim = SimFs::new();
    sim.put(&live(), &fixture("parts.mylog"));
    let (recovered, store) = open(&sim).unwrap();
    assert_eq!((recovered.next_seq, recovered.report.groups), (BASE_SEQ + 3, 1));
    let fields = hash(&[(b"field", b"a value that goes over the cut")]);
    assert_eq!(Model::of(&store), model(vec![(0, b"h", fields, NEVER)]));
}

/// Too large to be kept as a file: its length and checksum are.
#[test]
fn a_group_past_the_largest_frame_is_written_in_parts_as_ever() {
    let sim = new_disk();
    let mut file = snapshot(&sim);
    let value = Value::Str((0..17u32 << 20).map(|i| (i % 251) as u8).collect());
    let mut payload = Vec::new();
    mylog_core::effect::encode_put(&mut payload, 0, b"large", NEVER, value.view());
    let group = Arc::new(Group::new(file.next_seq(), 1, WALL_MS + 2, payload));
    file.append(&[group], BASE_SEQ).unwrap();
    let bytes = sim.contents(&live()).unwrap();
    assert_eq!((bytes.len(), crc32c::crc32c(&bytes)), (17_826_184, 1_060_013_095));
    let (recovered, store) = open(&sim).unwrap();
    assert_eq!(recovered.next_seq, BASE_SEQ + 2);
    assert_eq!(store.get(0, b"large").unwrap().value(), value.view());
}

//! An entry as snapshot records: one, or for a large value several parts, so that whoever writes them can look
//! at the data pipe in between. The value may change between two parts.

use crate::effect::varint::{put, put_bytes};
use crate::effect::{Db, Effect, encode_put};
use crate::store::Entry;
use crate::value::{Hash, Kind, Value};

/// What makes a value large, and how it is written.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Values of more bytes are written in parts, and what changes of them later is written by itself.
    pub large: usize,
    /// About how many bytes of a large value go into one record.
    pub part: usize,
    /// Bytes written between two looks at the data pipe.
    pub look: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            large: 64 << 10,
            part: 256 << 10,
            look: 32 << 10,
        }
    }
}

/// How far a large value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing is.
    Start,
    /// So many bytes of a string are.
    Str(usize),
    /// What a scan of the hash visits up to this cursor is; at 0 all fields.
    Hash(u64),
}

/// Fields looked at between two looks at the bytes of a part.
const FIELDS_STEP: usize = 32;

/// Gives the entry's records to `emit`, one at a time.
pub fn entry_records<E>(
    db: Db,
    entry: &Entry,
    sizes: Sizes,
    mut emit: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (mut record, mut place) = (Vec::new(), Place::Start);
    if entry.live_bytes() <= sizes.large {
        whole(db, entry, &mut record);
        return emit(&record);
    }
    loop {
        record.clear();
        let more = next_part(db, entry, sizes, &mut place, &mut record);
        emit(&record)?;
        if !more {
            return Ok(());
        }
    }
}

/// Appends the one record of a value that is not large.
pub(super) fn whole(db: Db, entry: &Entry, record: &mut Vec<u8>) {
    encode_put(record, db, entry.key(), entry.expire_at(), entry.value());
}

/// Appends the next record of a large value, or nothing if there was nothing left. Says whether there is more.
pub(super) fn next_part(
    db: Db,
    entry: &Entry,
    sizes: Sizes,
    place: &mut Place,
    record: &mut Vec<u8>,
) -> bool {
    match entry.value() {
        Value::Str(bytes) => next_of_string(db, entry, bytes, sizes.part, place, record),
        Value::Hash(hash) => next_of_hash(db, entry, hash, sizes.part, place, record),
    }
}

fn next_of_string(
    db: Db,
    entry: &Entry,
    bytes: &[u8],
    part: usize,
    place: &mut Place,
    record: &mut Vec<u8>,
) -> bool {
    let from = match *place {
        Place::Str(from) => from,
        Place::Start | Place::Hash(_) => 0,
    };
    let to = bytes.len().min(from + part);
    let chunk = bytes.get(from..to).unwrap_or_default();
    let key = entry.key();
    if *place == Place::Start {
        let (expire_at, kind, body) = (entry.expire_at(), Kind::Str, chunk);
        Effect::Put {
            db,
            key,
            expire_at,
            kind,
            body,
        }
        .encode(record);
    } else if !chunk.is_empty() {
        Effect::StrAppend { db, key, tail: chunk }.encode(record);
    }
    *place = Place::Str(to);
    to < bytes.len()
}

fn next_of_hash(
    db: Db,
    entry: &Entry,
    hash: &Hash,
    part: usize,
    place: &mut Place,
    record: &mut Vec<u8>,
) -> bool {
    let mut cursor = match *place {
        Place::Hash(0) => return false,
        Place::Hash(cursor) => cursor,
        Place::Start | Place::Str(_) => 0,
    };
    let mut pairs: Vec<(&[u8], &[u8])> = Vec::new();
    let mut bytes = 0;
    loop {
        cursor = hash.scan(cursor, FIELDS_STEP, |field, value| {
            bytes += field.len() + value.len() + 2;
            pairs.push((field, value));
        });
        if cursor == 0 || bytes >= part {
            break;
        }
    }
    let key = entry.key();
    if *place == Place::Start {
        let body = pairs_body(&pairs);
        let (expire_at, kind, body) = (entry.expire_at(), Kind::Hash, &body[..]);
        Effect::Put {
            db,
            key,
            expire_at,
            kind,
            body,
        }
        .encode(record);
    } else if !pairs.is_empty() {
        let pairs = pairs.into();
        Effect::HashSet { db, key, pairs }.encode(record);
    }
    *place = Place::Hash(cursor);
    cursor != 0
}

fn pairs_body(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    put(&mut body, pairs.len() as u64);
    for (field, value) in pairs {
        put_bytes(&mut body, field);
        put_bytes(&mut body, value);
    }
    body
}

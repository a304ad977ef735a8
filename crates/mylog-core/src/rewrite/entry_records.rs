//! An entry as snapshot records: one, or for a large value several, so that whoever writes them can look
//! at the data pipe in between.

use crate::effect::varint::{put, put_bytes};
use crate::effect::{Db, Effect, ExpireAt, encode_put};
use crate::store::Entry;
use crate::value::{Hash, Kind, Value};

/// About how many bytes of a large value go into one record.
const CHUNK_BYTES: usize = 256 << 10;

/// Gives the entry's records to `emit`, one at a time.
pub fn entry_records<E>(
    db: Db,
    entry: &Entry,
    mut emit: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (key, expire_at) = (entry.key(), entry.expire_at());
    match entry.value() {
        Value::Str(bytes) if bytes.len() > CHUNK_BYTES => string_records(db, key, expire_at, bytes, emit),
        Value::Hash(hash) if hash.data_bytes() + hash.len() > CHUNK_BYTES => {
            hash_records(db, key, expire_at, hash, emit)
        }
        value => {
            let mut record = Vec::with_capacity(32 + key.len() + value.body_len());
            encode_put(&mut record, db, key, expire_at, value);
            emit(&record)
        }
    }
}

fn string_records<E>(
    db: Db,
    key: &[u8],
    expire_at: ExpireAt,
    bytes: &[u8],
    mut emit: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut record = Vec::new();
    for (index, chunk) in bytes.chunks(CHUNK_BYTES).enumerate() {
        record.clear();
        match index {
            0 => Effect::Put {
                db,
                key,
                expire_at,
                kind: Kind::Str,
                body: chunk,
            },
            _ => Effect::StrAppend { db, key, tail: chunk },
        }
        .encode(&mut record);
        emit(&record)?;
    }
    Ok(())
}

fn hash_records<E>(
    db: Db,
    key: &[u8],
    expire_at: ExpireAt,
    hash: &Hash,
    mut emit: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut record = Vec::new();
    let mut pairs: Vec<(&[u8], &[u8])> = Vec::new();
    let (mut bytes, mut begun) = (0, false);
    let mut fields = hash.iter().peekable();
    while let Some((field, value)) = fields.next() {
        pairs.push((field, value));
        bytes += field.len() + value.len() + 2;
        if bytes < CHUNK_BYTES && fields.peek().is_some() {
            continue;
        }
        record.clear();
        if begun {
            let pairs = std::mem::take(&mut pairs);
            Effect::HashSet {
                db,
                key,
                pairs: pairs.into(),
            }
            .encode(&mut record);
        } else {
            let body = pairs_body(&pairs);
            Effect::Put {
                db,
                key,
                expire_at,
                kind: Kind::Hash,
                body: &body,
            }
            .encode(&mut record);
        }
        (bytes, begun) = (0, true);
        pairs.clear();
        emit(&record)?;
    }
    Ok(())
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

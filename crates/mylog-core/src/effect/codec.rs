//! Records: effects as bytes. `docs/FORMAT.md`, section 8, is the normative text.
//!
//! A record tells its own length; records stand one after the other with nothing between them. Allocation
//! while decoding is bounded by the bytes there are.

use super::change::{Change, Effect};
use super::change_codec::{put_expire, take_db};
use super::database::Db;
use super::expire_time::ExpireAt;
use super::tag;
use crate::value::ValueRef;
use crate::varint::{put, put_bytes, take, take_bytes};

/// Bytes that are no record, though their checksums were right: a later version wrote them, or a bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("record {index} of its group (type {tag}) can't be read")]
pub struct BadRecord {
    /// Which record of the payload, from 0.
    pub index: u32,
    /// Its type byte.
    pub tag: u8,
}

fn put_head(out: &mut Vec<u8>, tag: u8, db: Db, key: &[u8]) {
    out.push(tag);
    put(out, u64::from(db));
    put_bytes(out, key);
}

/// Appends the record of [`Change::Put`] for a live value, without making its body first.
pub fn encode_put(out: &mut Vec<u8>, db: Db, key: &[u8], expire_at: ExpireAt, value: ValueRef<'_>) {
    put_head(out, tag::PUT, db, key);
    put_expire(out, expire_at);
    out.push(value.kind().code());
    put(out, value.body_len() as u64);
    value.encode_body(out);
}

impl<'a> Effect<'a> {
    /// Appends the record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Key { db, key, change } => {
                put_head(out, change.tag(), *db, key);
                change.encode(out);
            }
            Self::FlushDb { db } => {
                out.push(tag::FLUSH_DB);
                put(out, u64::from(*db));
            }
            Self::FlushAll => out.push(tag::FLUSH_ALL),
            Self::SwapDb { a, b } => {
                out.push(tag::SWAP_DB);
                put(out, u64::from(*a));
                put(out, u64::from(*b));
            }
            Self::Lineage { uuid, seq } => {
                out.push(tag::LINEAGE);
                out.extend_from_slice(uuid);
                put(out, *seq);
            }
        }
    }

    /// Takes one record off the front of `bytes`; `None` if they are not one.
    pub fn decode(bytes: &mut &'a [u8]) -> Option<Self> {
        let (&tag, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(match tag {
            tag::FLUSH_ALL => Self::FlushAll,
            tag::FLUSH_DB => Self::FlushDb { db: take_db(bytes)? },
            tag::SWAP_DB => Self::SwapDb {
                a: take_db(bytes)?,
                b: take_db(bytes)?,
            },
            tag::LINEAGE => {
                let (&uuid, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                let seq = take(bytes)?;
                Self::Lineage { uuid, seq }
            }
            tag => {
                let (db, key) = (take_db(bytes)?, take_bytes(bytes)?);
                Change::decode(tag, bytes)?.of(db, key)
            }
        })
    }
}

/// Gives each of the `count` records in `payload` to `each`, in order.
///
/// # Errors
/// [`BadRecord`] where the bytes are no record or their number is another; and what `each` returns.
pub fn decode_records<'a, E: From<BadRecord>>(
    mut payload: &'a [u8],
    count: u32,
    mut each: impl FnMut(u32, Effect<'a>) -> Result<(), E>,
) -> Result<(), E> {
    for index in 0..count {
        let tag = payload.first().copied().unwrap_or(0);
        let effect = Effect::decode(&mut payload).ok_or(BadRecord { index, tag })?;
        each(index, effect)?;
    }
    match payload.first() {
        None => Ok(()),
        Some(&tag) => Err(BadRecord { index: count, tag }.into()),
    }
}

//! Records: effects as bytes. `docs/FORMAT.md`, section 8, is the normative text.
//!
//! A record tells its own length; records stand one behind the other with nothing between them. Allocation
//! while decoding is bounded by the bytes there are.

use std::borrow::Cow;

use super::change::Effect;
use super::database::Db;
use super::expire_time::{ExpireAt, NEVER, Ttl};
use crate::value::{Kind, Side, ValueRef};
use crate::varint::{put, put_bytes, put_score, take, take_bytes, take_score};

mod tag {
    pub(super) const PUT: u8 = 1;
    pub(super) const DEL: u8 = 2;
    pub(super) const EXPIRE: u8 = 3;
    pub(super) const RENAME: u8 = 4;
    pub(super) const COPY: u8 = 5;
    pub(super) const FLUSH_DB: u8 = 6;
    pub(super) const FLUSH_ALL: u8 = 7;
    pub(super) const SWAP_DB: u8 = 8;
    pub(super) const LINEAGE: u8 = 9;
    pub(super) const STR_SET: u8 = 16;
    pub(super) const STR_APPEND: u8 = 17;
    pub(super) const STR_RANGE: u8 = 18;
    pub(super) const HASH_SET: u8 = 32;
    pub(super) const HASH_DEL: u8 = 33;
    pub(super) const LIST_PUSH: u8 = 48;
    pub(super) const LIST_POP: u8 = 49;
    pub(super) const LIST_SET: u8 = 50;
    pub(super) const LIST_INSERT: u8 = 51;
    pub(super) const LIST_REMOVE: u8 = 52;
    pub(super) const LIST_REMOVE_AT: u8 = 53;
    pub(super) const SET_ADD: u8 = 64;
    pub(super) const SET_REMOVE: u8 = 65;
    pub(super) const ZSET_SET: u8 = 80;
    pub(super) const ZSET_REMOVE: u8 = 81;
}

/// Bytes that are no record, though their checksums were right: a later version wrote them, or a bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("record {index} of its group (type {tag}) can't be read")]
pub struct BadRecord {
    /// Which record of the payload, from 0.
    pub index: u32,
    /// Its type byte.
    pub tag: u8,
}

/// Appends a key's end: 0 for [`NEVER`], else its ms + 1, so that all of them are unsigned and short.
fn put_expire(out: &mut Vec<u8>, at: ExpireAt) {
    put(out, if at < 0 { 0 } else { at.unsigned_abs() + 1 });
}

fn take_expire(bytes: &mut &[u8]) -> Option<ExpireAt> {
    match take(bytes)? {
        0 => Some(NEVER),
        at => ExpireAt::try_from(at - 1).ok(),
    }
}

fn put_head(out: &mut Vec<u8>, tag: u8, db: Db, key: &[u8]) {
    out.push(tag);
    put(out, u64::from(db));
    put_bytes(out, key);
}

/// Appends the record of [`Effect::Put`] for a live value, without making its body first.
pub fn encode_put(out: &mut Vec<u8>, db: Db, key: &[u8], expire_at: ExpireAt, value: ValueRef<'_>) {
    put_head(out, tag::PUT, db, key);
    put_expire(out, expire_at);
    out.push(value.kind().code());
    put(out, value.body_len() as u64);
    value.encode_body(out);
}

impl<'a> Effect<'a> {
    /// Appends the record.
    #[expect(clippy::too_many_lines, reason = "an arm for each effect")]
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Put {
                db,
                key,
                expire_at,
                kind,
                body,
            } => {
                put_head(out, tag::PUT, *db, key);
                put_expire(out, *expire_at);
                out.push(kind.code());
                put_bytes(out, body);
            }
            Self::Del { db, key } => put_head(out, tag::DEL, *db, key),
            Self::Expire { db, key, expire_at } => {
                put_head(out, tag::EXPIRE, *db, key);
                put_expire(out, *expire_at);
            }
            Self::Rename { db, key, to_db, to } => put_pair(out, tag::RENAME, (*db, key), (*to_db, to)),
            Self::Copy { db, key, to_db, to } => put_pair(out, tag::COPY, (*db, key), (*to_db, to)),
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
            Self::StrSet { db, key, ttl, value } => {
                put_head(out, tag::STR_SET, *db, key);
                match ttl {
                    Ttl::Keep => out.push(0),
                    Ttl::Set(at) => {
                        out.push(1);
                        put_expire(out, *at);
                    }
                }
                put_bytes(out, value);
            }
            Self::StrAppend { db, key, tail } => {
                put_head(out, tag::STR_APPEND, *db, key);
                put_bytes(out, tail);
            }
            Self::HashSet { db, key, pairs } => {
                put_head(out, tag::HASH_SET, *db, key);
                put(out, pairs.len() as u64);
                for (field, value) in pairs.iter() {
                    put_bytes(out, field);
                    put_bytes(out, value);
                }
            }
            Self::HashDel { db, key, fields } => put_names(out, tag::HASH_DEL, (*db, key), fields),
            Self::StrRange {
                db,
                key,
                offset,
                bytes,
            } => put_at(out, tag::STR_RANGE, (*db, key), *offset, bytes),
            Self::ListPush {
                db,
                key,
                side,
                elements,
            } => {
                put_head(out, tag::LIST_PUSH, *db, key);
                out.push(side_code(*side));
                put_all(out, elements);
            }
            Self::ListPop { db, key, side, count } => {
                put_head(out, tag::LIST_POP, *db, key);
                out.push(side_code(*side));
                put(out, *count);
            }
            Self::ListSet {
                db,
                key,
                index,
                element,
            } => put_at(out, tag::LIST_SET, (*db, key), *index, element),
            Self::ListInsert {
                db,
                key,
                index,
                element,
            } => put_at(out, tag::LIST_INSERT, (*db, key), *index, element),
            Self::ListRemove {
                db,
                key,
                start,
                count,
            } => {
                put_head(out, tag::LIST_REMOVE, *db, key);
                put(out, *start);
                put(out, *count);
            }
            Self::ListRemoveAt { db, key, indexes } => {
                put_head(out, tag::LIST_REMOVE_AT, *db, key);
                put(out, indexes.len() as u64);
                indexes.iter().for_each(|&index| put(out, index));
            }
            Self::SetAdd { db, key, members } => put_names(out, tag::SET_ADD, (*db, key), members),
            Self::SetRemove { db, key, members } => put_names(out, tag::SET_REMOVE, (*db, key), members),
            Self::ZSetSet { db, key, members } => {
                put_head(out, tag::ZSET_SET, *db, key);
                put(out, members.len() as u64);
                for (score, member) in members.iter() {
                    put_bytes(out, member);
                    put_score(out, *score);
                }
            }
            Self::ZSetRemove { db, key, members } => put_names(out, tag::ZSET_REMOVE, (*db, key), members),
        }
    }

    /// Takes one record off the front of `bytes`; `None` if they are not one.
    #[expect(clippy::too_many_lines, reason = "an arm for each effect")]
    pub fn decode(bytes: &mut &'a [u8]) -> Option<Self> {
        let (&tag, rest) = bytes.split_first()?;
        *bytes = rest;
        match tag {
            tag::FLUSH_ALL => return Some(Self::FlushAll),
            tag::FLUSH_DB => return Some(Self::FlushDb { db: take_db(bytes)? }),
            tag::SWAP_DB => {
                return Some(Self::SwapDb {
                    a: take_db(bytes)?,
                    b: take_db(bytes)?,
                });
            }
            tag::LINEAGE => {
                let (&uuid, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                return Some(Self::Lineage {
                    uuid,
                    seq: take(bytes)?,
                });
            }
            _ => {}
        }
        let db = take_db(bytes)?;
        let key = take_bytes(bytes)?;
        Some(match tag {
            tag::PUT => {
                let expire_at = take_expire(bytes)?;
                let (&kind, rest) = bytes.split_first()?;
                *bytes = rest;
                Self::Put {
                    db,
                    key,
                    expire_at,
                    kind: Kind::from_code(kind)?,
                    body: take_bytes(bytes)?,
                }
            }
            tag::DEL => Self::Del { db, key },
            tag::EXPIRE => Self::Expire {
                db,
                key,
                expire_at: take_expire(bytes)?,
            },
            tag::RENAME => Self::Rename {
                db,
                key,
                to_db: take_db(bytes)?,
                to: take_bytes(bytes)?,
            },
            tag::COPY => Self::Copy {
                db,
                key,
                to_db: take_db(bytes)?,
                to: take_bytes(bytes)?,
            },
            tag::STR_SET => {
                let (&keeps, rest) = bytes.split_first()?;
                *bytes = rest;
                let ttl = match keeps {
                    0 => Ttl::Keep,
                    1 => Ttl::Set(take_expire(bytes)?),
                    _ => return None,
                };
                Self::StrSet {
                    db,
                    key,
                    ttl,
                    value: take_bytes(bytes)?,
                }
            }
            tag::STR_APPEND => Self::StrAppend {
                db,
                key,
                tail: take_bytes(bytes)?,
            },
            tag::HASH_SET => Self::HashSet {
                db,
                key,
                pairs: take_list(bytes, |rest| Some((take_bytes(rest)?, take_bytes(rest)?)))?,
            },
            tag::HASH_DEL => Self::HashDel {
                db,
                key,
                fields: take_list(bytes, take_bytes)?,
            },
            tag::STR_RANGE => Self::StrRange {
                db,
                key,
                offset: take(bytes)?,
                bytes: take_bytes(bytes)?,
            },
            tag::LIST_PUSH..=tag::LIST_REMOVE_AT => return Self::decode_list(tag, db, key, bytes),
            tag::SET_ADD => Self::SetAdd {
                db,
                key,
                members: take_list(bytes, take_bytes)?,
            },
            tag::SET_REMOVE => Self::SetRemove {
                db,
                key,
                members: take_list(bytes, take_bytes)?,
            },
            tag::ZSET_SET => Self::ZSetSet {
                db,
                key,
                members: take_list(bytes, |rest| {
                    let member = take_bytes(rest)?;
                    Some((take_score(rest)?, member))
                })?,
            },
            tag::ZSET_REMOVE => Self::ZSetRemove {
                db,
                key,
                members: take_list(bytes, take_bytes)?,
            },
            _ => return None,
        })
    }

    fn decode_list(tag: u8, db: Db, key: &'a [u8], bytes: &mut &'a [u8]) -> Option<Self> {
        Some(match tag {
            tag::LIST_PUSH => Self::ListPush {
                db,
                key,
                side: take_side(bytes)?,
                elements: take_list(bytes, take_bytes)?,
            },
            tag::LIST_POP => Self::ListPop {
                db,
                key,
                side: take_side(bytes)?,
                count: take(bytes)?,
            },
            tag::LIST_SET => Self::ListSet {
                db,
                key,
                index: take(bytes)?,
                element: take_bytes(bytes)?,
            },
            tag::LIST_INSERT => Self::ListInsert {
                db,
                key,
                index: take(bytes)?,
                element: take_bytes(bytes)?,
            },
            tag::LIST_REMOVE => Self::ListRemove {
                db,
                key,
                start: take(bytes)?,
                count: take(bytes)?,
            },
            tag::LIST_REMOVE_AT => Self::ListRemoveAt {
                db,
                key,
                indexes: take_list(bytes, take)?,
            },
            _ => return None,
        })
    }
}

fn side_code(side: Side) -> u8 {
    match side {
        Side::Head => 0,
        Side::Tail => 1,
    }
}

fn take_side(bytes: &mut &[u8]) -> Option<Side> {
    let (&side, rest) = bytes.split_first()?;
    *bytes = rest;
    match side {
        0 => Some(Side::Head),
        1 => Some(Side::Tail),
        _ => None,
    }
}

fn put_at(out: &mut Vec<u8>, tag: u8, (db, key): (Db, &[u8]), at: u64, bytes: &[u8]) {
    put_head(out, tag, db, key);
    put(out, at);
    put_bytes(out, bytes);
}

fn put_names(out: &mut Vec<u8>, tag: u8, (db, key): (Db, &[u8]), names: &[&[u8]]) {
    put_head(out, tag, db, key);
    put_all(out, names);
}

fn put_all(out: &mut Vec<u8>, all: &[&[u8]]) {
    put(out, all.len() as u64);
    all.iter().for_each(|one| put_bytes(out, one));
}

fn put_pair(out: &mut Vec<u8>, tag: u8, from: (Db, &[u8]), to: (Db, &[u8])) {
    put_head(out, tag, from.0, from.1);
    put(out, u64::from(to.0));
    put_bytes(out, to.1);
}

fn take_db(bytes: &mut &[u8]) -> Option<Db> {
    Db::try_from(take(bytes)?).ok()
}

fn take_list<'a, T: Clone>(
    bytes: &mut &'a [u8],
    mut one: impl FnMut(&mut &'a [u8]) -> Option<T>,
) -> Option<Cow<'a, [T]>> {
    let count = usize::try_from(take(bytes)?).ok()?;
    // Every item takes a byte at least: a false count can't make us reserve more than there is.
    if count == 0 || count > bytes.len() {
        return None;
    }
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(one(bytes)?);
    }
    Some(Cow::Owned(items))
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

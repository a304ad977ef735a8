//! Changes of a key as bytes: the part of a record after the key.

use std::borrow::Cow;

use super::change::Change;
use super::database::Db;
use super::expire_time::{ExpireAt, NEVER, Ttl};
use super::tag;
use crate::value::{Kind, Side};
use crate::varint::{put, put_bytes, put_score, take, take_bytes, take_score};

impl<'a> Change<'a> {
    /// The byte that begins its record.
    pub(super) fn tag(&self) -> u8 {
        match self {
            Self::Put { .. } => tag::PUT,
            Self::Del => tag::DEL,
            Self::Expire { .. } => tag::EXPIRE,
            Self::Rename { .. } => tag::RENAME,
            Self::Copy { .. } => tag::COPY,
            Self::StrSet { .. } => tag::STR_SET,
            Self::StrAppend { .. } => tag::STR_APPEND,
            Self::StrRange { .. } => tag::STR_RANGE,
            Self::HashSet { .. } => tag::HASH_SET,
            Self::HashDel { .. } => tag::HASH_DEL,
            Self::ListPush { .. } => tag::LIST_PUSH,
            Self::ListPop { .. } => tag::LIST_POP,
            Self::ListSet { .. } => tag::LIST_SET,
            Self::ListInsert { .. } => tag::LIST_INSERT,
            Self::ListRemove { .. } => tag::LIST_REMOVE,
            Self::ListRemoveAt { .. } => tag::LIST_REMOVE_AT,
            Self::SetAdd { .. } => tag::SET_ADD,
            Self::SetRemove { .. } => tag::SET_REMOVE,
            Self::ZSetSet { .. } => tag::ZSET_SET,
            Self::ZSetRemove { .. } => tag::ZSET_REMOVE,
        }
    }

    /// Appends what its record has after the key.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Put {
                expire_at,
                kind,
                body,
            } => {
                put_expire(out, *expire_at);
                out.push(kind.code());
                put_bytes(out, body);
            }
            Self::Del => {}
            Self::Expire { expire_at } => put_expire(out, *expire_at),
            Self::Rename { to_db, to } | Self::Copy { to_db, to } => put_at(out, u64::from(*to_db), to),
            Self::StrSet { ttl, value } => {
                put_ttl(out, *ttl);
                put_bytes(out, value);
            }
            Self::StrAppend { tail } => put_bytes(out, tail),
            Self::StrRange { offset, bytes } => put_at(out, *offset, bytes),
            Self::HashSet { pairs } => put_list(out, pairs, |out, (field, value)| {
                put_bytes(out, field);
                put_bytes(out, value);
            }),
            Self::ListPush { side, elements } => {
                out.push(side_code(*side));
                put_all(out, elements);
            }
            Self::ListPop { side, count } => {
                out.push(side_code(*side));
                put(out, *count);
            }
            Self::ListSet { index, element } | Self::ListInsert { index, element } => {
                put_at(out, *index, element)
            }
            Self::ListRemove { start, count } => {
                put(out, *start);
                put(out, *count);
            }
            Self::ListRemoveAt { indexes } => put_list(out, indexes, |out, &index| put(out, index)),
            Self::ZSetSet { members } => put_list(out, members, |out, (score, member)| {
                put_bytes(out, member);
                put_score(out, *score);
            }),
            Self::HashDel { fields: names }
            | Self::SetAdd { members: names }
            | Self::SetRemove { members: names }
            | Self::ZSetRemove { members: names } => put_all(out, names),
        }
    }

    /// Takes what a record with this tag has after the key off the front of `bytes`; `None` if they are not that.
    pub(super) fn decode(tag: u8, bytes: &mut &'a [u8]) -> Option<Self> {
        Some(match tag {
            tag::PUT => Self::Put {
                expire_at: take_expire(bytes)?,
                kind: Kind::from_code(take_byte(bytes)?)?,
                body: take_bytes(bytes)?,
            },
            tag::DEL => Self::Del,
            tag::EXPIRE => Self::Expire {
                expire_at: take_expire(bytes)?,
            },
            tag::RENAME => Self::Rename {
                to_db: take_db(bytes)?,
                to: take_bytes(bytes)?,
            },
            tag::COPY => Self::Copy {
                to_db: take_db(bytes)?,
                to: take_bytes(bytes)?,
            },
            tag::STR_SET => Self::StrSet {
                ttl: take_ttl(bytes)?,
                value: take_bytes(bytes)?,
            },
            tag::STR_APPEND => Self::StrAppend {
                tail: take_bytes(bytes)?,
            },
            tag::STR_RANGE => Self::StrRange {
                offset: take(bytes)?,
                bytes: take_bytes(bytes)?,
            },
            tag::HASH_SET => Self::HashSet {
                pairs: take_list(bytes, |rest| Some((take_bytes(rest)?, take_bytes(rest)?)))?,
            },
            tag::HASH_DEL => Self::HashDel {
                fields: take_list(bytes, take_bytes)?,
            },
            tag::LIST_PUSH..=tag::LIST_REMOVE_AT => return Self::decode_list(tag, bytes),
            tag::SET_ADD => Self::SetAdd {
                members: take_list(bytes, take_bytes)?,
            },
            tag::SET_REMOVE => Self::SetRemove {
                members: take_list(bytes, take_bytes)?,
            },
            tag::ZSET_SET => Self::ZSetSet {
                members: take_list(bytes, take_scored)?,
            },
            tag::ZSET_REMOVE => Self::ZSetRemove {
                members: take_list(bytes, take_bytes)?,
            },
            _ => return None,
        })
    }

    fn decode_list(tag: u8, bytes: &mut &'a [u8]) -> Option<Self> {
        Some(match tag {
            tag::LIST_PUSH => Self::ListPush {
                side: take_side(bytes)?,
                elements: take_list(bytes, take_bytes)?,
            },
            tag::LIST_POP => Self::ListPop {
                side: take_side(bytes)?,
                count: take(bytes)?,
            },
            tag::LIST_SET => Self::ListSet {
                index: take(bytes)?,
                element: take_bytes(bytes)?,
            },
            tag::LIST_INSERT => Self::ListInsert {
                index: take(bytes)?,
                element: take_bytes(bytes)?,
            },
            tag::LIST_REMOVE => Self::ListRemove {
                start: take(bytes)?,
                count: take(bytes)?,
            },
            tag::LIST_REMOVE_AT => Self::ListRemoveAt {
                indexes: take_list(bytes, take)?,
            },
            _ => return None,
        })
    }
}

/// Appends an expire time: 0 for [`NEVER`], else its ms + 1, so that all of them are unsigned and short.
pub(super) fn put_expire(out: &mut Vec<u8>, at: ExpireAt) {
    put(out, if at < 0 { 0 } else { at.unsigned_abs() + 1 });
}

fn take_expire(bytes: &mut &[u8]) -> Option<ExpireAt> {
    match take(bytes)? {
        0 => Some(NEVER),
        at => ExpireAt::try_from(at - 1).ok(),
    }
}

fn put_ttl(out: &mut Vec<u8>, ttl: Ttl) {
    match ttl {
        Ttl::Keep => out.push(0),
        Ttl::Set(at) => {
            out.push(1);
            put_expire(out, at);
        }
    }
}

fn take_ttl(bytes: &mut &[u8]) -> Option<Ttl> {
    match take_byte(bytes)? {
        0 => Some(Ttl::Keep),
        1 => Some(Ttl::Set(take_expire(bytes)?)),
        _ => None,
    }
}

fn side_code(side: Side) -> u8 {
    match side {
        Side::Head => 0,
        Side::Tail => 1,
    }
}

fn take_side(bytes: &mut &[u8]) -> Option<Side> {
    match take_byte(bytes)? {
        0 => Some(Side::Head),
        1 => Some(Side::Tail),
        _ => None,
    }
}

/// Appends a number and the bytes that belong to it: an offset, an index, or the database of another key.
fn put_at(out: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    put(out, at);
    put_bytes(out, bytes);
}

fn put_all(out: &mut Vec<u8>, all: &[&[u8]]) {
    put_list(out, all, |out, one| put_bytes(out, one));
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], mut one: impl FnMut(&mut Vec<u8>, &T)) {
    put(out, items.len() as u64);
    items.iter().for_each(|item| one(out, item));
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

fn take_scored<'a>(bytes: &mut &'a [u8]) -> Option<(f64, &'a [u8])> {
    let member = take_bytes(bytes)?;
    Some((take_score(bytes)?, member))
}

fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(byte)
}

/// Takes a database number off the front.
pub(super) fn take_db(bytes: &mut &[u8]) -> Option<Db> {
    Db::try_from(take(bytes)?).ok()
}

//! An entry as snapshot records: one, or for a large value several parts, so that whoever writes them can look
//! at the data pipe in between. The value may change between two parts.

use super::list_image::ListImage;
use super::named::{Named, Part};
use crate::effect::{Change, Db, encode_put};
use crate::store::Entry;
use crate::value::{Kind, List, ValueRef};

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
    /// What a scan of the value visits up to this cursor is; at 0 all its parts.
    Named(u64),
    /// This of a list is.
    List(ListImage),
}

/// Fields or members looked at between two looks at the bytes of a record.
const PARTS_STEP: usize = 32;

/// Gives the entry's records to `emit`, one at a time.
pub fn entry_records<E>(
    db: Db,
    entry: Entry<'_>,
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
pub(super) fn whole(db: Db, entry: Entry<'_>, record: &mut Vec<u8>) {
    encode_put(record, db, entry.key(), entry.expire_at(), entry.value());
}

/// Appends the next record of a large value, or nothing if there was nothing left. Says whether there is more.
pub(super) fn next_part(
    db: Db,
    entry: Entry<'_>,
    sizes: Sizes,
    place: &mut Place,
    record: &mut Vec<u8>,
) -> bool {
    match (entry.value(), Named::of(entry.value())) {
        (ValueRef::Str(bytes), _) => next_of_string(db, entry, bytes, sizes.part, place, record),
        (ValueRef::List(list), _) => next_of_list(db, entry, list, sizes.part, place, record),
        (_, Some(named)) => next_of_named(db, entry, named, sizes.part, place, record),
        (_, None) => false,
    }
}

fn next_of_string(
    db: Db,
    entry: Entry<'_>,
    bytes: &[u8],
    part: usize,
    place: &mut Place,
    record: &mut Vec<u8>,
) -> bool {
    let from = match *place {
        Place::Str(from) => from,
        Place::Start | Place::Named(_) | Place::List(_) => 0,
    };
    let to = bytes.len().min(from + part);
    let chunk = bytes.get(from..to).unwrap_or_default();
    let key = entry.key();
    if *place == Place::Start {
        let (expire_at, kind, body) = (entry.expire_at(), Kind::Str, chunk);
        Change::Put {
            expire_at,
            kind,
            body,
        }
        .of(db, key)
        .encode(record);
    } else if !chunk.is_empty() {
        Change::StrAppend { tail: chunk }.of(db, key).encode(record);
    }
    *place = Place::Str(to);
    to < bytes.len()
}

fn next_of_list(
    db: Db,
    entry: Entry<'_>,
    list: &List,
    part: usize,
    place: &mut Place,
    record: &mut Vec<u8>,
) -> bool {
    let image = match *place {
        Place::List(mut image) => {
            image.next(db, entry.key(), list, part, record);
            image
        }
        Place::Start | Place::Named(_) | Place::Str(_) => ListImage::begin(db, entry, list, part, record),
    };
    *place = Place::List(image);
    !image.is_whole(list)
}

fn next_of_named(
    db: Db,
    entry: Entry<'_>,
    named: Named<'_>,
    part: usize,
    place: &mut Place,
    record: &mut Vec<u8>,
) -> bool {
    let mut cursor = match *place {
        Place::Named(0) => return false,
        Place::Named(cursor) => cursor,
        Place::Start | Place::Str(_) | Place::List(_) => 0,
    };
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut bytes = 0;
    loop {
        cursor = named.scan(cursor, PARTS_STEP, |part| {
            bytes += part.bytes();
            parts.push(part);
        });
        if cursor == 0 || bytes >= part {
            break;
        }
    }
    let key = entry.key();
    if *place == Place::Start {
        let (expire_at, kind, body) = (entry.expire_at(), entry.value().kind(), &*named.body(&parts));
        Change::Put {
            expire_at,
            kind,
            body,
        }
        .of(db, key)
        .encode(record);
    } else if !parts.is_empty() {
        named.encode_set((db, key), &parts, record);
    }
    *place = Place::Named(cursor);
    cursor != 0
}

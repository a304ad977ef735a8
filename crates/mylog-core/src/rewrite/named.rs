//! What values of named parts have in common, for whoever writes them in slices: the fields of a hash, the members
//! of a set, the members of a sorted set with their scores.

use crate::effect::{Change, Db};
use crate::value::{Hash, Member, Set, ValueRef, ZSet};
use crate::varint::{put, put_bytes, put_score};

/// A value of named parts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'a> {
    Hash(&'a Hash),
    Set(&'a Set),
    ZSet(&'a ZSet),
}

/// A part: its name, and what it has beside that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) name: Member<'a>,
    content: Content<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    Value(&'a [u8]),
    Nothing,
    Score(f64),
}

impl<'a> Part<'a> {
    fn of_hash((name, value): (&'a [u8], &'a [u8])) -> Self {
        let (name, content) = (name.into(), Content::Value(value));
        Self { name, content }
    }

    fn of_set(name: Member<'a>) -> Self {
        let content = Content::Nothing;
        Self { name, content }
    }

    fn of_zset((name, score): (&'a [u8], f64)) -> Self {
        let (name, content) = (name.into(), Content::Score(score));
        Self { name, content }
    }

    /// About what it takes in a record.
    pub(super) fn bytes(&self) -> usize {
        let content = match self.content {
            Content::Value(value) => value.len() + 1,
            Content::Nothing => 0,
            Content::Score(_) => size_of::<f64>(),
        };
        self.name.len() + 1 + content
    }

    fn value(&self) -> &'a [u8] {
        match self.content {
            Content::Value(value) => value,
            Content::Nothing | Content::Score(_) => &[],
        }
    }

    fn score(&self) -> f64 {
        match self.content {
            Content::Score(score) => score,
            Content::Nothing | Content::Value(_) => 0.0,
        }
    }
}

impl<'a> Named<'a> {
    /// The value, if it has named parts.
    pub(super) fn of(value: ValueRef<'a>) -> Option<Self> {
        match value {
            ValueRef::Hash(hash) => Some(Self::Hash(hash)),
            ValueRef::Set(set) => Some(Self::Set(set)),
            ValueRef::ZSet(zset) => Some(Self::ZSet(zset)),
            ValueRef::Str(_) | ValueRef::List(_) => None,
        }
    }

    /// Number of parts.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Hash(hash) => hash.len(),
            Self::Set(set) => set.len(),
            Self::ZSet(zset) => zset.len(),
        }
    }

    pub(super) fn get(self, name: &'a [u8]) -> Option<Part<'a>> {
        match self {
            Self::Hash(hash) => hash.get(name).map(|value| Part::of_hash((name, value))),
            Self::Set(set) => set.contains(name).then(|| Part::of_set(name.into())),
            Self::ZSet(zset) => zset.score(name).map(|score| Part::of_zset((name, score))),
        }
    }

    /// Any part; `None` if there is none.
    pub(super) fn any(self) -> Option<Part<'a>> {
        match self {
            Self::Hash(hash) => hash.nth(0).map(Part::of_hash),
            Self::Set(set) => set.nth(0).map(Part::of_set),
            Self::ZSet(zset) => zset.get(0).map(Part::of_zset),
        }
    }

    pub(super) fn scan(self, cursor: u64, count: usize, mut visit: impl FnMut(Part<'a>)) -> u64 {
        match self {
            Self::Hash(hash) => hash.scan(cursor, count, |name, value| {
                visit(Part::of_hash((name, value)));
            }),
            Self::Set(set) => set.scan(cursor, count, |name| visit(Part::of_set(name))),
            Self::ZSet(zset) => zset.scan(cursor, count, |name, score| {
                visit(Part::of_zset((name, score)));
            }),
        }
    }

    pub(super) fn is_ahead(self, cursor: u64, name: &[u8]) -> bool {
        match self {
            Self::Hash(hash) => hash.is_ahead(cursor, name),
            Self::Set(set) => set.is_ahead(cursor, name),
            Self::ZSet(zset) => zset.is_ahead(cursor, name),
        }
    }

    /// The body of a value of these parts.
    pub(super) fn body(self, parts: &[Part<'_>]) -> Vec<u8> {
        let mut body = Vec::new();
        put(&mut body, parts.len() as u64);
        for part in parts {
            put_bytes(&mut body, &part.name);
            match part.content {
                Content::Value(value) => put_bytes(&mut body, value),
                Content::Nothing => {}
                Content::Score(score) => put_score(&mut body, score),
            }
        }
        body
    }

    /// Appends the record that gives the value these parts.
    pub(super) fn encode_set(self, (db, key): (Db, &[u8]), parts: &[Part<'_>], record: &mut Vec<u8>) {
        match self {
            Self::Hash(_) => {
                let pairs: Vec<_> = parts.iter().map(|part| (&*part.name, part.value())).collect();
                let pairs = pairs.into();
                Change::HashSet { pairs }.of(db, key).encode(record);
            }
            Self::Set(_) => {
                let members: Vec<_> = parts.iter().map(|part| &*part.name).collect();
                let members = members.into();
                Change::SetAdd { members }.of(db, key).encode(record);
            }
            Self::ZSet(_) => {
                let members: Vec<_> = parts.iter().map(|part| (part.score(), &*part.name)).collect();
                let members = members.into();
                Change::ZSetSet { members }.of(db, key).encode(record);
            }
        }
    }

    /// Appends the record that takes these parts from the value.
    pub(super) fn encode_remove(self, (db, key): (Db, &[u8]), names: &[&[u8]], record: &mut Vec<u8>) {
        let change = match self {
            Self::Hash(_) => {
                let fields = names.into();
                Change::HashDel { fields }
            }
            Self::Set(_) => {
                let members = names.into();
                Change::SetRemove { members }
            }
            Self::ZSet(_) => {
                let members = names.into();
                Change::ZSetRemove { members }
            }
        };
        change.of(db, key).encode(record);
    }
}
